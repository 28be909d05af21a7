import ArgumentParser
import Core
import Gateway
import NetworkIO
import Tokens

/// `sluice token`
struct TokenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Make a token for trying things out, or say what is wrong with one.",
        discussion: """
            Makes one that is signed with JWT_SECRET, which comes from the environment or .env as for serve, and has \
            JWT_AUDIENCE and JWT_ISSUER when they are set. With --verify it checks one as a node with these settings \
            would.

            Exit status: 0 when it was made, or is good; 1 when it is bad; 78 when the settings don't allow to make or \
            check one.
            """)

    /// A year. A token for trying that lives longer is a mistake.
    private static let secondsMax = 366 * 86_400

    @Option(help: "Who the token is for: its sub.")
    var user: String?

    @Option(help: "Where the user may be, separated by commas, * at the end for any rest. (default: everywhere)")
    var rooms: String?

    @Option(help: "Where the user may be and only listens; as --rooms.")
    var roomsRead: String?

    @Option(help: "How long it is good: a number with s, m, h or d.")
    var ttl = "1h"

    @Option(help: "Check this token; - reads it from standard input, where no other user of this machine sees it.")
    var verify: String?

    func validate() throws {
        guard (user == nil) != (verify == nil) else { throw ValidationError("Give either --user or --verify.") }
        if let user, Identifier(validating: user) == nil {
            throw ValidationError("--user: \(Identifier.rule)")
        }
        for (name, list) in [("--rooms", rooms), ("--rooms-read", roomsRead)] {
            guard let list, RoomPatterns(Self.patterns(list)) == nil else { continue }
            throw ValidationError("\(name) has something that names no room; each: \(Identifier.rule)")
        }
        guard seconds != nil else {
            throw ValidationError("--ttl is \"\(ttl)\"; allowed: 1s to 366d, as a number with s, m, h or d")
        }
    }

    func run() throws {
        let settings = try Configuration.ofProcess().tokens
        if let verify { return try check(verify, settings) }
        guard let user = user.flatMap(Identifier.init(validating:)), let seconds else { return }
        guard let settings, let secret = settings.secret else {
            Output.errorLine(
                settings == nil
                    ? "sluice: JWT_SECRET is not set; a token is signed with it"
                    : "sluice: JWT_SECRET is not set, and the keys of JWT_PUBLIC_KEY_FILE only check tokens: "
                        + "whoever has the private key makes them")
            throw ExitCode(ConfigurationError.exitStatus)
        }
        var request = TokenSigner.Request(user: user, expiresAt: Clock.unixMilliseconds() + seconds * 1000)
        request.rooms = rooms.map(Self.patterns)
        request.listenedRooms = roomsRead.map(Self.patterns)
        (request.audience, request.issuer) = (settings.audience, settings.issuer)
        Output.line(TokenSigner(secret).sign(request))
    }

    private func check(_ text: String, _ settings: TokenSettings?) throws {
        guard let settings else {
            Output.errorLine("sluice: neither JWT_SECRET nor JWT_PUBLIC_KEY_FILE is set; a token is checked with one")
            throw ExitCode(ConfigurationError.exitStatus)
        }
        let verifier: TokenVerifier
        do throws(ConfigurationError) { verifier = try settings.verifier() } catch { throw error.reported() }
        let token = text == "-" ? readLine() ?? "" : text
        let now = Clock.unixMilliseconds()
        do throws(TokenFault) {
            let claims = try verifier.verify(Array(token.utf8), at: now)
            let seconds = (claims.expiresAt - now) / 1000
            Output.line(
                "The token is good: for \(claims.user.text), for \(seconds) more seconds, "
                    + (claims.rooms == nil ? "in all rooms" : "in the rooms that it names")
                    + (claims.listenedRooms == nil ? "." : "; in some it only lets listen."))
        } catch {
            Output.line("The token is bad (\(error.name)): \(error.sentence).")
            throw ExitCode(1)
        }
    }

    private static func patterns(_ list: String) -> [String] {
        list.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }

    /// The seconds of `--ttl`; nil when it is none.
    private var seconds: Int? {
        let units = ["s": 1, "m": 60, "h": 3_600, "d": 86_400]
        guard let unit = ttl.last.flatMap({ units[String($0)] }), ttl.utf8.count <= 10,
            let number = Int(ttl.dropLast()), ttl.utf8.allSatisfy({ $0 != UInt8(ascii: "+") }), number > 0
        else { return nil }
        return number * unit <= Self.secondsMax ? number * unit : nil
    }
}
