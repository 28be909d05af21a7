/// Epochs by small numbers, so that a connection holds four bytes instead of a string. 0 is none.
struct EpochNames {
    private var names: [[UInt8]] = [[]]
    private var numbers: [[UInt8]: UInt32] = [:]

    /// The number of an epoch, which is new when it was not seen before. Runs see few: one per room history.
    mutating func number(_ name: UnsafeRawBufferPointer) -> UInt32 {
        if let newest = names.last, newest.elementsEqual(name) { return UInt32(names.count - 1) }
        if let known = numbers[Array(name)] { return known }
        names.append(Array(name))
        numbers[Array(name)] = UInt32(names.count - 1)
        return UInt32(names.count - 1)
    }

    /// Whether `name` is the epoch with this number.
    func `is`(_ name: UnsafeRawBufferPointer, _ number: UInt32) -> Bool {
        number > 0 && Int(number) < names.count && names[Int(number)].elementsEqual(name)
    }

    func text(_ number: UInt32) -> String { String(decoding: names[Int(number)], as: UTF8.self) }
}
