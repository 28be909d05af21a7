/// A place where bytes of somebody else come in, with the rules that hold whatever they are.
///
/// libFuzzer (`./fuzz.sh`) and the unit tests, which replay `Tests/Corpus`, call the same functions. An input stands in
/// its file as it comes from outside: a request, frames, replies of Redis.
package enum FuzzTarget: String, CaseIterable, Sendable {
    /// Requests, the opening handshake, and the answers of servers that the node asks.
    case http
    /// Frames of both ends, messages in fragments, and DEFLATE in them.
    case frames
    /// The text of a client's frame: the scanner, all events, and the lenient scanner of members.
    case clientJSON = "client-json"
    /// Replies of Redis, as hiredis reads them.
    case resp
    /// All that is read from Redis: replies of scripts, publications, entries, presence, records of nodes, settings.
    case stored
    case redisURL = "redis-url"
    /// The text of `.env`, and the configuration that it makes.
    case dotEnv = "dotenv"
    /// The fields in which proxies name a client.
    case forwarding
    /// Addresses, blocks of them, and TRUSTED_PROXIES; origins and hosts.
    case cidr
    /// Tokens, the claims in them, and files with keys.
    case jwt
    /// Percent-decoding, identifiers, and the keys that they become in Redis.
    case names
    /// The input of a port with TLS, before a handshake is through and after it.
    case tls

    /// Hands the input to the target's decoders and checks what they make of it.
    /// - Throws: `FuzzViolation` when a rule is broken. What traps ends the process.
    package func check(_ input: UnsafeRawBufferPointer) throws {
        switch self {
        case .http: try HTTPRules.check(input)
        case .frames: try FrameRules.check(input)
        case .clientJSON: try ClientJSONRules.check(input)
        case .resp: try RESPRules.check(input)
        case .stored: try StoredRules.check(input)
        case .redisURL: try TextRules.checkRedisURL(String(decoding: input, as: UTF8.self))
        case .dotEnv: try TextRules.checkDotEnv(String(decoding: input, as: UTF8.self))
        case .forwarding: try AddressRules.checkForwarding(String(decoding: input, as: UTF8.self))
        case .cidr: try AddressRules.checkBlocks(String(decoding: input, as: UTF8.self))
        case .jwt: try TokenRules.check(Array(input))
        case .names: try NameRules.check(input)
        case .tls: try TLSRules.check(input)
        }
    }
}

/// A rule that an input broke.
package struct FuzzViolation: Error, CustomStringConvertible {
    package let description: String
}

/// Throws unless a rule holds.
func hold(_ isTrue: Bool, _ rule: @autoclosure () -> String) throws {
    guard isTrue else { throw FuzzViolation(description: rule()) }
}

/// Throws unless two ways lead to the same.
func holdEqual<Value: Equatable>(_ one: Value, _ other: Value, _ rule: @autoclosure () -> String) throws {
    try hold(one == other, "\(rule()):\n\("\(one)".prefix(500))\n\("\(other)".prefix(500))")
}
