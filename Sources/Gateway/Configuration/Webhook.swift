import Core

/// Where pushes or events go, and what they are signed with: PUSH_WEBHOOK_URL and PUSH_WEBHOOK_SECRET, or those of
/// events.
///
/// As text it shows neither the path, which may hold a token, nor the secret.
package struct Webhook: Sendable, CustomStringConvertible {
    /// The allowed URLs, as a sentence part.
    package static let rule = "http://host[:port][/path][?query], or https://"
    /// The same of the secret. Longer than SHA-256's block a key gains nothing (RFC 2104 §3); this is room for any
    /// form.
    package static func secretRule(_ url: String) -> String { "1 to 1024 bytes, together with \(url)" }
    private static let secretBytesMax = 1024

    package let url: ServerURL
    /// nil: what goes there is not signed.
    package private(set) var secret: [UInt8]?

    /// Reads the URL.
    package init(url text: String) throws(ServerURL.Fault) { url = try ServerURL(text, .http) }

    /// The same, signed; nil when the secret is not of the allowed form.
    package func signed(with secret: String) -> Webhook? {
        guard (1...Self.secretBytesMax).contains(secret.utf8.count) else { return nil }
        var signed = self
        signed.secret = Array(secret.utf8)
        return signed
    }

    package var description: String { "\(url)" }
}
