import Foundation

@testable import load_test

#if canImport(FoundationXML)
    import FoundationXML
#endif

extension LoadReport.Latency {
    static let none = LoadReport.Latency(count: 0, mean: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0, curve: [])

    static func sample(_ factor: Double) -> LoadReport.Latency {
        let curve = stride(from: 0, through: 4, by: 0.25).map { nines in
            Point(quantile: 1 - pow(10, -nines), milliseconds: (0.4 + pow(3, nines)) * factor)
        }
        return LoadReport.Latency(
            count: 10_000, mean: 2 * factor, p50: factor, p90: 3 * factor, p99: 9 * factor, p999: 27 * factor,
            max: 90 * factor, curve: curve + [Point(quantile: 1, milliseconds: 90 * factor)])
    }
}

extension LoadReport.Messages {
    static let none = LoadReport.Messages(
        sent: 0, acked: 0, refused: [:], delivered: 0, lost: 0, duplicated: 0, misordered: 0, gaps: 0, sentPerSecond: 0,
        deliveredPerSecond: 0, receivedBytes: 0, delivery: .none, ack: .none)
}

extension LoadReport {
    /// A run of 30 s in which everything went well and every part of the report has something to show.
    static func sample(scaledBy factor: Double = 1) -> LoadReport {
        LoadReport(
            run: Run(
                version: "1", scenario: "overload", urls: ["ws://127.0.0.1:1"],
                options: [.init(name: "--rate", value: "10")], startedAt: 1_700_000_000_000, seconds: 30,
                endedEarly: false, machine: "a machine", processes: 1, seed: 7),
            phases: [
                Phase(name: "connect", startSecond: 0, endSecond: 0.5),
                Phase(name: "measure", startSecond: 0.5, endSecond: 30, offeredPerSecond: 10),
            ],
            connections: Connections(
                wanted: 10, opened: 10, failed: [:], perSecond: 100 * factor, handshake: .sample(factor),
                closeCodes: ["1000": 10]),
            messages: Messages(
                sent: 300, acked: 300, refused: [:], delivered: 3000, lost: 0, duplicated: 0, misordered: 0, gaps: 0,
                sentPerSecond: 10 * factor, deliveredPerSecond: 100 * factor, receivedBytes: 300_000,
                delivery: .sample(factor), ack: .sample(factor)),
            servers: [Server(url: "ws://127.0.0.1:1", pid: 1, bytesPerConnection: 5000)],
            timeline: (0..<30).map { second in
                Sample(
                    second: Double(second), connected: 10, sent: 10 + second, delivered: 100, refused: second,
                    p50: second == 7 ? nil : factor, p99: 5 * factor, max: 30 * factor, tier: "normal",
                    pressure: 0.1 * factor, shed: ["typing": second])
            },
            steps: ["0.5x", "1x", "2x"].map { name in
                OverloadStep(
                    name: name, factor: 1, offeredPerSecond: 100 * factor, goodputPerSecond: 90 * factor, p50: factor,
                    p99: 5 * factor, refusedPerSecond: 10 * factor)
            })
    }
}

/// A rendered report as an XML parser of others reads it.
final class Page: NSObject, XMLParserDelegate {
    struct Drawing {
        var title = ""
        var description = ""
    }
    struct Point {
        var x: Double
        var y: Double
        var area: CGRect
    }

    let source: String
    private(set) var drawings: [Drawing] = []
    private(set) var elements: [String] = []
    private(set) var attributeNames: Set<String> = []
    private(set) var ids: [String] = []
    /// Ids that elements name as their labels.
    private(set) var labels: [String] = []
    private(set) var text = ""
    private(set) var areas: [CGRect] = []
    private(set) var points: [Point] = []
    private var open: [String] = []

    /// Throws when the page is not well-formed.
    init(_ source: String) throws {
        self.source = source
        super.init()
        let parser = XMLParser(data: Data(source.utf8))
        parser.delegate = self
        guard parser.parse() else { throw parser.parserError ?? CocoaError(.coderReadCorrupt) }
    }

    func parser(
        _: XMLParser, didStartElement name: String, namespaceURI _: String?, qualifiedName _: String?,
        attributes: [String: String]
    ) {
        elements.append(name)
        open.append(name)
        attributeNames.formUnion(attributes.keys)
        ids += [attributes["id"]].compactMap { $0 }
        labels += (attributes["aria-labelledby"] ?? "").split(separator: " ").map(String.init)
        if name == "svg", attributes["role"] == "img" { drawings.append(Drawing()) }
        let kind = attributes["class"]?.split(separator: " ").first
        func number(_ key: String) -> Double { attributes[key].flatMap(Double.init) ?? .nan }
        let box = CGRect(x: number("x"), y: number("y"), width: number("width"), height: number("height"))
        if kind == "area" { areas.append(box) }
        guard let area = areas.last else { return }
        if kind == "bar" {
            points.append(Point(x: box.minX, y: box.minY, area: area))
            points.append(Point(x: box.maxX, y: box.maxY, area: area))
        }
        for corner in (attributes["points"] ?? "").split(separator: " ") {
            let parts = corner.split(separator: ",").compactMap { Double($0) }
            points.append(Point(x: parts[0], y: parts[1], area: area))
        }
    }

    func parser(_: XMLParser, didEndElement _: String, namespaceURI _: String?, qualifiedName _: String?) {
        open.removeLast()
    }

    func parser(_: XMLParser, foundCharacters characters: String) {
        text += characters
        // The title of a drawing is its first; those of its parts stand deeper.
        guard let index = drawings.indices.last, open.dropLast().last == "svg" else { return }
        if open.last == "title" { drawings[index].title += characters }
        if open.last == "desc" { drawings[index].description += characters }
    }
}
