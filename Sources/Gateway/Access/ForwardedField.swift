/// The field `Forwarded` (RFC 7239): through whom a request came.
enum ForwardedField {
    /// The `for` of each element, from the left; nil for an element that does not say it readably.
    ///
    /// A quote that is not closed would swallow what proxies appended behind it, and leave what the client wrote before
    /// it: nothing of such a field can be read.
    static func hops(of field: String) -> [String?] {
        guard field.utf8.count(where: { $0 == quote }).isMultiple(of: 2) else { return [nil] }
        return split(field.utf8[...], at: UInt8(ascii: ",")).filter { !isBlank($0) }.map(node)
    }

    private static let quote = UInt8(ascii: "\"")

    /// The value of an element's one `for`, without its quotes.
    private static func node(of element: Substring.UTF8View) -> String? {
        var found: [String?] = []
        for pair in split(element, at: UInt8(ascii: ";")) {
            guard let equals = pair.firstIndex(of: UInt8(ascii: "=")) else { continue }
            let name = String(decoding: trimmed(pair[..<equals]), as: UTF8.self)
            guard name.lowercased() == "for" else { continue }
            found.append(unquoted(trimmed(pair[pair.index(after: equals)...])))
        }
        return found.count == 1 ? found[0] : nil
    }

    private static func unquoted(_ value: Substring.UTF8View) -> String? {
        guard value.first == quote else { return String(decoding: value, as: UTF8.self) }
        guard value.count >= 2, value.last == quote else { return nil }
        let inner = value.dropFirst().dropLast()
        // An address has nothing that must be escaped.
        guard !inner.contains(UInt8(ascii: "\\")), !inner.contains(quote) else { return nil }
        return String(decoding: inner, as: UTF8.self)
    }

    /// The parts between separators that stand outside of quotes.
    private static func split(_ text: Substring.UTF8View, at separator: UInt8) -> [Substring.UTF8View] {
        var parts: [Substring.UTF8View] = []
        var (start, isQuoted) = (text.startIndex, false)
        for index in text.indices {
            switch text[index] {
            case quote: isQuoted.toggle()
            case separator where !isQuoted:
                parts.append(text[start..<index])
                start = text.index(after: index)
            default: break
            }
        }
        return parts + [text[start...]]
    }

    private static func isBlank(_ text: Substring.UTF8View) -> Bool { trimmed(text).isEmpty }

    private static func trimmed(_ text: Substring.UTF8View) -> Substring.UTF8View {
        func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        var text = text.drop(while: isBlank)
        while let last = text.last, isBlank(last) { text.removeLast() }
        return text
    }
}
