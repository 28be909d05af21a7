/// How a connection uses permessage-deflate (RFC 7692 §7).
///
/// Neither side keeps its window from one message to the next, so that a connection holds no compression state; a
/// server may ask that of a client unasked (§7.1.1.2). The client's window is left to the client.
package struct DeflateAgreement: Equatable, Sendable {
    /// The server's windows, as base-2 logarithms. From 13 on up a larger one gave nothing for chat messages
    /// (docs/decisions/0005-permessage-deflate.md); of 8 zlib has none for raw DEFLATE.
    package static let windowBitsRange = 9...13

    /// The window that the server's messages keep to.
    package let windowBits: Int
    /// Whether the answer must name the window, since the client asked for a bound.
    let namesWindow: Bool

    /// The first acceptable offer; nil when there is none.
    package init?(offers: [WebSocketExtension]) {
        for offer in offers where offer.name == Self.name {
            if let agreement = DeflateAgreement(offer.parameters) {
                self = agreement
                return
            }
        }
        return nil
    }

    /// The value of the answer's Sec-WebSocket-Extensions.
    package var response: String {
        "\(Self.name); server_no_context_takeover; client_no_context_takeover"
            + (namesWindow ? "; server_max_window_bits=\(windowBits)" : "")
    }

    private static let name = "permessage-deflate"

    /// Nil for an offer that must be declined (§7.1: an unknown or repeated parameter, a bad value), or can't be met.
    private init?(_ parameters: [WebSocketExtension.Parameter]) {
        var serverBits: Int?
        for (place, parameter) in parameters.enumerated() {
            guard !parameters[..<place].contains(where: { $0.name == parameter.name }) else { return nil }
            switch (parameter.name, parameter.value) {
            case ("server_no_context_takeover", nil), ("client_no_context_takeover", nil): break
            case ("server_max_window_bits", let value?):
                guard let bits = Self.windowBits(value), bits >= Self.windowBitsRange.lowerBound else { return nil }
                serverBits = bits
            case ("client_max_window_bits", nil): break
            case ("client_max_window_bits", let value?):
                guard Self.windowBits(value) != nil else { return nil }
            default: return nil
            }
        }
        windowBits = min(serverBits ?? Self.windowBitsRange.upperBound, Self.windowBitsRange.upperBound)
        namesWindow = serverBits != nil
    }

    /// 8 to 15, without leading zeros (§7.1.2).
    private static func windowBits(_ text: String) -> Int? {
        (8...15).first { "\($0)" == text }
    }
}
