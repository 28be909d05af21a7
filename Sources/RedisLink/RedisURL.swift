import Core
import WireProtocol

/// Where Redis is and how to get in: `redis://[[user]:password@]host[:port][/db]`, and `redis://password@host`; with
/// `rediss://` by TLS.
///
/// User and password are percent-decoded; a host of colons stands in brackets. Nothing here shows a secret.
package struct RedisURL: Equatable, Sendable, CustomStringConvertible {
    /// A fault of a text. No part of the text is shown: a slip of the pen may have put the password anywhere.
    package enum Fault: Error, Equatable, Sendable, CaseIterable, CustomStringConvertible {
        case scheme, user, password, host, port, database, percent, surplus

        package var description: String {
            switch self {
            case .scheme: "it does not begin with redis:// or rediss://"
            case .user: "a user stands there without a password"
            case .password: "a colon or an @ stands there, and no password"
            case .host: URLAuthority.hostRule
            case .port: URLAuthority.portRule
            case .database: "its database is no number from 0 to \(RedisURL.databaseMax)"
            case .percent: "a % in the user or password does not begin a percent-encoded byte"
            case .surplus: "something follows behind the database, or a ? or # stands there"
            }
        }
    }

    /// The allowed texts, as a sentence part.
    package static let rule =
        "redis://[[user]:password@]host[:port][/db], or rediss:// for TLS, with user and password percent-encoded"
    package static let portDefault: UInt16 = 6379
    /// Redis counts its databases in an int.
    package static let databaseMax = Int(Int32.max)

    /// Whether it is spoken with by TLS.
    package let isSecure: Bool
    /// Nil when only a password is given: Redis then takes the user `default`.
    package let user: [UInt8]?
    package let password: [UInt8]?
    /// A name, or an address in digits, without brackets.
    package let host: String
    package let port: UInt16
    package let database: Int

    /// Reads a URL.
    package init(_ text: String) throws(Fault) {
        var rest = text[...]
        guard let mark = rest.firstRange(of: "://") else { throw .scheme }
        switch rest[..<mark.lowerBound].lowercased() {
        case "redis": isSecure = false
        case "rediss": isSecure = true
        default: throw .scheme
        }
        rest = rest[mark.upperBound...]
        // A host has no @, and a password that was not encoded may.
        if let at = rest.lastIndex(of: "@") {
            (user, password) = try Self.credentials(rest[..<at])
            rest = rest[rest.index(after: at)...]
        } else {
            (user, password) = (nil, nil)
        }
        guard !rest.contains(where: { $0 == "?" || $0 == "#" }) else { throw .surplus }
        let parts = rest.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        do throws(URLAuthority.Fault) {
            let place = try URLAuthority(parts[0])
            (host, port) = (place.host, place.port ?? Self.portDefault)
        } catch {
            throw error == .host ? .host : .port
        }
        database = try parts.count > 1 ? Self.database(parts[1]) : 0
    }

    /// As a URL, with the secrets left out.
    package var description: String {
        let place = URLAuthority(host: host, port: port)
        return "redis\(isSecure ? "s" : "")://\(password == nil ? "" : "(hidden)@")\(place)/\(database)"
    }

    private static func credentials(_ text: Substring) throws(Fault) -> (user: [UInt8]?, password: [UInt8]) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else {
            guard !text.isEmpty else { throw .password }
            return (nil, try decoded(text))
        }
        guard !parts[1].isEmpty else { throw parts[0].isEmpty ? .password : .user }
        return (parts[0].isEmpty ? nil : try decoded(parts[0]), try decoded(parts[1]))
    }

    private static func database(_ text: Substring) throws(Fault) -> Int {
        guard !text.isEmpty else { return 0 }
        guard !text.contains("/") else { throw .surplus }
        guard let number = number(text), number <= databaseMax else { throw .database }
        return number
    }

    /// ASCII digits alone (`Int` would take a sign).
    private static func number(_ text: Substring) -> Int? {
        text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ? Int(text) : nil
    }

    private static func decoded(_ text: Substring) throws(Fault) -> [UInt8] {
        guard let bytes = Array(text.utf8).withUnsafeBytes({ PercentEncoding.decoded($0) }) else { throw .percent }
        return bytes
    }
}
