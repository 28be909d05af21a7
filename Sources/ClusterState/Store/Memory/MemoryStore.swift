/// The store of a node that is alone: this process' own memory, with the semantics of Redis 7.0 for the operations that
/// there are. Held equal to a real Redis by a differential test.
///
/// Every completion comes before `perform` returns; what was published is delivered after that, in order.
package final class MemoryStore: Store {
    private let keyspace: MemoryKeyspace
    private let microseconds: () -> Int
    private var receivers: [[UInt8]: (StoreNotice) -> Void] = [:]
    private var isDelivering = false

    /// An empty store.
    ///
    /// - Parameters:
    ///   - boot: the name of this life of the store, in hexadecimal digits.
    ///   - microseconds: the time of the Unix epoch. Read once per operation; expiry goes by it.
    package init(boot: String, microseconds: @escaping () -> Int) {
        self.keyspace = MemoryKeyspace(boot: boot)
        self.microseconds = microseconds
    }

    /// How many keys are held; expired ones count until they are asked for, or swept.
    package var keyCount: Int { keyspace.keyCount }

    package func perform(
        _ operation: StoreOperation, in lane: StoreLane, _ completion: @escaping (StoreResult) -> Void
    ) {
        completion(run(operation))
        deliver()
    }

    package func subscribe(_ channel: [UInt8], _ received: @escaping (StoreNotice) -> Void) {
        receivers[channel] = received
        keyspace.channels.insert(channel)
        received(.live)
    }

    package func unsubscribe(_ channel: [UInt8]) {
        receivers[channel] = nil
        keyspace.channels.remove(channel)
    }

    private func run(_ operation: StoreOperation) -> StoreResult {
        keyspace.now = microseconds()
        defer { keyspace.requestEnded() }
        do throws(StoreFault) {
            let reply: StoreReply
            if case .script(let script, let keys, let arguments) = operation {
                reply = try script.twin(keyspace, keys, arguments)
            } else {
                reply = try keyspace.call(operation)
            }
            if case .error(let code, let message) = reply {
                return .failure(StoreFault(code: code, message: message))
            }
            return .success(reply)
        } catch {
            return .failure(error)
        }
    }

    /// Delivers until there is nothing left; a receiver's own operations add to the end.
    private func deliver() {
        guard !isDelivering else { return }
        isDelivering = true
        defer { isDelivering = false }
        while !keyspace.publications.isEmpty {
            let publications = keyspace.publications
            keyspace.publications.removeAll()
            for publication in publications { receivers[publication.channel]?(.message(publication.payload)) }
        }
    }
}
