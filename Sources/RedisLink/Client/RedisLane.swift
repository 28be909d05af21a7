import ClusterState
import Core

/// The operations of one lane, oldest first: those that have ended and wait for older ones, those that are under way,
/// and behind them those that wait to be sent. Decides nothing about the connection.
///
/// Bound: what is under way, by `operationsMax` and `bytesMax`; what waits, by the callers of the store.
struct RedisLane {
    private struct Call {
        let completion: (StoreResult) -> Void
        /// Until it can't be sent (again) any more.
        var operation: StoreOperation?
        var bytes = 0
        /// Whether its script goes by its text.
        var isByText = false
        var result: StoreResult?
    }

    private let operationsMax: Int
    private let bytesMax: Int
    private var calls = FIFO<Call>()
    /// The number of the oldest call. Numbers count up, one for each call.
    private var firstNumber = 0
    /// The number of the first call that was not sent.
    private var nextNumber = 0
    /// Calls whose script Redis does not know, to be sent by its text.
    private var again = FIFO<Int>()
    private var underWay = 0
    private var bytesUnderWay = 0
    private var isDelivering = false

    init(operationsMax: Int, bytesMax: Int) {
        self.operationsMax = operationsMax
        self.bytesMax = bytesMax
    }

    /// Calls that wait to be sent.
    var waiting: Int { firstNumber + calls.count - nextNumber + again.count }

    mutating func append(_ operation: StoreOperation, _ completion: @escaping (StoreResult) -> Void) {
        calls.append(Call(completion: completion, operation: operation))
    }

    // MARK: Sending

    /// The next call, if the lane has room for it; to be followed by `sent`.
    mutating func takeNext() -> (number: Int, operation: StoreOperation)? {
        if let number = again.popFirst(), let operation = calls[number - firstNumber].operation {
            return (number, operation)
        }
        let index = nextNumber - firstNumber
        guard index < calls.count, underWay < operationsMax, bytesUnderWay < bytesMax else { return nil }
        guard let operation = calls[index].operation else { return nil }
        nextNumber += 1
        underWay += 1
        return (nextNumber - 1, operation)
    }

    func isByDigest(_ number: Int) -> Bool { !calls[number - firstNumber].isByText }

    mutating func sent(_ number: Int, bytes: Int) {
        let index = number - firstNumber
        bytesUnderWay += bytes - calls[index].bytes
        calls[index].bytes = bytes
        // Only a script that is called by its digest may have to be sent again.
        if case .script? = calls[index].operation, !calls[index].isByText { return }
        calls[index].operation = nil
    }

    /// Redis does not know the script of a call: whether the call is sent again, by the script's text.
    mutating func repeatsByText(_ number: Int) -> Bool {
        let index = number - firstNumber
        guard calls[index].operation != nil, !calls[index].isByText else { return false }
        calls[index].isByText = true
        again.append(number)
        return true
    }

    // MARK: The end

    mutating func ended(_ number: Int, _ result: StoreResult) {
        let index = number - firstNumber
        underWay -= 1
        bytesUnderWay -= calls[index].bytes
        calls[index].operation = nil
        calls[index].result = result
    }

    /// There is no connection: what waits is not sent any more.
    mutating func failWaiting() {
        while let number = again.popFirst() { ended(number, .failure(.unavailable)) }
        for index in (nextNumber - firstNumber)..<calls.count {
            calls[index].operation = nil
            calls[index].result = .failure(.unavailable)
        }
        nextNumber = firstNumber + calls.count
    }

    // MARK: Completions

    /// Whether completions may run now; false while one runs already.
    mutating func beginDelivery() -> Bool {
        guard !isDelivering else { return false }
        isDelivering = true
        return true
    }

    mutating func endDelivery() { isDelivering = false }

    /// The oldest call, if it has ended.
    mutating func takeEnded() -> (completion: (StoreResult) -> Void, result: StoreResult)? {
        guard let first = calls.first, let result = first.result else { return nil }
        calls.removeFirst()
        firstNumber += 1
        return (first.completion, result)
    }
}
