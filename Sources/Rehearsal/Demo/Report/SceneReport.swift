import Toolkit

/// How a scene went.
struct SceneReport {
    enum Outcome: Equatable {
        case passed
        case failed
        /// It was left out; the words say why.
        case skipped(String)
    }

    let title: String
    let outcome: Outcome
    let tally: DeliveryCounts
    let milliseconds: Int
}

/// The table at the end.
enum ResultTable {
    private static let titles = ["sent", "received", "lost", "duplicated", "out of order", "time", "result"]
    /// Of the scenes' titles.
    private static let titleColumns = 28
    /// Of any other column; most are as wide as what stands above them.
    private static let columnsMin = 7
    private static let gap = 2

    static let header = line("scene", titles)

    static func row(_ report: SceneReport) -> String {
        switch report.outcome {
        case .skipped:
            line(report.title, Array(repeating: "-", count: titles.count - 1) + ["skipped"])
        case .passed, .failed:
            line(report.title, cells(report.tally, report.milliseconds, report.outcome == .passed ? "ok" : "FAILED"))
        }
    }

    /// The sums.
    static func total(_ reports: [SceneReport], milliseconds: Int) -> String {
        var sum = DeliveryCounts()
        for report in reports { sum += report.tally }
        let isGood = reports.allSatisfy { $0.outcome != .failed }
        return line("all", cells(sum, milliseconds, isGood ? "ok" : "FAILED"))
    }

    private static func cells(_ tally: DeliveryCounts, _ milliseconds: Int, _ result: String) -> [String] {
        [tally.sent, tally.received, tally.lost, tally.duplicated, tally.misordered].map(String.init)
            + [Figures.duration(milliseconds), result]
    }

    private static func line(_ title: String, _ cells: [String]) -> String {
        zip(titles, cells).reduce(Figures.padded(title, titleColumns)) { text, cell in
            text + String(repeating: " ", count: gap) + Figures.right(cell.1, max(cell.0.count, columnsMin))
        }
    }
}
