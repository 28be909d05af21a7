import Foundations

/// A user's session over all nodes, as the store has it.
package struct UserSession: Equatable, Sendable {
    /// A session whose nodes say nothing for so long is over, whatever they said before.
    private static let keptMilliseconds = 30 * 86_400_000

    package let id: String
    /// It was there before.
    package let isResumed: Bool
    /// Messages that were committed in it, as far as nodes have said so.
    package let messageCount: Int
    /// The last sign of the user before, in Unix milliseconds; nil when the session begins.
    package let lastActiveAt: Int?

    /// What a node has to say of a session.
    package struct News: Sendable {
        /// Messages committed since it last said so.
        package let messages: Int
        /// Unix milliseconds; 0: nothing to say.
        package let lastActiveAt: Int
        /// The id of a session that begins with this.
        package let newID: String

        package init(messages: Int, lastActiveAt: Int, newID: String) {
            self.messages = messages
            self.lastActiveAt = lastActiveAt
            self.newID = newID
        }
    }

    /// Goes on with the session, or begins one.
    /// - Parameters:
    ///   - now: Unix milliseconds.
    ///   - ttl: how long a session is kept after the last connection went, in milliseconds.
    package static func operation(_ keys: LogKeys, _ news: News, at now: Int, ttl: Int) -> StoreOperation {
        .script(
            script, keys: [keys.session, keys.members],
            arguments: [
                LogCommit.digits(now), LogCommit.digits(ttl), Array(news.newID.utf8), LogCommit.digits(news.messages),
                LogCommit.digits(news.lastActiveAt), LogCommit.digits(keptMilliseconds),
            ])
    }

    /// Reads the store's answer; nil when it is none that the script gives.
    package init?(_ reply: StoreReply) {
        guard case .array(let parts) = reply, parts.count == 4,
            case .bytes(let id) = parts[0], case .integer(let goesOn) = parts[1],
            case .integer(let count) = parts[2], case .integer(let last) = parts[3]
        else { return nil }
        self.id = String(decoding: id, as: UTF8.self)
        isResumed = goesOn == 1
        messageCount = count
        lastActiveAt = last > 0 ? last : nil
    }

    /// The script `session.lua`, and the same in Swift.
    package static let script = StoreScript(name: "session", lua: PackageResources.session_lua) {
        operations, keys, arguments throws(StoreFault) in
        let fields = ["id", "count", "last"].map { Array($0.utf8) }
        guard case .array(let known) = try operations.call(.hashGetSome(key: keys[0], fields: fields)),
            case .array(let connected) = try operations.call(.hashGetAll(key: keys[1]))
        else { preconditionFailure("hashes answer with arrays") }
        let (now, ttl) = (LogCommit.number(arguments[0]), LogCommit.number(arguments[1]))
        let last = number(known[2])
        var id = arguments[2]
        var (count, latest, goesOn) = (0, 0, false)
        if case .bytes(let text) = known[0], !connected.isEmpty || last + ttl >= now {
            goesOn = true
            (id, count, latest) = (text, number(known[1]), last)
        }
        count += LogCommit.number(arguments[3])
        let pairs = [id, LogCommit.digits(count), LogCommit.digits(max(latest, LogCommit.number(arguments[4])))]
        _ = try operations.call(
            .hashSet(key: keys[0], pairs: zip(fields, pairs).map { StorePair($0, $1) }))
        _ = try operations.call(
            .expire(key: keys[0], milliseconds: connected.isEmpty ? ttl : LogCommit.number(arguments[5])))
        return .array([.bytes(id), .integer(goesOn ? 1 : 0), .integer(count), .integer(goesOn ? last : 0)])
    }

    private static func number(_ reply: StoreReply) -> Int {
        if case .bytes(let text) = reply { LogCommit.number(text) } else { 0 }
    }
}
