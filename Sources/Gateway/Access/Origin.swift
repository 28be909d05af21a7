import Core

/// Where a page came from: scheme, host and port, as RFC 6454 compares them.
package struct Origin: Hashable, Sendable, LosslessStringConvertible {
    /// Lower case.
    let scheme: String
    /// Host and, unless it is the scheme's default, port; lower case.
    let authority: String

    /// Parses a serialised origin, `scheme://host` or `scheme://host:port`; nil for anything else, also for `null`.
    package init?(_ text: String) {
        guard text.utf8.count <= 512, let separator = text.utf8.firstRange(of: "://".utf8) else { return nil }
        let scheme = asciiLowercased(text[..<separator.lowerBound])
        let rest = text[separator.upperBound...]
        let isScheme = scheme.utf8.enumerated().allSatisfy { index, byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"): true
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
                index > 0
            default: false
            }
        }
        guard !scheme.isEmpty, isScheme, let authority = Self.normalised(authority: rest, scheme: scheme) else {
            return nil
        }
        self.scheme = scheme
        self.authority = authority
    }

    /// Whether a page came by http or https; extensions of a browser have schemes of their own, and chosen names.
    var isOfWeb: Bool { scheme == "http" || scheme == "https" }

    /// The origin as a browser writes it.
    package var description: String { "\(scheme)://\(authority)" }

    /// Whether a request's `Host` names the host and port that this origin came from.
    ///
    /// The scheme of the request is not compared: behind a proxy that ends TLS it is not known here.
    package func isSameHost(as host: String) -> Bool {
        Self.normalised(authority: host[...], scheme: scheme) == authority
    }

    /// Host and port in lower case without the scheme's default port, or nil if it is no host and port.
    private static func normalised(authority: Substring, scheme: String) -> String? {
        let text = authority.utf8
        let hostEnd: Substring.Index
        if text.first == UInt8(ascii: "[") {
            guard let end = text.firstIndex(of: UInt8(ascii: "]")),
                IPAddress(text[text.index(after: text.startIndex)..<end]) != nil
            else { return nil }
            hostEnd = text.index(after: end)
        } else {
            hostEnd = text.firstIndex(of: UInt8(ascii: ":")) ?? text.endIndex
            guard hostEnd > text.startIndex, text[..<hostEnd].allSatisfy(URLAuthority.isNameByte) else { return nil }
        }
        let host = asciiLowercased(authority[..<hostEnd])
        let rest = text[hostEnd...]
        guard !rest.isEmpty else { return host }
        guard rest.first == UInt8(ascii: ":"), (2...6).contains(rest.count),
            rest.dropFirst().allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let port = UInt16(authority[rest.index(after: hostEnd)...])
        else { return nil }
        let isDefault = scheme == "http" && port == 80 || scheme == "https" && port == 443
        return isDefault ? host : "\(host):\(port)"
    }
}

/// The text with A–Z in lower case and all else as it is.
private func asciiLowercased(_ text: Substring) -> String {
    String(decoding: text.utf8.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
}
