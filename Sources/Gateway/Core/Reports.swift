import NetworkIO
import WireProtocol

/// The status and the metrics of the node, as they were last made. Any thread.
final class Reports: Sendable {
    let cpu = ProcessorMeter()
    /// The source of work that each worker limited last, as of its last tick, by its number; one that has limited none
    /// is not there.
    let heaviest = Locked<[Int: HeaviestSource]>([:])
    /// Of the workers' inner controllers, for the governor's trace.
    let innerSteps = InnerSteps()
    private let copies = Locked(ReportCopies())

    /// As `ReportCopies.find`.
    func find(_ report: ReportCopies.Report, ageMax: Int, at now: Int, _ make: () -> HTTPResponse) -> HTTPResponse {
        copies.withLock { $0.find(report, ageMax: ageMax, at: now, make) }
    }

    /// Something has changed that nobody may see late, such as the tier.
    func forget() { copies.withLock { $0 = ReportCopies() } }
}

/// The reports that anybody may ask for as often as they like, made at most once per tick for the whole node: asking
/// again within it costs a copy of bytes, and no two workers give counts that fall from one answer to the next.
struct ReportCopies {
    enum Report: Int, CaseIterable {
        case status, metrics
    }

    private var copies: [(response: HTTPResponse, at: Int)?] = Report.allCases.map { _ in nil }

    /// The report, at most so old.
    /// - Parameters:
    ///   - ageMax: milliseconds.
    ///   - now: loop milliseconds.
    mutating func find(_ report: Report, ageMax: Int, at now: Int, _ make: () -> HTTPResponse) -> HTTPResponse {
        if let copy = copies[report.rawValue], now - copy.at < ageMax { return copy.response }
        let response = make()
        copies[report.rawValue] = (response, now)
        return response
    }
}
