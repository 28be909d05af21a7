/// A second reader of JSON's grammar (RFC 8259), as short as it can be, to compare the scanner with.
struct ReferenceJSON {
    /// The deepest nesting that was met.
    private(set) var deepest = 0
    private let bytes: [UInt8]
    private var index = 0
    private var depth = 0
    /// Deeper than the scanner goes; the comparison ends before.
    static let depthMax = 60

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Whether the bytes are one value, and whether that is an object; nil when it is nested too deep to compare.
    static func read(_ bytes: [UInt8]) -> (isJSON: Bool, isObject: Bool)? {
        var reader = ReferenceJSON(bytes)
        let isValue = reader.value()
        reader.blanks()
        guard reader.deepest < depthMax else { return nil }
        let isObject = bytes.first { !" \t\r\n".utf8.contains($0) } == UInt8(ascii: "{")
        return (isValue && reader.index == bytes.count, isObject)
    }

    private mutating func blanks() { while " \t\r\n".utf8.contains(next ?? 0) { index += 1 } }

    private var next: UInt8? { index < bytes.count ? bytes[index] : nil }

    private mutating func take(_ text: String) -> Bool {
        guard bytes[index...].starts(with: text.utf8) else { return false }
        index += text.utf8.count
        return true
    }

    private mutating func value() -> Bool {
        blanks()
        switch next {
        case UInt8(ascii: "{"): return list(close: "}") { $0.string() && $0.colon() && $0.value() }
        case UInt8(ascii: "["): return list(close: "]") { $0.value() }
        case UInt8(ascii: "\""): return string()
        default: return take("true") || take("false") || take("null") || number()
        }
    }

    private mutating func colon() -> Bool {
        blanks()
        return take(":")
    }

    private mutating func list(close: String, _ element: (inout ReferenceJSON) -> Bool) -> Bool {
        index += 1
        depth += 1
        deepest = max(deepest, depth)
        defer { depth -= 1 }
        guard depth < Self.depthMax else { return false }
        blanks()
        if take(close) { return true }
        repeat {
            blanks()
            guard element(&self) else { return false }
            blanks()
        } while take(",")
        return take(close)
    }

    private mutating func string() -> Bool {
        guard take("\"") else { return false }
        while let byte = next, byte >= 0x20 {
            index += 1
            if byte == UInt8(ascii: "\"") { return true }
            guard byte == UInt8(ascii: "\\") else { continue }
            guard let escape = next, "\"\\/bfnrtu".utf8.contains(escape) else { return false }
            index += 1
            guard escape == UInt8(ascii: "u") else { continue }
            let digits = bytes[index...].prefix(4)
            guard digits.count == 4, digits.allSatisfy({ "0123456789abcdefABCDEF".utf8.contains($0) }) else {
                return false
            }
            index += 4
        }
        return false
    }

    private mutating func number() -> Bool {
        _ = take("-")
        guard take("0") || digits() else { return false }
        if take(".") { guard digits() else { return false } }
        guard take("e") || take("E") else { return true }
        _ = take("+") || take("-")
        return digits()
    }

    private mutating func digits() -> Bool {
        let count = bytes[index...].prefix { "0123456789".utf8.contains($0) }.count
        index += count
        return count > 0
    }
}
