/// A value at a key of the memory store. A class: it is changed where it stands.
protocol MemoryValue: AnyObject {
    init()
    /// Whether its key goes, because it is empty.
    var vanishes: Bool { get }
}

/// The value of SET.
final class MemoryString: MemoryValue {
    var bytes: [UInt8] = []
    var vanishes: Bool { false }
}

/// The value of HSET.
final class MemoryHash: MemoryValue {
    var fields: [[UInt8]: [UInt8]] = [:]
    var vanishes: Bool { fields.isEmpty }
}

/// The value of RPUSH.
final class MemoryList: MemoryValue {
    var values: ArraySlice<[UInt8]> = []
    var vanishes: Bool { values.isEmpty }
}

/// Bytes as Redis writes a number.
func decimal(_ number: Int) -> [UInt8] {
    Array(String(number).utf8)
}

/// The part of `0..<count` from `start` to `stop`, both included, that may count from −1 at the end.
func indices(from start: Int, through stop: Int, of count: Int) -> Range<Int> {
    let first = max(0, start < 0 ? start + count : start)
    let last = min(count - 1, stop < 0 ? stop + count : stop)
    return first <= last ? first..<(last + 1) : 0..<0
}
