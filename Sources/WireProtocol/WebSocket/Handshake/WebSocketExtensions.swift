/// An extension that a client offers (RFC 6455 §9.1). One that stands twice is two offers.
package struct WebSocketExtension: Equatable, Sendable {
    package struct Parameter: Equatable, Sendable {
        package let name: String
        /// Without the quotes that it may have been written in; nil when there is no `=`.
        package let value: String?

        package init(name: String, value: String?) {
            self.name = name
            self.value = value
        }
    }

    package let name: String
    package let parameters: [Parameter]

    package init(name: String, parameters: [Parameter]) {
        self.name = name
        self.parameters = parameters
    }

    /// The offers of a Sec-WebSocket-Extensions header, in the client's order of preference; nil when the value is not
    /// of the form that RFC 6455 §9.1 gives. Empty elements are left out (RFC 9110 §5.6.1).
    package static func list(_ header: String?) -> [WebSocketExtension]? {
        guard let header else { return [] }
        var scanner = ExtensionScanner(bytes: Array(header.utf8))
        return scanner.list()
    }
}

/// Reads a Sec-WebSocket-Extensions value byte by byte.
private struct ExtensionScanner {
    let bytes: [UInt8]
    private var index = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func list() -> [WebSocketExtension]? {
        var offers: [WebSocketExtension] = []
        while true {
            skipBlanks()
            guard index < bytes.count else { return offers }
            if take(UInt8(ascii: ",")) { continue }
            guard let offer = offer() else { return nil }
            offers.append(offer)
            guard index == bytes.count || take(UInt8(ascii: ",")) else { return nil }
        }
    }

    /// `token *( ";" parameter )`, with the blanks behind it.
    private mutating func offer() -> WebSocketExtension? {
        guard let name = token() else { return nil }
        var parameters: [WebSocketExtension.Parameter] = []
        skipBlanks()
        while take(UInt8(ascii: ";")) {
            skipBlanks()
            guard let parameter = parameter() else { return nil }
            parameters.append(parameter)
            skipBlanks()
        }
        return WebSocketExtension(name: name, parameters: parameters)
    }

    /// `token [ "=" ( token / quoted-string ) ]`
    private mutating func parameter() -> WebSocketExtension.Parameter? {
        guard let name = token() else { return nil }
        skipBlanks()
        guard take(UInt8(ascii: "=")) else { return WebSocketExtension.Parameter(name: name, value: nil) }
        skipBlanks()
        guard let value = take(UInt8(ascii: "\"")) ? quotedToken() : token() else { return nil }
        return WebSocketExtension.Parameter(name: name, value: value)
    }

    private mutating func token() -> String? {
        let start = index
        while index < bytes.count, HTTPByte.isToken(bytes[index]) { index += 1 }
        return start < index ? String(decoding: bytes[start..<index], as: UTF8.self) : nil
    }

    /// The rest of a quoted string, which has to be a token when its backslashes are taken off.
    private mutating func quotedToken() -> String? {
        var text: [UInt8] = []
        while index < bytes.count, bytes[index] != UInt8(ascii: "\"") {
            if bytes[index] == UInt8(ascii: "\\") { index += 1 }
            guard index < bytes.count, HTTPByte.isToken(bytes[index]) else { return nil }
            text.append(bytes[index])
            index += 1
        }
        guard take(UInt8(ascii: "\"")), !text.isEmpty else { return nil }
        return String(decoding: text, as: UTF8.self)
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard index < bytes.count, bytes[index] == byte else { return false }
        index += 1
        return true
    }

    private mutating func skipBlanks() {
        while index < bytes.count, bytes[index] == 0x20 || bytes[index] == 0x09 { index += 1 }
    }
}
