import ClusterState
import Core
import NetworkIO
import WireProtocol

/// The POST that carries a push, or events.
enum WebhookRequest {
    /// Makes it: what a try at this time sends.
    /// - Parameter time: Unix milliseconds. It is part of what is signed, so that a server can refuse old requests.
    static func bytes(_ post: WebhookPost, to webhook: Webhook, at time: Int) -> [UInt8] {
        var headers = [
            ("Content-Type", "application/json"), ("User-Agent", "sluice/\(Version.number)"),
            ("X-Sluice-Timestamp", String(time)), ("X-Sluice-Delivery", post.delivery),
        ]
        if let secret = webhook.secret {
            headers.append(("X-Sluice-Signature", signature(of: post.body, at: time, secret)))
        }
        return HTTPClientRequest.bytes(
            .post, host: webhook.url.authority, target: webhook.url.target, headers: headers, body: post.body,
            closes: true)
    }

    /// `v1=` and the hexadecimal HMAC-SHA256 of the time's digits, a dot and the body.
    static func signature(of body: [UInt8], at time: Int, _ secret: [UInt8]) -> String {
        let digits = Digest.hmacSHA256Digits(key: secret, Array("\(time).".utf8) + body)
        return "v1=" + String(decoding: digits, as: UTF8.self)
    }

    /// The wait that an answer asks for, in milliseconds: Retry-After in seconds (RFC 9110 §10.2.3). A date is not
    /// read: between machines whose clocks differ it says little.
    static func retryAfter(_ head: HTTPResponseHead) -> Int? {
        guard let text = head.header("retry-after"), text.utf8.allSatisfy({ $0 &- UInt8(ascii: "0") < 10 }) else {
            return nil
        }
        // What does not fit is longer than anything is tried.
        return Int(text).map { min($0, 86_400) * 1000 } ?? (text.isEmpty ? nil : 86_400_000)
    }
}
