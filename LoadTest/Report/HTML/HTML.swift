/// A piece of HTML or SVG that is well-formed XML too. Text and attributes are escaped as they come in, so that nothing
/// from outside (URLs, reasons, options, names of tiers) can become markup.
struct HTML: Sendable {
    let source: String

    private init(source: String) { self.source = source }

    /// Text as itself.
    static func text(_ text: String) -> HTML { HTML(source: escaped(text)) }

    /// Trusted source of ours: the style sheet, the script. Must be well-formed where it stands.
    static func verbatim(_ source: StaticString) -> HTML { HTML(source: source.description) }

    /// One element with its children. Never abbreviated to `<a/>`, which HTML reads as an open tag.
    static func tag(_ name: StaticString, _ attributes: KeyValuePairs<String, String> = [:], _ children: [HTML] = [])
        -> HTML
    {
        var source = "<\(name)"
        for (key, value) in attributes { source += " \(key)=\"\(escaped(value))\"" }
        source += ">"
        for child in children { source += child.source }
        return HTML(source: source + "</\(name)>")
    }

    /// One element around text.
    static func tag(_ name: StaticString, _ attributes: KeyValuePairs<String, String> = [:], _ text: String) -> HTML {
        tag(name, attributes, [.text(text)])
    }

    /// One element around text, without attributes.
    static func tag(_ name: StaticString, _ text: String) -> HTML { tag(name, [:], [.text(text)]) }

    /// A `meta` element, which has no end tag.
    static func meta(_ attributes: KeyValuePairs<String, String>) -> HTML {
        HTML(source: "<meta" + attributes.map { " \($0)=\"\(escaped($1))\"" }.joined() + "/>")
    }

    /// Several pieces, one per line.
    static func lines(_ pieces: [HTML]) -> HTML { HTML(source: pieces.map(\.source).joined(separator: "\n")) }

    /// `text` without what XML and HTML read as markup, and without the characters that XML has no place for.
    static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            case "\t", "\n", "\r": result.unicodeScalars.append(scalar)
            case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{FFFE}", "\u{FFFF}": result += "\u{FFFD}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
