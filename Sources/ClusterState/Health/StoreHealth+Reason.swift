extension StoreHealth {
    /// Why the node goes on without the store. Texts are one line without secrets.
    package enum Reason: Equatable, Sendable {
        /// Its name has no address; the text is the resolver's.
        case unresolved(String)
        /// Nobody listens, or the way there is broken; the text is the system's.
        case unreachable(String)
        /// There is no TLS with it; the text says why.
        case insecure(String)
        /// The connection ended; the text says how.
        case closed(String)
        /// A reply, or the first connection, took too long.
        case noAnswer
        /// It answers, and what it publishes does not come.
        case unheard
        /// It does not speak as Redis does, or does not give back what was written.
        case violation(String)
        /// It can't serve, and says so.
        case refused(StoreRefusal)

        /// The reason in few words, the same however it came about.
        package var words: String {
            switch self {
            case .unresolved: "name not found"
            case .unreachable: "not reachable"
            case .insecure: "no TLS"
            case .closed: "connection closed"
            case .noAnswer: "no answer"
            case .unheard: "publications do not arrive"
            case .violation: "not what Redis answers"
            case .refused(let refusal): refusal.words
            }
        }

        /// The reason with what is known of it.
        package var text: String {
            switch self {
            case .unresolved(let detail), .unreachable(let detail), .insecure(let detail), .closed(let detail),
                .violation(let detail):
                "\(words): \(detail)"
            case .noAnswer, .unheard: words
            case .refused(let refusal): refusal.text
            }
        }

        /// The next thing for an operator to do.
        package var advice: String {
            switch self {
            case .unresolved: "see whether REDIS_URL names the right host, and whether its name server knows it"
            case .unreachable: "see whether Redis runs there, and whether a firewall lets this node through"
            case .insecure: "see whether Redis speaks TLS, for the host of REDIS_URL, by REDIS_CA_FILE's authority"
            case .closed: "see Redis' log for why it ended the connection, or whether it was restarted"
            case .noAnswer: "see whether Redis, its machine or the network stands still, and SLOWLOG"
            case .unheard: "see whether a proxy stands before Redis that does not pass publications on"
            case .violation: "see whether REDIS_URL leads to a Redis 7"
            case .refused(let refusal): refusal.advice
            }
        }
    }
}

extension StoreRefusal {
    /// The refusal in few words.
    package var words: String {
        switch kind {
        case .readOnly: "read-only replica"
        case .outOfMemory: "out of memory"
        case .cannotPersist: "it can't save its data to disk"
        case .tooFewReplicas: "not enough replicas"
        case .noRight: "the user lacks a right"
        case .wrongPassword: "wrong password or user"
        case .noPassword: "it wants a password"
        case .loading: "it is loading its data"
        case .busy: "busy with a script"
        case .noMaster: "a replica that has lost its master"
        case .cluster: "a Redis Cluster that can't serve this"
        case .tooManyClients: "too many clients"
        case .other: "refused"
        }
    }

    /// The words, with those of the server.
    package var text: String { "\(words) (\(code)\(message.isEmpty ? "" : " ")\(message))" }

    /// The next thing for an operator to do.
    package var advice: String {
        switch kind {
        case .readOnly: "lead REDIS_URL to the master; after a failover its name must lead to the new one"
        case .outOfMemory: "raise Redis' maxmemory, or free memory there"
        case .cannotPersist: "see Redis' log; mostly its disk is full, or it may not write there"
        case .tooFewReplicas: "bring the replicas back that min-replicas-to-write asks for"
        case .noRight: "allow the user of REDIS_URL what check-redis names, for ~sluice:* and &sluice:*"
        case .wrongPassword: "set the right user and password in REDIS_URL"
        case .noPassword: "set a password in REDIS_URL"
        case .loading: "wait: it has just been started"
        case .busy: "end the script that runs there: SCRIPT KILL"
        case .noMaster: "lead REDIS_URL to the master, or bring it back"
        case .cluster: "use a Redis without cluster mode"
        case .tooManyClients: "raise Redis' maxclients, or end clients there"
        case .other: "look the code up in the manual of this Redis, or of the proxy before it"
        }
    }

    /// Whether another connection may do better: it may lead to another server, or log in anew.
    package var isOfConnection: Bool {
        switch kind {
        case .readOnly, .noMaster, .noPassword, .wrongPassword: true
        case .outOfMemory, .cannotPersist, .tooFewReplicas, .noRight, .loading, .busy, .cluster, .tooManyClients,
            .other:
            false
        }
    }
}
