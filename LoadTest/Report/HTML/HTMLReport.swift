import Foundation

/// The report as one HTML file that stands alone: nothing is fetched, and everything shows without JavaScript, which
/// only adds a line of figures under the pointer. In light and dark, and on paper.
enum HTMLReport {
    static func render(_ report: LoadReport) -> String {
        let title = "Load test: \(report.run.scenario)"
        let head = HTML.tag(
            "head", [:],
            [
                .meta(["charset": "utf-8"]),
                .meta(["name": "viewport", "content": "width=device-width, initial-scale=1"]),
                .meta(["name": "color-scheme", "content": "light dark"]),
                .tag("title", title), .tag("style", [:], [HTMLStyle.sheet]),
            ])
        let body = HTML.tag(
            "body", [:],
            [
                .tag("header", [:], [.tag("h1", title), .tag("p", ["class": "muted"], subtitle(report.run))]),
                .tag("main", [:], [.lines(parts(report))]),
                .tag("footer", ["class": "muted"], "Sluice \(report.run.version), format \(report.formatVersion)"),
                .tag("script", [:], [HTMLStyle.script]),
            ])
        return "<!DOCTYPE html>\n" + HTML.tag("html", ["lang": "en"], [head, body]).source + "\n"
    }

    private static func parts(_ report: LoadReport) -> [HTML] {
        let tables = ReportTables(report)
        var parts = [verdict(Verdict(report)), tiles(report)]
        parts += [OverloadFigure.make(report.steps)].compactMap { $0?.html() }
        parts += (CurvePlots(report).figures + TimePlots(report).figures).map { $0.html() }
        parts.append(.tag("div", ["class": "pair"], [tables.connections, tables.messages]))
        parts += [tables.storm, tables.servers, tables.tool, tables.phases, tables.run].compactMap { $0 }
        return parts
    }

    private static func subtitle(_ run: LoadReport.Run) -> String {
        let date = Date(timeIntervalSince1970: Double(run.startedAt) / 1000)
        return "\(date.formatted(.iso8601)), \(Quantity.second.written(run.seconds)) against "
            + run.urls.joined(separator: ", ")
    }

    private static func verdict(_ verdict: Verdict) -> HTML {
        let sign =
            switch verdict.level {
            case .good: "✓"
            case .warning: "!"
            case .bad: "✗"
            }
        return .tag(
            "section", ["class": "verdict \(verdict.level.rawValue)"],
            [
                .tag("span", ["class": "sign", "aria-hidden": "true"], sign),
                .tag("div", [:], [.tag("h2", verdict.headline), .tag("p", verdict.detail)]),
            ])
    }

    private static func tiles(_ report: LoadReport) -> HTML {
        let connections = report.connections
        let messages = report.messages
        let delivery = messages.delivery
        var tiles = [
            ("connections", Quantity.count.written(Double(connections.opened))),
            ("opened", Quantity.rate.written(connections.perSecond)),
        ]
        if messages.sent > 0 || messages.delivered > 0 {
            tiles += [
                ("sent", Quantity.rate.written(messages.sentPerSecond)),
                ("delivered", Quantity.rate.written(messages.deliveredPerSecond)),
            ]
        }
        let (latency, what) = delivery.count > 0 ? (delivery, "delivery") : (connections.handshake, "handshake")
        if latency.count > 0 {
            tiles += [
                ("\(what), median", Quantity.latency.written(latency.p50)),
                ("\(what), p99", Quantity.latency.written(latency.p99)),
            ]
        }
        return .tag(
            "dl", ["class": "tiles"],
            tiles.map { .tag("div", [:], [.tag("dt", $0.0), .tag("dd", $0.1)]) })
    }
}
