import Testing

@testable import WireProtocol

@Suite("RFC 9112 §3.2 request target")
struct HTTPRequestTargetTests {
    private func get(_ target: String, method: String = "GET", host: String = "Host: a\r\n") -> String {
        "\(method) \(target) HTTP/1.1\r\n\(host)\r\n"
    }

    @Test(
        "§3.2.1 origin form: path segments",
        arguments: [
            ("/", []), ("/a", ["a"]), ("/a/", ["a", ""]), ("//", ["", ""]), ("//a", ["", "a"]),
            ("/a//b", ["a", "", "b"]),
            ("/ws/room/user", ["ws", "room", "user"]), ("/a/../b/.", ["a", "..", "b", "."]), ("/a+b", ["a+b"]),
            ("/a%2Fb/c", ["a/b", "c"]), ("/a%2fb", ["a/b"]), ("/%2e%2e/x", ["..", "x"]), ("/%25", ["%"]),
            ("/%2541", ["%41"]),
            ("/%41%7a", ["Az"]), ("/%C3%A9", ["é"]), ("/%F0%9F%98%80/%e2%82%ac", ["😀", "€"]), ("/%00", ["\0"]),
            ("/%7F%0A", ["\u{7F}\n"]),
            ("/a?", ["a"]), ("/a|b\"<>{}^`\\[]'()", ["a|b\"<>{}^`\\[]'()"]), ("/a:b@c;d=e,f", ["a:b@c;d=e,f"]),
            ("/*", ["*"]),
        ] as [(String, [String])])
    func path(target: String, path: [String]) {
        let request = HTTPFeeding.request(get(target))
        #expect(request?.path == path)
        #expect(request?.target == target)
        #expect(request?.query == [])
    }

    @Test(
        "§3.2.1 origin form: query",
        arguments: [
            ("/?", []), ("/?a", ["a|"]), ("/?a=", ["a|"]), ("/?=b", ["|b"]), ("/?a=b", ["a|b"]),
            ("/?a=b&c=d", ["a|b", "c|d"]),
            ("/?a=b&a=c", ["a|b", "a|c"]), ("/?&&a=b&&", ["a|b"]), ("/?a=b=c", ["a|b=c"]), ("/?a=1+2", ["a|1 2"]),
            ("/?a+b=1", ["a b|1"]),
            ("/?a=%2B%26%3D", ["a|+&="]), ("/?a%3Db=c", ["a=b|c"]), ("/?a=b?c/d", ["a|b?c/d"]), ("/?a=%C3%A9", ["a|é"]),
            ("/?a={\"b\"|c}", ["a|{\"b\"|c}"]),
            ("/?a=%2541", ["a|%41"]), ("/?+", [" |"]),
        ] as [(String, [String])])
    func query(target: String, query: [String]) {
        let request = HTTPFeeding.request(get(target))
        #expect(request?.query == query)
        #expect(request?.path == [])
    }

    @Test("the query's accessors")
    func queryAccessors() throws {
        let request = try HTTPFeeding.parsed(get("/x?a=1&b=&a=2&c"))
        #expect(request.queryValue("a") == "1")
        #expect(request.queryValue("b") == "")
        #expect(request.queryValue("c") == "")
        #expect(request.queryValue("d") == nil)
        #expect(request.queryCount("a") == 2)
        #expect(request.queryCount("c") == 1)
        #expect(request.queryCount("d") == 0)
        #expect(request.query.map(\.name) == ["a", "b", "a", "c"])
    }

    @Test(
        "RFC 3986 §2.1 malformed percent-encoding, or not of UTF-8",
        arguments: [
            "%", "%4", "%4g", "%g4", "%%41", "a%", "%2", "%-1", "%+1", "%0x", "% 41", "%FF", "%C3", "%C3%28", "%A9",
            "%C0%80", "%C1%81",
            "%ED%A0%80", "%F4%90%80%80", "%F0%80%80%80", "%E2%82", "%F8%88%80%80%80", "%C3x%A9",
        ])
    func malformedPercent(text: String) {
        #expect(HTTPFeeding.failure(get("/a/\(text)"))?.status == 400)
        #expect(HTTPFeeding.failure(get("/\(text)/a"))?.status == 400)
        #expect(HTTPFeeding.failure(get("/?a=\(text)"))?.status == 400)
        #expect(HTTPFeeding.failure(get("/?\(text)=a&b"))?.status == 400)
    }

    @Test(
        "an encoding does not reach over a separator",
        arguments: ["/%C3/%A9", "/?a=%C3&b=%A9", "/?%C3=%A9", "/a%C3?%A9", "/%4/1", "/?a=%4&1"])
    func encodingAcrossSeparators(target: String) {
        #expect(HTTPFeeding.failure(get(target))?.status == 400)
    }

    @Test(
        "fragments and raw bytes beyond ASCII",
        arguments: ["/#", "/a#b", "/?a=b#c", "#", "http://a/#b", "/é", "/?é", "/a/\u{80}"])
    func refusedCharacters(target: String) {
        #expect(HTTPFeeding.failure(get(target))?.status == 400)
    }

