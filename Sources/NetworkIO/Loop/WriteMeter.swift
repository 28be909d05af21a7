/// How long a loop's writes take, measured while somebody wants to know. A value.
struct WriteMeter {
    var isOn = false
    private var nanoseconds = 0
    private var start: Int?

    @inline(__always)
    mutating func began(isEmpty: Bool) {
        if isOn, !isEmpty { start = Clock.monotonicNanoseconds() }
    }

    @inline(__always)
    mutating func ended() {
        guard let start else { return }
        nanoseconds += Clock.monotonicNanoseconds() - start
        self.start = nil
    }

    mutating func take() -> Int {
        defer { nanoseconds = 0 }
        return nanoseconds
    }
}
