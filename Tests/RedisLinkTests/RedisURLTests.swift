import Testing

@testable import RedisLink

@Suite("The URL of Redis")
struct RedisURLTests {
    /// The parsed URL, in one line.
    private func read(_ text: String) -> Result<String, RedisURL.Fault> {
        do throws(RedisURL.Fault) {
            let url = try RedisURL(text)
            let user = url.user.map { String(decoding: $0, as: UTF8.self) } ?? "-"
            let password = url.password.map { String(decoding: $0, as: UTF8.self) } ?? "-"
            return .success("\(user) \(password) \(url.host) \(url.port) \(url.database)")
        } catch {
            return .failure(error)
        }
    }

    @Test(
        "what is read",
        arguments: [
            ("redis://localhost", "- - localhost 6379 0"),
            ("redis://127.0.0.1:7000", "- - 127.0.0.1 7000 0"),
            ("redis://redis_1.example.com:1/3", "- - redis_1.example.com 1 3"),
            ("redis://host:65535/", "- - host 65535 0"),
            ("REDIS://host/2147483647", "- - host 6379 2147483647"),
            ("redis://:pw@host", "- pw host 6379 0"),
            ("redis://pw@host/1", "- pw host 6379 1"),
            ("redis://ann:pw@host:1", "ann pw host 1 0"),
            ("redis://ann:p:w@host", "ann p:w host 6379 0"),
            ("redis://:p@w@host", "- p@w host 6379 0"),
            ("redis://a%40b:%70%3a%2F%25@host", "a@b p:/% host 6379 0"),
            ("redis://:p/?#w@host", "- p/?#w host 6379 0"),
            ("redis://:pässword@host", "- pässword host 6379 0"),
            ("redis://[::1]", "- - ::1 6379 0"),
            ("redis://:pw@[2001:db8::7]:7001/2", "- pw 2001:db8::7 7001 2"),
        ])
    func good(text: String, meaning: String) {
        #expect(read(text) == .success(meaning))
    }

    @Test(
        "what is not",
        arguments: [
            ("", .scheme), ("localhost:6379", .scheme), ("redis:/host", .scheme), ("http://host", .scheme),
            (" redis://host", .scheme), ("unix:///tmp/redis", .scheme),
            ("redisss://host", .scheme),
            ("redis://ann:@host", .user), ("redis://:@host", .password), ("redis://@host", .password),
            ("redis://", .host), ("redis:///1", .host), ("redis://:6379", .host), ("redis://ho st", .host),
            ("redis://höst", .host), ("redis://a,b", .host), ("redis://::1", .host), ("redis://[::1", .host),
            ("redis://[127.0.0.1]", .host), ("redis://[]", .host), ("redis://[::g]", .host), ("redis://[::1]1", .host),
            ("redis://" + String(repeating: "h", count: 254), .host), ("redis://h%6Fst", .host),
            ("redis://host\n", .host),
            ("redis://host:", .port), ("redis://host:0", .port), ("redis://host:65536", .port),
            ("redis://host:+1", .port), ("redis://host:99999999999999999999", .port), ("redis://[::1]:", .port),
            ("redis://host:1x", .port), ("redis://host:٥", .port),
            ("redis://host/x", .database), ("redis://host/-1", .database), ("redis://host/2147483648", .database),
            ("redis://host/1/2", .surplus), ("redis://host?db=1", .surplus), ("redis://host/1#a", .surplus),
            ("redis://:%@host", .percent), ("redis://:%4@host", .percent), ("redis://%zz:pw@host", .percent),
            ("redis://a%GG@host", .percent),
        ] as [(String, RedisURL.Fault)])
    func bad(text: String, fault: RedisURL.Fault) {
        #expect(read(text) == .failure(fault))
    }

    @Test("each fault has words of its own")
    func words() {
        let all = RedisURL.Fault.allCases
        #expect(Set(all.map(\.description)).count == all.count)
    }

    @Test("rediss:// is by TLS")
    func secure() throws {
        #expect(try RedisURL("rediss://host").isSecure && RedisURL("REDISS://:pw@host").isSecure)
        #expect(try !RedisURL("redis://host").isSecure)
        #expect(try "\(RedisURL("rediss://:hush@host"))" == "rediss://(hidden)@host:6379/0")
    }

    @Test("a description shows no secret")
    func description() throws {
        #expect(try "\(RedisURL("redis://ann:hush@[::1]:7000/3"))" == "redis://(hidden)@[::1]:7000/3")
        #expect(try "\(RedisURL("redis://hush@host"))" == "redis://(hidden)@host:6379/0")
        #expect(try "\(RedisURL("redis://host/"))" == "redis://host:6379/0")
        // As part of something larger, too.
        #expect(try !"\([RedisURL("redis://ann:hush@host")])".contains("hush"))
    }

    @Test("any bytes as user and password")
    func binary() throws {
        let url = try RedisURL("redis://%00%FF:%0D%0A@host")
        #expect(url.user == [0, 255] && url.password == [13, 10])
    }
}
