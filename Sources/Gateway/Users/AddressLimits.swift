import Core

/// Counts the connections of the client addresses that are at home on one worker. Thread: the worker's.
final class AddressLimits {
    private let core: WorkerCore
    private var counts: [Identifier: Int] = [:]

    init(_ core: WorkerCore) { self.core = core }

    func received(_ request: AddressRequest, of address: Identifier) {
        switch request {
        case .admit(let key, let worker):
            core.send(.opening(key, admit(address) ? .addressAdmitted(address) : .refused(.addressLimit)), to: worker)
        case .release: release(address)
        }
    }

    /// Counts a connection from an address, if the limit allows one more.
    private func admit(_ address: Identifier) -> Bool {
        let count = counts[address] ?? 0
        if let most = core.configuration.connectionsPerAddressMax, count >= most { return false }
        counts[address] = count + 1
        return true
    }

    private func release(_ address: Identifier) {
        guard let count = counts[address] else { return assertionFailure("more connections ended than were counted") }
        counts[address] = count > 1 ? count - 1 : nil
    }
}
