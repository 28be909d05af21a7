import NetworkIO

/// A server that a tool has started on this machine, with its log in a folder of the tool's. It ends with the tool.
///
/// Thread: the stage's.
package final class ServerProcess {
    /// For people.
    package let name: String
    private let stage: Stage
    private let folder: TemporaryFolder
    private let log: String
    private var process: TiedProcess?

    /// Starts nothing yet.
    /// - Parameter log: the name of the file in the folder to which its outputs are added.
    package init(_ name: String, log: String, in folder: TemporaryFolder, stage: Stage) {
        self.name = name
        self.log = "\(folder.path)/\(log)"
        self.folder = folder
        self.stage = stage
    }

    /// Whether it must run; `fault` says whether it does.
    package var isUp: Bool { process != nil }

    /// Starts it and returns at once.
    /// - Parameter arguments: with the name first, as `ps` shows it.
    package func launch(_ program: String, _ arguments: [String], environment: [String: String]) throws(SystemError) {
        process = try tied(program, arguments, environment)
    }

    /// Starts it and waits until `isReady`; of one that is not ready within some seconds nothing stays.
    package func launch(
        _ program: String, _ arguments: [String], environment: [String: String], until isReady: () throws -> Bool
    ) throws {
        let process = try tied(program, arguments, environment)
        try stage.wait("an answer of \(name)", seconds: 10) {
            if let status = process.ended() {
                throw SceneFault("\(name) does not start, it ends with status \(status); its log: \(log)")
            }
            return try isReady()
        }
        self.process = process
    }

    private func tied(
        _ program: String, _ arguments: [String], _ environment: [String: String]
    ) throws(SystemError) -> TiedProcess {
        try TiedProcess(program, arguments, environment: environment, folder: folder.path, output: log)
    }

    /// Why it does not run although it should. Answers once; after that it counts as down.
    package func fault() -> String? {
        guard let status = process?.ended() else { return nil }
        process = nil
        return "\(name) has ended by itself with status \(status); its log: \(log)"
    }

    /// kill -9; returns when it is gone.
    package func kill() throws {
        let former = process
        process = nil
        former?.killNow()
        try stage.wait("the end of \(name)", seconds: 5) { former?.ended() != nil }
    }

    /// Asks it to end.
    package func terminate() { process?.terminate() }

    /// How it has ended: its exit status, or 128 + the signal; nil while it runs, and when it is down.
    package func exitStatus() -> Int32? { process?.ended() }

    /// Lets go of it, which kills it where it still runs.
    package func drop() { process = nil }
}
