import Core
import NetworkIO
import WireProtocol

/// The embedded web pages: the binary serves itself. Immutable; any thread.
package struct Site: Sendable {
    /// The pages may run their own scripts and styles and talk to this node, nothing else.
    private static let contentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        + "connect-src 'self' ws: wss:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

    /// Made once in a process, as compressing takes some milliseconds.
    private static let responses = SiteFiles.all.reduce(into: [String: HTTPResponse]()) { responses, file in
        responses[file.key] = response(file.key, file.value)
    }

    package init() {}

    /// The answer with this file, as `negotiated` takes it; nil when there is none.
    func file(_ name: String) -> HTTPResponse? { Self.responses[name] }

    private static func response(_ name: String, _ bytes: [UInt8]) -> HTTPResponse {
        let tag = Digest.sha1Digits(bytes).prefix(16)
        var response = HTTPResponse(
            status: 200,
            headers: [
                ("Content-Type", mediaType(of: name)), ("Cache-Control", "no-cache"),
                ("ETag", "\"\(String(decoding: tag, as: UTF8.self))\""), ("Vary", "Accept-Encoding"),
                ("Referrer-Policy", "no-referrer"), ("Content-Security-Policy", contentSecurityPolicy),
            ], body: bytes)
        response.gzipBody = Gzip.compress(bytes)
        return response
    }

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

extension HTTPResponse {
    /// The answer of a file in the form that the request asks for: as gzip, or as the news that the client has it
    /// (RFC 9110 §15.4.5). Each form has an entity tag of its own. Any other answer stays as it is.
    func negotiated(for request: HTTPRequest) -> HTTPResponse {
        guard status == 200, let gzipBody else { return self }
        guard let place = headers.firstIndex(where: { $0.0 == "ETag" }) else { return self }
        var response = self
        response.gzipBody = nil
        if request.acceptsGzip {
            response.headers[place].1 = String(headers[place].1.dropLast()) + "-gzip\""
            response.headers.append(("Content-Encoding", "gzip"))
            response.body = gzipBody
        }
        guard request.knows(entityTag: response.headers[place].1) else { return response }
        response.status = 304
        response.headers.removeAll { !["Cache-Control", "ETag", "Vary"].contains($0.0) }
        response.body = []
        return response
    }
}
