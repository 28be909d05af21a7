import NetworkIO

/// How tools show what they do: on a terminal with symbols, colours (unless NO_COLOR is set, see no-color.org) and the
/// step that is under way; else in plain lines, one for each step that is over.
package final class Screen {
    /// Select graphic rendition (ECMA-48).
    private enum Style: String {
        case bold = "1"
        case dim = "2"
        case red = "31"
        case green = "32"
        case yellow = "33"
    }

    /// The column behind which times stand.
    private static let textColumns = 76

    private let columns: Int?
    private let isColoured: Bool

    /// - Parameter variables: the environment.
    package init(variables: [String: String]) {
        let isDumb = variables["TERM"] == "dumb"
        columns = isDumb ? nil : Output.terminalColumns
        isColoured = columns != nil && (variables["NO_COLOR"] ?? "").isEmpty
    }

    package func line(_ text: String = "") { Output.line(text) }

    /// The beginning of a part: what it is called, and what it shows.
    package func heading(_ title: String, _ explanation: [String] = []) {
        line()
        line(styled(title, .bold))
        for text in explanation { line("  " + styled(text, .dim)) }
    }

    /// One step: on a terminal shown as under way, then with its outcome and how long it took.
    /// - Parameter body: what is done; its words follow those of the step, unless they are empty.
    package func step(_ text: String, _ body: () throws -> String) throws {
        let begun = Clock.monotonicMilliseconds()
        if let columns { Output.text(String("  … \(text)".prefix(columns - 1))) }
        do {
            let detail = try body()
            let line = detail.isEmpty ? text : "\(text): \(detail)"
            over(mark("✓", "ok", .green), line, Clock.monotonicMilliseconds() - begun)
        } catch {
            let isInterrupted = error is Interruption
            over(
                isInterrupted ? mark("-", "ended", .yellow) : mark("✗", "FAILED", .red),
                "\(text): \(isInterrupted ? "interrupted" : "\(error)")", Clock.monotonicMilliseconds() - begun)
            throw error
        }
    }

    /// Something is left out, and why.
    package func skipped(_ text: String) { line("  \(mark("- skipped:", "skipped", .yellow)) \(text)") }

    /// The last line.
    package func verdict(_ text: String, isGood: Bool) {
        line("\(mark(isGood ? "✓" : "✗", isGood ? "ok" : "FAILED", isGood ? .green : .red)) \(styled(text, .bold))")
    }

    /// The header of a table.
    package func header(_ text: String) { line(styled(text, .bold)) }
    /// A row of a table; one that is not good is made to stand out.
    package func row(_ text: String, isGood: Bool) { line(isGood ? text : styled(text, .red)) }

    private func over(_ mark: String, _ text: String, _ milliseconds: Int) {
        // Over the line of the beginning; to the end of the line (ECMA-48, EL).
        if columns != nil { Output.text("\r\u{1B}[K") }
        let time = Figures.duration(milliseconds)
        let blanks = String(repeating: " ", count: max(2, Self.textColumns - text.count - time.count))
        line("  \(mark) \(text)\(blanks)\(styled(time, .dim))")
    }

    private func mark(_ symbol: String, _ word: String, _ style: Style) -> String {
        columns == nil ? Figures.padded(word, 7) : styled(symbol, style)
    }

    private func styled(_ text: String, _ style: Style) -> String {
        isColoured && !text.isEmpty ? "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m" : text
    }
}
