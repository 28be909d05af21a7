import ArgumentParser
import Gateway
import Logging
import NetworkIO

/// `sluice serve`
struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve until SIGTERM or SIGINT.",
        discussion: """
            Configured by environment variables and a .env file in the working directory; the environment wins. Each \
            name may also be written with the prefix SLUICE_, which wins over the one without. Where NOTIFY_SOCKET \
            is set, as systemd does for Type=notify, the node says there when it serves, reloads and stops.

            Exit status: 0 after a drain, 69 when the address is taken, 78 when the configuration is wrong, 128 plus \
            the signal when a second one ends it at once.

            VARIABLES, each with its default; what is allowed:

            \(Setting.commandHelp())
            """)

    /// sysexits(3)
    private static let unavailable: Int32 = 69
    private static let systemFault: Int32 = 71

    private static let label = "sluice"
    /// How long the end waits for somebody who reads the log.
    private static let flushMilliseconds = 1_000

    private func log(_ configuration: Configuration) throws -> LineOutput {
        do throws(SystemError) {
            return try .log(label: Self.label, format: configuration.logFormat)
        } catch {
            Output.errorLine("sluice: can't start: \(error)")
            throw ExitCode(Self.systemFault)
        }
    }

    func run() throws {
        let configuration = try Configuration.ofProcess()
        let tokens = try tokens(configuration)
        let log = try log(configuration)
        let logger = Logger(
            label: Self.label, level: configuration.logLevel, format: configuration.logFormat, output: log)
        let warnings = configuration.warnings + [configuration.openNodeWarning].compactMap { $0 }
        for warning in warnings { logger.warning("\(warning)") }
        let node = try node(configuration, logger, tokens, manager(logger))
        let status = node.run()
        log.flush(withinMilliseconds: Self.flushMilliseconds)
        // Cut short, its workers still run: they must not see the node, or what exit(3) takes down, go.
        withExtendedLifetime(node) { if status != 0 { ProcessEnd.now(status) } }
        throw ExitCode(status)
    }

    /// Where the keys of tokens are read; the settings are read anew each time, too.
    private func tokens(_ configuration: Configuration) throws -> TokenSource? {
        guard configuration.tokens != nil else { return nil }
        do {
            return try TokenSource {
                // That a node which asked for tokens asks no longer needs a new start.
                guard let settings = try Configuration.loaded().tokens else { throw TokensGone() }
                return try settings.verifier()
            }
        } catch let error as ConfigurationError {
            throw error.reported()
        }
    }

    private struct TokensGone: Error, CustomStringConvertible {
        let description = "neither JWT_SECRET nor JWT_PUBLIC_KEY_FILE is set any more"
    }

    /// The service manager that asked for notices; nil without one.
    private func manager(_ logger: Logger) -> NotifySocket? {
        guard let name = ProcessEnvironment.variables[NotifySocket.variable], !name.isEmpty else { return nil }
        do throws(SystemError) { return try NotifySocket(name) } catch {
            logger.warning("the service manager gets no notices", metadata: ["error": "\(error)"])
            return nil
        }
    }

    private func node(
        _ configuration: Configuration, _ logger: Logger, _ tokens: TokenSource?, _ manager: NotifySocket?
    ) throws -> Node {
        do throws(NodeStartFault) {
            return try Node(configuration, logger: logger, tokens: tokens, manager: manager)
        } catch .addressInUse(let address) {
            Output.errorLine("sluice: \(address) is in use by another process; choose another PORT or stop that one")
            throw ExitCode(Self.unavailable)
        } catch .addressUnusable(let address, let error) {
            Output.errorLine("sluice: can't listen on \(address): \(error); check HOST and PORT")
            throw ExitCode(Self.unavailable)
        } catch .system(let error) {
            Output.errorLine("sluice: can't start: \(error)")
            throw ExitCode(Self.systemFault)
        }
    }
}
