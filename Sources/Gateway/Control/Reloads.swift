import Logging

/// The things that a node reads again at SIGHUP: files that an operator replaces while it runs.
///
/// An action puts what it read in place of what was there, or throws and leaves that; each gets one log line.
/// Thread: the control loop's; what an action changes must be safe to read from others.
package final class Reloads {
    private let logger: Logger
    private var actions: [(name: String, action: @Sendable () throws -> Void)] = []

    package init(_ logger: Logger) { self.logger = logger }

    /// Has `action` called at each SIGHUP, in the order of adding.
    /// - Parameters:
    ///   - name: what it reads, for the log.
    ///   - action: its error's text is logged: one line without secrets.
    package func add(_ name: String, _ action: @escaping @Sendable () throws -> Void) {
        actions.append((name, action))
    }

    /// Reads everything again.
    package func run() {
        if actions.isEmpty { logger.notice("SIGHUP: there is nothing to read again") }
        for (name, action) in actions {
            do {
                try action()
                logger.notice("read again", metadata: ["what": "\(name)"])
            } catch {
                logger.error(
                    "not read again: what held until now still does",
                    metadata: ["what": "\(name)", "error": "\(error)"])
            }
        }
    }
}
