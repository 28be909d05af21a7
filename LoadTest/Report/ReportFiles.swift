import FoundationEssentials
import NetworkIO

/// Writes the files that were asked for.
enum ReportFiles {
    static func write(_ report: LoadReport, _ options: LoadOptions) throws {
        if let path = options.json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            try Output.file(path, Array(encoder.encode(report)) + [UInt8(ascii: "\n")])
        }
        if let path = options.html { try Output.file(path, Array(HTMLReport.render(report).utf8)) }
    }
}
