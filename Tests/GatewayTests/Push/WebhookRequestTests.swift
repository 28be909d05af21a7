import ClusterState
import Core
import Testing
import WireProtocol

@testable import Gateway

@Suite("POSTs to webhooks")
struct WebhookRequestTests {
    @Test(
        "URLs as they are meant",
        arguments: [
            ("http://hooks", "hooks", 80, "/", "hooks"), ("HTTP://h.example:80/", "h.example", 80, "/", "h.example"),
            ("http://127.0.0.1:8080/a/b?c=%2F", "127.0.0.1", 8080, "/a/b?c=%2F", "127.0.0.1:8080"),
            ("http://[::1]:65535?x", "::1", 65535, "/?x", "[::1]:65535"),
            ("http://[fe80::2]", "fe80::2", 80, "/", "[fe80::2]"),
        ])
    func urls(text: String, host: String, port: Int, target: String, authority: String) throws {
        let webhook = try Webhook(url: text)
        #expect(webhook.url.host == host && webhook.url.port == port && webhook.url.target == target)
        #expect(webhook.url.authority == authority && "\(webhook)" == "http://\(authority)" && !webhook.url.isSecure)
    }

    @Test("https:// is by TLS, on a port of its own")
    func secure() throws {
        let webhook = try Webhook(url: "HTTPS://hooks/a")
        #expect(webhook.url.isSecure && webhook.url.port == 443 && webhook.url.authority == "hooks")
        #expect("\(try Webhook(url: "https://hooks:80"))" == "https://hooks:80")
    }

    @Test(
        "URLs that are none",
        arguments: [
            ("", .scheme(.http)), ("hooks/a", .scheme(.http)), ("ftp://hooks", .scheme(.http)),
            ("httpss://hooks", .scheme(.http)), ("ws://hooks", .scheme(.http)),
            ("http://user:hush@hooks", .credentials), ("http://", .host), ("http:///a", .host), ("http://a b", .host),
            ("http://::1", .host), ("http://[hooks]", .host), ("http://[::1]x", .host), ("http://hooks:", .port),
            ("http://hooks:0", .port), ("http://hooks:65536", .port), ("http://hooks:+1", .port),
            ("http://hooks/a b", .characters), ("http://hooks/#a", .characters), ("http://hooks/ä", .characters),
            ("http://hooks/\r\nX: y", .characters),
        ] as [(String, ServerURL.Fault)])
    func faults(text: String, fault: ServerURL.Fault) {
        #expect(throws: fault) { try Webhook(url: text) }
    }

    @Test("the request carries what a server needs to check it")
    func request() throws {
        let webhook = try #require(try Webhook(url: "http://hooks:81/in").signed(with: "it's a secret"))
        let post = WebhookPost(delivery: "p-1", body: Array(#"{"type":"push"}"#.utf8))
        let text = String(decoding: WebhookRequest.bytes(post, to: webhook, at: 1_700_000_000_123), as: UTF8.self)
        // printf '%s' '1700000000123.{"type":"push"}' | openssl dgst -sha256 -hmac "it's a secret"
        let signature = "b2a2b57e9254d2ae4ad8f6d29f28527b742534452e14005cf3d60718ba026086"
        #expect(text.hasPrefix("POST /in HTTP/1.1\r\nHost: hooks:81\r\nConnection: close\r\nContent-Length: 15\r\n"))
        #expect(text.hasSuffix("\r\n\r\n{\"type\":\"push\"}"))
        for line in [
            "Content-Type: application/json", "X-Sluice-Timestamp: 1700000000123", "X-Sluice-Delivery: p-1",
            "X-Sluice-Signature: v1=\(signature)",
        ] { #expect(text.contains("\r\n\(line)\r\n"), "\(line)") }
        let plain = WebhookRequest.bytes(post, to: try Webhook(url: "http://hooks"), at: 1)
        #expect(!String(decoding: plain, as: UTF8.self).contains("Signature"))
    }

    @Test("Retry-After in seconds is read")
    func retryAfter() throws {
        for (value, expected) in [
            ("0", 0), ("7", 7_000), ("86401", 86_400_000), ("99999999999999999999", 86_400_000), ("", nil), ("-1", nil),
            ("1.5", nil), ("Wed, 21 Oct 2015 07:28:00 GMT", nil),
        ] as [(String, Int?)] {
            var parser = HTTPResponseHeadParser()
            let answer = Array("HTTP/1.1 503\r\nRetry-After: \(value)\r\n\r\n".utf8)
            guard case .head(let head) = answer.withUnsafeBytes({ parser.consume($0).event }) else {
                Issue.record("no head")
                continue
            }
            #expect(WebhookRequest.retryAfter(head) == expected, "\(value)")
        }
    }
}
