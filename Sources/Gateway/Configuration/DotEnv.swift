/// The variables in the text of a `.env` file.
///
/// Lines are `KEY=VALUE`, optionally after `export`; empty lines and lines that begin with `#` are skipped. A value
/// in single quotes is taken as it is; in double quotes `\"`, `\\`, `\n`, `\r` and `\t` are escapes; without quotes
/// it ends at white space before a `#`, or at the line's end. Variables are not expanded. Of a name that stands twice
/// the last counts.
package struct DotEnv: Sendable {
    /// A value and where it stands.
    package struct Entry: Sendable, Equatable {
        package let value: String
        /// From 1.
        package let line: Int
    }

    /// The entries by name.
    package private(set) var entries: [String: Entry] = [:]

    /// Parses a file's text.
    ///
    /// - Parameter name: what the file is called in an error.
    package init(parsing text: String, name: String = ".env") throws(ConfigurationError) {
        var number = 0
        // Bytes, not characters: to Swift "\r\n" is one character. A byte order mark is dropped.
        var bytes = Array(text.utf8)[...]
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            bytes = bytes.dropFirst(3)
        }
        for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            number += 1
            var parser = LineParser(rest: line.last == UInt8(ascii: "\r") ? line.dropLast() : line)
            switch parser.parse() {
            case .nothing: break
            case .assignment(let key, let value): entries[key] = Entry(value: value, line: number)
            case .bad(let reason):
                // The line itself is not shown: it may hold a secret.
                throw ConfigurationError(variable: nil, "\(name) line \(number): \(reason)")
            }
        }
    }
}

/// Parses one line of a `.env` file.
private struct LineParser {
    enum Outcome {
        case nothing
        case assignment(key: String, value: String)
        case bad(String)
    }

    var rest: ArraySlice<UInt8>

    mutating func parse() -> Outcome {
        skipBlanks()
        guard let first = rest.first, first != UInt8(ascii: "#") else { return .nothing }
        var key = takeName()
        if key == "export", rest.first.map(Self.isBlank) == true {
            skipBlanks()
            key = takeName()
        }
        skipBlanks()
        guard !key.isEmpty, rest.first == UInt8(ascii: "=") else {
            return .bad("not of the form KEY=VALUE")
        }
        rest.removeFirst()
        skipBlanks()
        switch rest.first {
        case UInt8(ascii: "'"): return quoted(key, escapes: false)
        case UInt8(ascii: "\""): return quoted(key, escapes: true)
        default: return .assignment(key: key, value: takeUnquoted())
        }
    }

    private mutating func quoted(_ key: String, escapes: Bool) -> Outcome {
        let quote = rest.removeFirst()
        var value: [UInt8] = []
        while let byte = rest.popFirst() {
            if byte == quote {
                let hadBlank = rest.first.map(Self.isBlank) ?? true
                skipBlanks()
                guard rest.isEmpty || hadBlank && rest.first == UInt8(ascii: "#") else {
                    return .bad("text after the closing quote of \(key)")
                }
                return .assignment(key: key, value: String(decoding: value, as: UTF8.self))
            }
            if escapes, byte == UInt8(ascii: "\\"), let escaped = rest.first.flatMap(Self.unescaped) {
                rest.removeFirst()
                value.append(escaped)
            } else {
                value.append(byte)
            }
        }
        return .bad("no closing quote for \(key)")
    }

    private mutating func takeUnquoted() -> String {
        var end = rest.startIndex
        var afterBlank = true
        for index in rest.indices {
            if rest[index] == UInt8(ascii: "#") && afterBlank {
                break
            }
            afterBlank = Self.isBlank(rest[index])
            if !afterBlank {
                end = index + 1
            }
        }
        return String(decoding: rest[..<end], as: UTF8.self)
    }

    /// A–Z, a–z, digits and `_`, not beginning with a digit; empty if there is no name.
    private mutating func takeName() -> String {
        let name = rest.prefix { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: false
            }
        }
        if let first = name.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) {
            return ""
        }
        rest = rest[name.endIndex...]
        return String(decoding: name, as: UTF8.self)
    }

    private mutating func skipBlanks() {
        rest = rest.drop(while: Self.isBlank)
    }

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
    }

    private static func unescaped(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): byte
        case UInt8(ascii: "n"): UInt8(ascii: "\n")
        case UInt8(ascii: "r"): UInt8(ascii: "\r")
        case UInt8(ascii: "t"): UInt8(ascii: "\t")
        default: nil
        }
    }
}
