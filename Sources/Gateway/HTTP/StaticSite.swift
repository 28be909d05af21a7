import Foundations
import NetworkIO
import WireProtocol

/// The embedded web pages: the binary serves itself. Immutable; any thread.
package struct StaticSite: Sendable {
    /// What the pages may do: run their own scripts and styles and talk to this node, nothing else.
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
                    ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"),
                    ("Content-Security-Policy", Self.contentSecurityPolicy),
                ], body: bytes)
        }
        self.responses = responses
    }

    /// The answer with this file, or nil if there is none.
    func response(_ name: String) -> HTTPResponse? { responses[name] }

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

extension Connection {
    func answerFile(_ name: String) {
        answer(worker.context.site.response(name) ?? .error(404, "not_found", "there is no file \(name)"))
    }

    /// `GET /chat/{room_id}`: one page for all rooms; it reads the room from its address.
    func answerChatPage(_ path: [String]) {
        guard Identifier(validating: path[0]) != nil else {
            return answer(.error(400, "bad_request", "room_id: \(Identifier.rule)"))
        }
        answerFile("chat.html")
    }
}
