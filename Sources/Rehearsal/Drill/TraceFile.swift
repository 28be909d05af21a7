import NetworkIO
import Toolkit

/// The governor's trace of a node, fetched into a file: CSV where its name ends with ".csv", else JSON lines.
struct TraceFile {
    /// Ten minutes at the shortest interval of sampling take some ten megabytes as JSON lines.
    private static let bodyBytesMax = 64 << 20
    static let secondsMax = 600
    /// The node makes one answer at a time.
    private static let attempts = 5

    let path: String

    /// Fetches the last seconds.
    /// - Returns: how many lines it has.
    /// - Throws: `DrillUnreachable`, `DrillRefusal`, `SystemError` when the file can't be written, `Interruption`.
    func write(last seconds: Int, of site: DrillSite) throws -> Int {
        let request = site.request(
            .get, "/api/system/governor/trace?seconds=\(min(max(seconds, 1), Self.secondsMax))",
            accept: path.hasSuffix(".csv") ? "text/csv" : "application/x-ndjson")
        var answer: HTTPAnswer?
        for attempt in 0..<Self.attempts where answer == nil || answer?.status == 503 {
            if attempt > 0 { try site.stage.pause(milliseconds: 300) }
            answer = try site.stage.ask(request, of: site.node.address, bodyBytesMax: Self.bodyBytesMax)
        }
        guard let answer else { throw DrillUnreachable("\(site.node.text) does not answer with its trace") }
        guard answer.status == 200 else {
            throw DrillRefusal("\(site.node.text) answers \(answer.status) to the question for its trace")
        }
        try Output.file(path, answer.body)
        return answer.body.count { $0 == UInt8(ascii: "\n") }
    }
}

/// `sluice drill record`: the trace of a node that nobody strains.
package struct TraceRecording {
    private let site: DrillSite
    private let file: TraceFile

    /// - Parameters:
    ///   - seconds: of the past.
    ///   - path: of the file.
    /// - Throws: `SystemError` when the system has no descriptor left.
    package init(of node: NodeURL, apiKey: String?, seconds: Int, path: String) throws(SystemError) {
        site = DrillSite(node, apiKey: apiKey, seconds: seconds, stage: try Stage())
        file = TraceFile(path: path)
    }

    /// Fetches it and says where it is; the exit status.
    package func run() -> Int32 {
        defer { site.stage.close() }
        do {
            let lines = try file.write(last: site.seconds, of: site)
            Output.line("\(file.path): \(lines) lines")
            return 0
        } catch let refusal as DrillRefusal {
            Output.errorLine("sluice drill record: \(refusal.reason)")
            return DrillRun.Status.refused
        } catch let unreachable as DrillUnreachable {
            Output.errorLine("sluice drill record: \(unreachable.reason)")
            return DrillRun.Status.unavailable
        } catch let interruption as Interruption {
            return interruption.exitStatus
        } catch {
            Output.errorLine("sluice drill record: \(error)")
            return DrillRun.Status.fileNotWritten
        }
    }
}
