import Logging

/// Renders one log event as the bytes of one line, line feed included. Pure.
package enum LogLine {
    /// The most bytes of a message or value that are written; what is longer is cut. Lines stay short enough for a
    /// reader, and a peer can't blow up the log through a field.
    static let valueBytesMax = 4096

    /// The line for an event.
    ///
    /// - Parameters:
    ///   - milliseconds: the moment, since the Unix epoch.
    ///   - label: which part of the program logs.
    ///   - metadata: fields; they are written in the order of their names.
    package static func render(
        _ format: LogFormat, milliseconds: Int, level: Logger.Level, label: String, message: String,
        metadata: Logger.Metadata
    ) -> [UInt8] {
        let time = Timestamp.iso8601(milliseconds: milliseconds)
        let fields = metadata.sorted { $0.key < $1.key }
        var line: [UInt8] = []
        line.reserveCapacity(160)
        switch format {
        case .text:
            line += "\(time) \(level.rawValue.uppercased()) \(label): ".utf8
            appendText(message, quotingSpaces: false, to: &line)
            for (key, value) in fields {
                line.append(UInt8(ascii: " "))
                appendText(key, quotingSpaces: true, to: &line)
                line.append(UInt8(ascii: "="))
                appendText("\(value)", quotingSpaces: true, to: &line)
            }
        case .json:
            line += #"{"time":"\#(time)","level":"\#(level.rawValue)","label":"#.utf8
            appendJSON(label, to: &line)
            line += #","message":"#.utf8
            appendJSON(message, to: &line)
            for (key, value) in fields {
                line.append(UInt8(ascii: ","))
                // The names above are the line's own.
                appendJSON(["time", "level", "label", "message"].contains(key) ? key + "_" : key, to: &line)
                line.append(UInt8(ascii: ":"))
                appendJSON(value, depth: 0, to: &line)
            }
            line.append(UInt8(ascii: "}"))
        }
        line.append(UInt8(ascii: "\n"))
        return line
    }

    /// Text in which nothing of a value can end the line, move the cursor or pass for another field: control characters
    /// are escaped, and with `quotingSpaces` what has a space, a quote or an equals sign is put in quotes.
    private static func appendText(_ text: String, quotingSpaces: Bool, to line: inout [UInt8]) {
        let text = cut(text)
        let needsQuotes =
            quotingSpaces && (text.isEmpty || text.utf8.contains { [0x20, 0x22, 0x3D, 0x5C].contains($0) })
        if needsQuotes {
            line.append(UInt8(ascii: "\""))
        }
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"" where needsQuotes, "\\" where needsQuotes: line += "\\\(scalar)".utf8
            case _ where mustEscape(scalar): line += scalar.escaped(asASCII: true).utf8
            default: line += UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter
            }
        }
        if needsQuotes {
            line.append(UInt8(ascii: "\""))
        }
    }

    private static func appendJSON(_ value: Logger.MetadataValue, depth: Int, to line: inout [UInt8]) {
        switch value {
        // Deeper nesting than a log line can use is written as text.
        case .array(let values) where depth < 8:
            line.append(UInt8(ascii: "["))
            for (index, value) in values.enumerated() {
                line += index == 0 ? [] : [UInt8(ascii: ",")]
                appendJSON(value, depth: depth + 1, to: &line)
            }
            line.append(UInt8(ascii: "]"))
        case .dictionary(let values) where depth < 8:
            line.append(UInt8(ascii: "{"))
            for (index, field) in values.sorted(by: { $0.key < $1.key }).enumerated() {
                line += index == 0 ? [] : [UInt8(ascii: ",")]
                appendJSON(field.key, to: &line)
                line.append(UInt8(ascii: ":"))
                appendJSON(field.value, depth: depth + 1, to: &line)
            }
            line.append(UInt8(ascii: "}"))
        default:
            appendJSON("\(value)", to: &line)
        }
    }

    private static func appendJSON(_ text: String, to line: inout [UInt8]) {
        line.append(UInt8(ascii: "\""))
        for scalar in cut(text).unicodeScalars {
            switch scalar {
            case "\"", "\\": line += "\\\(scalar)".utf8
            case "\n": line += "\\n".utf8
            case "\r": line += "\\r".utf8
            case "\t": line += "\\t".utf8
            case _ where mustEscape(scalar):
                let hex = String(scalar.value, radix: 16)
                line += "\\u\(String(repeating: "0", count: 4 - hex.utf8.count))\(hex)".utf8
            default: line += UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter
            }
        }
        line.append(UInt8(ascii: "\""))
    }

    /// C0, DEL, C1 (some terminals obey it), and the two separators that some viewers take for a line's end.
    private static func mustEscape(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) || scalar.value == 0x2028 || scalar.value == 0x2029
    }

    private static func cut(_ text: String) -> String {
        guard text.utf8.count > valueBytesMax else { return text }
        // A cut character becomes U+FFFD.
        return String(decoding: text.utf8.prefix(valueBytesMax), as: UTF8.self) + "…"
    }
}
