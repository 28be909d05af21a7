import Core

/// A user's session over all nodes, as the store has it.
package struct UserSession: Equatable, Sendable {
    /// A session whose nodes say nothing for so long is over, whatever they said before.
    private static let keptMilliseconds = 30 * 86_400_000

    package let id: String
    /// It was there before.
    package let isResumed: Bool
    /// Messages that were committed in it, as far as nodes have said so.
    package let messageCount: Int
    /// The last sign of the user before, in Unix milliseconds by the store's clock; nil when the session begins.
    package let lastActiveAt: Int?

    /// A node's news of a session.
    package struct News: Sendable {
        /// Messages committed since it last said so.
        package let messages: Int
        /// How long ago the last sign of the user was, in milliseconds; nil: nothing to say.
        package let lastActiveAgo: Int?
        /// The id of a session that begins with this.
        package let newID: String

        package init(messages: Int, lastActiveAgo: Int?, newID: String) {
            self.messages = messages
            self.lastActiveAgo = lastActiveAgo
            self.newID = newID
        }
    }

    /// Goes on with the session, or begins one.
    /// - Parameter ttl: how long a session is kept after the last connection went, in milliseconds.
    package static func operation(_ keys: LogKeys, _ news: News, ttl: Int) -> StoreOperation {
        .script(
            script, keys: [keys.session, keys.members],
            arguments: [
                LogCommit.digits(ttl), Array(news.newID.utf8), LogCommit.digits(news.messages),
                LogCommit.digits(news.lastActiveAgo.map { max($0, 0) } ?? -1), LogCommit.digits(keptMilliseconds),
            ])
    }

    /// Reads the store's answer; nil when it is none that the script gives.
    package init?(_ reply: StoreReply) {
        guard case .array(let parts) = reply, parts.count == 4,
            let id = Stored.text(parts[0]), let goesOn = Stored.number(parts[1]),
            let count = Stored.number(parts[2]), let last = Stored.number(parts[3])
        else { return nil }
        self.id = id
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
        let (now, ttl) = (try Beat.time(operations), LogCommit.number(arguments[0]))
        let last = number(known[2])
        var id = arguments[1]
        var (count, latest, goesOn) = (0, 0, false)
        if case .bytes(let text) = known[0], !connected.isEmpty || last + ttl >= now {
            goesOn = true
            (id, count, latest) = (text, number(known[1]), last)
        }
        count += LogCommit.number(arguments[2])
        let ago = LogCommit.number(arguments[3])
        let pairs = [id, LogCommit.digits(count), LogCommit.digits(max(latest, ago >= 0 ? now - ago : 0))]
        _ = try operations.call(
            .hashSet(key: keys[0], pairs: zip(fields, pairs).map { StorePair($0, $1) }))
        _ = try operations.call(
            .expire(key: keys[0], milliseconds: connected.isEmpty ? ttl : LogCommit.number(arguments[4])))
        return .array([.bytes(id), .integer(goesOn ? 1 : 0), .integer(count), .integer(goesOn ? last : 0)])
    }

    private static func number(_ reply: StoreReply) -> Int {
        if case .bytes(let text) = reply { LogCommit.number(text) } else { 0 }
    }
}
