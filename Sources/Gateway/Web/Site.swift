import Core
import WireProtocol

/// The embedded web pages: the binary serves itself. Immutable; any thread.
package struct Site: Sendable {
    /// The pages may run their own scripts and styles and talk to this node, nothing else.
    private static let contentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        + "connect-src 'self' ws: wss:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

    private let responses: [String: HTTPResponse]

    package init() {
        var responses: [String: HTTPResponse] = [:]
        for (name, bytes) in SiteFiles.all {
            responses[name] = HTTPResponse(
                status: 200,
                headers: [
                    ("Content-Type", Self.mediaType(of: name)), ("Cache-Control", "no-cache"),
                    ("Referrer-Policy", "no-referrer"),
                    ("Content-Security-Policy", Self.contentSecurityPolicy),
                ], body: bytes)
        }
        self.responses = responses
    }

    /// The answer with this file; nil when there is none.
    func file(_ name: String) -> HTTPResponse? { responses[name] }

    private static func mediaType(of name: String) -> String {
        switch name.split(separator: ".").last {
        case "html": "text/html; charset=utf-8"
        case "js": "text/javascript; charset=utf-8"
        case "css": "text/css; charset=utf-8"
        case "json": "application/json"
        case "svg": "image/svg+xml"
        default: "application/octet-stream"
        }
    }
}
