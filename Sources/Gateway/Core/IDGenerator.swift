import Core
import NetworkIO

/// Makes short ids that do not repeat: random bits of this generator and a counter, in base 36.
struct IDGenerator: ~Copyable {
    let prefix: String
    private var counter: UInt64 = 0
    /// The last id as bytes, its last digit at the end of the memory.
    private let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: NameText.byteCountMax, alignment: 8)
    private var start = NameText.byteCountMax
    private var written: UInt64 = 0

    init() {
        let seed = Digest.random(count: 5).reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        self.init(prefix: String(seed, radix: 36))
    }

    /// - Parameter prefix: what no other generator has, at most 8 bytes.
    init(prefix: String) { self.prefix = prefix }

    deinit { memory.deallocate() }

    mutating func nextNumber() -> UInt64 {
        counter += 1
        return counter
    }

    /// At most 15 bytes for the first 60 million ids, which a string holds without memory of its own.
    mutating func next(after head: String = "") -> String {
        counter += 1
        var name = NameText()
        name.append(head)
        name.append(prefix)
        name.append("-")
        name.append(counter)
        return name.text
    }

    /// The next id as bytes, valid until the one after it. Mostly the former with another last digit.
    mutating func nextBytes() -> UnsafeRawBufferPointer {
        counter += 1
        let last = NameText.byteCountMax - 1
        let digit = memory[last]
        let isNextDigit = written + 1 == counter && start < last && digit != UInt8(ascii: "z")
        if isNextDigit {
            memory[last] = digit == UInt8(ascii: "9") ? UInt8(ascii: "a") : digit + 1
        } else {
            write()
        }
        written = counter
        return UnsafeRawBufferPointer(rebasing: memory[start...])
    }

    private mutating func write() {
        var name = NameText()
        name.append(prefix)
        name.append("-")
        name.append(counter)
        name.withBytes { bytes in
            start = NameText.byteCountMax - bytes.count
            UnsafeMutableRawBufferPointer(rebasing: memory[start...]).copyMemory(from: bytes)
        }
    }
}
