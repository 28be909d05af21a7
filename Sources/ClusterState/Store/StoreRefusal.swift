/// An error reply that says that the store can't serve.
package struct StoreRefusal: Error, Equatable, Sendable {
    /// Sorts of refusals, by the words for an operator.
    package enum Kind: CaseIterable, Sendable {
        case readOnly, outOfMemory, cannotPersist, tooFewReplicas, noRight, wrongPassword, noPassword, loading, busy
        case noMaster, cluster, tooManyClients, other
    }

    package let kind: Kind
    /// The first word of the answer; of an error that a script passed on, the first word of that.
    package let code: String
    /// The rest, of one line and at most `messageCharactersMax` characters.
    package let message: String

    private static let messageCharactersMax = 160

    package init(code: String, message: String) {
        let inner = Self.passedOn(code: code, message: message)
        self.code = inner ?? code
        kind = Self.kind(self.code, message.lowercased())
        // Redis 7 adds which script it was, by its digest.
        let text = message.firstRange(of: " script: ").map { message[..<$0.lowerBound] } ?? message[...]
        let line = text.unicodeScalars.filter { $0.properties.generalCategory != .control }
        self.message = String(String.UnicodeScalarView(line).prefix(Self.messageCharactersMax))
    }

    /// Whether it is about the server, so that any operation would be refused; otherwise it may be about one command, a
    /// key or a channel.
    package var isGeneral: Bool {
        switch kind {
        case .readOnly, .outOfMemory, .cannotPersist, .tooFewReplicas, .wrongPassword, .noPassword, .loading, .busy,
            .noMaster, .tooManyClients:
            true
        case .noRight, .cluster, .other: false
        }
    }

    // MARK: Whose fault

    /// Codes that blame the command: it would be refused again by a server that is in order.
    ///
    /// ERR: all that has no code of its own, see `faultsUnderERR`. WRONGTYPE: the key holds something else. NOSCRIPT:
    /// answered by sending the script. BUSYKEY, BUSYGROUP, NOGROUP: the key or group is there already, or is not.
    /// NOTBUSY, UNKILLABLE: of SCRIPT KILL. EXECABORT: of a transaction with such a command in it. NOPROTO: of HELLO.
    /// CROSSSLOT: keys that do not lie together.
    private static let commandCodes: Set<String> = [
        "ERR", "WRONGTYPE", "NOSCRIPT", "BUSYKEY", "BUSYGROUP", "NOGROUP", "NOTBUSY", "UNKILLABLE", "EXECABORT",
        "NOPROTO", "CROSSSLOT",
    ]

    /// Errors under the code ERR, in lower case, that say that the server can't serve, or a proxy before it: what Redis
    /// 7 answers to a script that may not run a command or publish; to the one client too many; to a wrong password
    /// before version 6; of a script that was killed; and what proxies pass on of their own way to a server.
    private static let faultsUnderERR: [(text: String, kind: Kind)] = [
        ("the user executing the script", .noRight),
        ("operation not permitted", .noRight),
        ("max number of clients", .tooManyClients),
        ("invalid password", .wrongPassword),
        ("without any password configured", .wrongPassword),
        ("but no password is set", .wrongPassword),
        ("script killed by user", .busy),
        ("upstream", .other), ("connection refused", .other), ("connection timed out", .other),
        ("connection reset", .other), ("broken pipe", .other),
    ]

    /// Whether an error is the fault of the command that it answers.
    static func blamesCommand(code: String, message: String) -> Bool {
        // A text without a code: scripts may answer such errors.
        guard isCode(code) else { return true }
        guard commandCodes.contains(code) else { return false }
        guard code == "ERR" else { return true }
        if let inner = passedOn(code: code, message: message) { return commandCodes.contains(inner) }
        let text = message.lowercased()
        return !faultsUnderERR.contains { text.contains($0.text) }
    }

    private static func isCode(_ word: String) -> Bool {
        !word.isEmpty && word.utf8.allSatisfy { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }
    }

    /// The code of an error that a script ran into, where the server puts its own ERR before it, as before version 7:
    /// "ERR Error running script (call to f_…): @user_script:3: -OOM command not allowed …".
    private static func passedOn(code: String, message: String) -> String? {
        guard code == "ERR", let mark = message.firstRange(of: ": -") else { return nil }
        let word = String(message[mark.upperBound...].prefix { $0 != " " })
        return isCode(word) ? word : nil
    }

    private static func kind(_ code: String, _ message: String) -> Kind {
        switch code {
        case "READONLY": .readOnly
        case "OOM": .outOfMemory
        case "MISCONF": .cannotPersist
        case "NOREPLICAS": .tooFewReplicas
        case "NOPERM": .noRight
        case "WRONGPASS": .wrongPassword
        case "NOAUTH": .noPassword
        case "LOADING": .loading
        case "BUSY": .busy
        case "MASTERDOWN": .noMaster
        case "CLUSTERDOWN", "TRYAGAIN", "MOVED", "ASK": .cluster
        default: faultsUnderERR.first { code == "ERR" && message.contains($0.text) }?.kind ?? .other
        }
    }
}
