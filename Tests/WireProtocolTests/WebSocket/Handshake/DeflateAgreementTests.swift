import Testing

@testable import WireProtocol

@Suite("RFC 7692 §7.1 negotiation of permessage-deflate")
struct DeflateAgreementTests {
    private static let answer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

    private func agreement(_ header: String) throws -> DeflateAgreement? {
        DeflateAgreement(offers: try #require(WebSocketExtension.list(header), "\(header)"))
    }

    @Test(
        "Offers that are taken, whatever they say of the client",
        arguments: [
            "permessage-deflate",
            "permessage-deflate; server_no_context_takeover",
            "permessage-deflate; client_no_context_takeover",
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; client_max_window_bits=8",
            "permessage-deflate; client_max_window_bits=15",
            "permessage-deflate; client_max_window_bits=\"10\"",
            " ,permessage-deflate ;\tclient_max_window_bits ; server_no_context_takeover;client_no_context_takeover, ",
        ])
    func taken(offer: String) throws {
        let agreement = try #require(try agreement(offer))
        #expect(agreement.response == Self.answer)
        #expect(agreement.windowBits == 13)
    }

    @Test("§7.1.2.1 a bound for the server's window is kept, and said", arguments: 8...15)
    func serverWindow(bits: Int) throws {
        let found = try agreement("permessage-deflate; server_max_window_bits=\(bits)")
        #expect(try agreement("permessage-deflate; server_max_window_bits=\"\(bits)\"") == found)
        guard bits > 8 else {
            #expect(found == nil, "zlib has no such window")
            return
        }
        let agreement = try #require(found)
        #expect(agreement.windowBits == min(bits, 13))
        #expect(agreement.response == Self.answer + "; server_max_window_bits=\(min(bits, 13))")
    }

    @Test(
        "§7.1 offers that are declined: unknown or repeated parameters, bad values, another extension",
        arguments: [
            "", "x-webkit-deflate-frame", "permessage-bzip2", "Permessage-deflate",
            "permessage-deflate; unknown", "permessage-deflate; unknown=1",
            "permessage-deflate; Server_no_context_takeover",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            "permessage-deflate; client_no_context_takeover; server_no_context_takeover; client_no_context_takeover",
            "permessage-deflate; client_max_window_bits; client_max_window_bits=9",
            "permessage-deflate; server_max_window_bits=9; server_max_window_bits=9",
            "permessage-deflate; server_no_context_takeover=1", "permessage-deflate; client_no_context_takeover=true",
            "permessage-deflate; server_max_window_bits",
        ])
    func declined(offer: String) throws { #expect(try agreement(offer) == nil) }

    @Test(
        "§7.1.2 a window is 8 to 15, without leading zeros",
        arguments: ["7", "16", "0", "08", "010", "1e1", "+9", "-9", "9.0", "ten", "99999999999999999999"])
    func badWindows(value: String) throws {
        for name in ["server_max_window_bits", "client_max_window_bits"] {
            #expect(try agreement("permessage-deflate; \(name)=\(value)") == nil)
        }
    }

    @Test("§7.1.3 the first offer that can be met counts, by the client's preference")
    func severalOffers() throws {
        #expect(
            try agreement("permessage-deflate; server_max_window_bits=10, permessage-deflate")?.windowBits == 10)
        #expect(
            try agreement("permessage-deflate; server_max_window_bits=8, permessage-deflate")?.response == Self.answer)
        let third = "x; y=1, permessage-deflate; unknown, permessage-deflate; server_max_window_bits=11"
        #expect(try agreement(third + ", permessage-deflate")?.windowBits == 11)
    }
}

@Suite("RFC 6455 §9.1 Sec-WebSocket-Extensions")
struct WebSocketExtensionTests {
    @Test("Names, parameters, quoted values, empty elements")
    func wellFormed() {
        let list = WebSocketExtension.list(#"a; b ; c = 1;d="x\y" , , e"#)
        #expect(
            list == [
                WebSocketExtension(
                    name: "a",
                    parameters: [
                        .init(name: "b", value: nil), .init(name: "c", value: "1"), .init(name: "d", value: "xy"),
                    ]),
                WebSocketExtension(name: "e", parameters: []),
            ])
        #expect(WebSocketExtension.list(nil) == [])
        #expect(WebSocketExtension.list(" ,\t, ") == [])
    }

    @Test(
        "What is not of the form: the handshake fails",
        arguments: [
            ";", "a;", "a; ;b", "a b", "a; b c", "a; b=", "a; b=;c", "=1", "a=1", "a; =1", "a; b=\"\"", "a; b=\"c",
            "a; b=\"c d\"", "a; b=\"c\\", "a; b=\"c\"d", "a; b=c\"d\"", "(a)", "a; b={", "a\u{E9}",
        ])
    func malformed(header: String) throws {
        #expect(WebSocketExtension.list(header) == nil)
        let request = WebSocketHandshake.clientRequest(
            host: "h", target: "/", key: "dGhlIHNhbXBsZSBub25jZQ==",
            headers: [("Sec-WebSocket-Extensions", header)])
        guard header.utf8.allSatisfy({ $0 < 0x80 }) else { return }
        let result = WebSocketHandshake.evaluate(try HTTPFeeding.parsed(String(decoding: request, as: UTF8.self)))
        guard case .failure(let refusal) = result else {
            Issue.record("accepted: \(header)")
            return
        }
        #expect(refusal.failure.status == 400)
    }

    @Test("The answer carries what was agreed")
    func answer() throws {
        var bytes: [UInt8] = []
        let offers = try #require(WebSocketExtension.list("permessage-deflate; server_max_window_bits=9"))
        WebSocketHandshake.acceptResponse(
            accept: "x", subprotocol: nil, deflate: DeflateAgreement(offers: offers), into: &bytes)
        #expect(
            String(decoding: bytes, as: UTF8.self).contains(
                "\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
                    + "client_no_context_takeover; server_max_window_bits=9\r\n"))
        bytes = []
        WebSocketHandshake.acceptResponse(accept: "x", subprotocol: nil, into: &bytes)
        #expect(!String(decoding: bytes, as: UTF8.self).contains("Extensions"))
    }
}
