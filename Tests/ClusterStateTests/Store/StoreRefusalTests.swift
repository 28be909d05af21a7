import TestSupport
import Testing

@testable import ClusterState

@Suite("Whose fault an error is")
struct StoreRefusalTests {
    /// Answers of Redis 7.0, as measured where they can be brought about here.
    private static let away: [(code: String, message: String, kind: StoreRefusal.Kind)] = [
        ("READONLY", "You can't write against a read only replica.", .readOnly),
        ("OOM", "command not allowed when used memory > 'maxmemory'. script: 87f6, on @user_script:1.", .outOfMemory),
        (
            "MISCONF", "Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
            .cannotPersist
        ),
        ("NOREPLICAS", "Not enough good replicas to write.", .tooFewReplicas),
        ("NOPERM", "this user has no permissions to run the 'eval' command", .noRight),
        (
            "ERR", "The user executing the script can't run this command or subcommand script: 8, on @user_script:1.",
            .noRight
        ),
        (
            "ERR", "The user executing the script can't publish to the channel mentioned in the command script: 8",
            .noRight
        ),
        ("ERR", "operation not permitted", .noRight),
        ("WRONGPASS", "invalid username-password pair or user is disabled.", .wrongPassword),
        ("ERR", "invalid password", .wrongPassword),
        ("ERR", "AUTH <password> called without any password configured for the default user.", .wrongPassword),
        ("NOAUTH", "Authentication required.", .noPassword),
        ("LOADING", "Redis is loading the dataset in memory", .loading),
        ("BUSY", "Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.", .busy),
        ("ERR", "Script killed by user with SCRIPT KILL... script: 694a", .busy),
        ("MASTERDOWN", "Link with MASTER is down and replica-serve-stale-data is set to 'no'.", .noMaster),
        ("CLUSTERDOWN", "Hash slot not served", .cluster), ("TRYAGAIN", "Multiple keys request", .cluster),
        ("MOVED", "3999 127.0.0.1:6381", .cluster), ("ASK", "3999 127.0.0.1:6381", .cluster),
        ("ERR", "max number of clients reached", .tooManyClients),
        ("ERR", "upstream failure", .other), ("ERR", "Connection timed out", .other),
        ("UNHEARDOF", "of a later version", .other), ("BUSYX", "", .other),
        // As versions before 7 pass on what a script ran into.
        ("ERR", "Error running script (call to f_1): @user_script:3: -OOM command not allowed", .outOfMemory),
        ("ERR", "Error running script (call to f_1): @user_script:3: -READONLY You can't write", .readOnly),
    ]

    @Test("all that does not blame the command is away, whatever its name", arguments: away.indices)
    func refusals(index: Int) {
        let (code, message, kind) = Self.away[index]
        guard case .away(let refusal) = StoreFault(code: code, message: message) else {
            Issue.record("\(code) \(message)")
            return
        }
        #expect(refusal.kind == kind, "\(code) \(message)")
        #expect(!refusal.text.contains("script: ") && !refusal.text.contains("@user_script:1"))
    }

    @Test("what blames the command is refused, and says nothing about the store")
    func commands() {
        let blamed = [
            ("WRONGTYPE", "Operation against a key holding the wrong kind of value"),
            ("NOSCRIPT", "No matching script."),
            ("BUSYKEY", "Target key name already exists."), ("BUSYGROUP", "Consumer Group name already exists"),
            ("NOGROUP", "No such key"), ("NOTBUSY", "No scripts in execution right now."), ("UNKILLABLE", "Sorry"),
            ("EXECABORT", "Transaction discarded because of previous errors."), ("NOPROTO", "unsupported"),
            ("CROSSSLOT", "Keys in request don't hash to the same slot"),
            ("ERR", "value is not an integer or out of range"), ("ERR", "syntax error"), ("ERR", ""),
            ("ERR", "The ID specified in XADD is equal or smaller than the target stream top item"),
            ("ERR", "Error running script (call to f_1): @user_script:3: -WRONGTYPE Operation against a key"),
            ("ERR", "user_script:1: attempt to index a nil value script: 11, on @user_script:1."),
            ("loading", ""), ("", "without a code"), ("My", "script's own text"),
        ]
        for (code, message) in blamed {
            #expect(StoreFault(code: code, message: message) == .refused(code: code, message: message))
        }
        #expect(StoreFault(code: StoreFault.tooLargeCode, message: "x") == .tooLarge)
    }

    @Test("random codes of capitals are away but for those that are listed; nothing traps")
    func randomCodes() {
        let seed = UInt64.random(in: .min ... .max)
        var random = SplitMix64(seed: seed)
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        for _ in 0..<2_000 {
            let capitals = (0..<Int.random(in: 4...9, using: &random)).map { _ in alphabet.randomElement(using: &random)
            }
            let code = String(capitals.compactMap { $0 })
            let bytes = (0..<Int.random(in: 0...300, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            let message = String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
            guard case .away(let refusal) = StoreFault(code: code, message: message) else {
                Issue.record("seed \(seed): \(code)")
                return
            }
            #expect(refusal.message.count <= 160 && !refusal.text.contains("\n") && refusal.kind == .other)
        }
    }

    @Test("each kind has words and an advice of its own; those about the server are known from those about a command")
    func kinds() {
        let refusals = Self.away.map { StoreRefusal(code: $0.code, message: $0.message) }
        let byKind = Dictionary(grouping: refusals, by: \.kind)
        #expect(Set(byKind.keys) == Set(StoreRefusal.Kind.allCases))
        #expect(Set(refusals.map(\.words)).count == StoreRefusal.Kind.allCases.count)
        #expect(Set(refusals.map(\.advice)).count == StoreRefusal.Kind.allCases.count)
        let others = StoreRefusal.Kind.allCases.filter { byKind[$0]?.allSatisfy(\.isGeneral) == false }
        #expect(others == [.noRight, .cluster, .other])
    }
}