    @Test(
        "§3.2.2 absolute form: its host wins",
        arguments: [
            ("http://example.org", "example.org", []), ("http://example.org/", "example.org", []),
            ("HTTP://b:80/x/y", "b:80", ["x", "y"]),
            ("https://b/x", "b", ["x"]), ("HttpS://[::1]:8000/x", "[::1]:8000", ["x"]),
            ("http://127.0.0.1:8000/a//", "127.0.0.1:8000", ["a", "", ""]),
            ("http://b:/x", "b:", ["x"]), ("http://b?q=1", "b", []), ("http://b/?q=1", "b", []),
            ("http://a%20b/", "a%20b", []),
        ] as [(String, String, [String])])
    func absoluteForm(target: String, host: String, path: [String]) {
        let request = HTTPFeeding.request(get(target, host: "Host: other\r\n"))
        #expect(request?.host == host)
        #expect(request?.path == path)
        #expect(request?.target == target)
        #expect(request?.query == (target.contains("?") ? ["q|1"] : []))
        #expect(HTTPFeeding.request("GET \(target) HTTP/1.0\r\n\r\n")?.host == host)
        #expect(HTTPFeeding.failure(get(target, host: ""))?.status == 400, "Host is needed all the same")
    }

    @Test(
        "§3.2 targets of no form",
        arguments: [
            "a", "a/b", "example.org:80", "http:/a", "http:a", "http://", "http:///x", "http://?x", "https://",
            "http://:80/", "http://u@h/", "http://u:p@h/",
            "http://[::1/", "http://[]/", "http://[g]/", "http://[::1]x/", "http://h:x/", "http://h:65536/",
            "http://h:-1/", "http://h:80:80/", "http://h:000080/",
            "http://h%2/", "http://h%zz/", "http://h|h/", "ftp://h/", "ws://h/", "?a=b", "**", "*/", "*?",
        ])
    func malformedTarget(target: String) {
        #expect(HTTPFeeding.failure(get(target))?.status == 400)
    }

    @Test("§3.2.3 authority form is for CONNECT, §3.2.4 asterisk form for OPTIONS")
    func otherForms() {
        let options = HTTPFeeding.request(get("*", method: "OPTIONS"))
        #expect(options?.path == [])
        #expect(options?.target == "*")
        #expect(HTTPFeeding.failure(get("*"))?.status == 400)
        #expect(HTTPFeeding.failure(get("*", method: "POST"))?.status == 400)
        let connect = HTTPFeeding.request(get("h:443", method: "CONNECT"))
        #expect(connect?.method == .connect)
        #expect(connect?.path == [])
        #expect(HTTPFeeding.failure(get("h:x", method: "CONNECT"))?.status == 400)
        #expect(HTTPFeeding.failure(get("http://h/", method: "CONNECT"))?.status == 400)
    }

    @Test(
        "§3.2 Host: once, well-formed",
        arguments: [
            "localhost", "localhost:8000", "127.0.0.1:65535", "[::1]", "[2001:db8::1]:80", "a_b.example-c.org", "a:",
            "", "xn--bcher-kva.example", "A.B",
        ])
    func host(value: String) {
        #expect(HTTPFeeding.request(get("/", host: "Host: \(value)\r\n"))?.host == value)
        #expect(HTTPFeeding.request(get("/", host: "hOsT:\t \(value) \t\r\n"))?.host == value)
    }

    @Test(
        "§3.2 Host: malformed",
        arguments: [
            "a b", "a/b", "http://a", "u@a", "a:b", "a:65536", "a:1:2", ":80", "[::1", "::1", "[]", "a,b", "a\tb", "é",
            "a?b", "a%", "a\\b", "\"a\"",
        ])
    func malformedHost(value: String) {
        // A comma is a sub-delim, so "a,b" is a registered name: two joined Host lines can't be distinguished from one.
        guard value != "a,b" else {
            #expect(HTTPFeeding.request(get("/", host: "Host: \(value)\r\n"))?.host == "a,b")
            return
        }
        #expect(HTTPFeeding.failure(get("/", host: "Host: \(value)\r\n"))?.status == 400)
    }

    @Test("§3.2 Host: missing or repeated")
    func hostCount() {
        #expect(HTTPFeeding.failure(get("/", host: ""))?.status == 400)
        #expect(HTTPFeeding.failure(get("/", host: "Host: a\r\nHost: b\r\n"))?.status == 400)
        #expect(HTTPFeeding.failure(get("/", host: "Host: a\r\nX: y\r\nHOST: a\r\n"))?.status == 400)
        #expect(HTTPFeeding.failure("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n")?.status == 400)
        #expect(HTTPFeeding.request("GET / HTTP/1.0\r\n\r\n").map { $0.host == nil } == true)
        #expect(HTTPFeeding.request("GET / HTTP/1.0\r\nHost: a\r\n\r\n")?.host == "a")
    }
}
