/// The documents that are made of the rows; a test holds the files equal to them.
extension Setting {
    /// The README's table: variable, default, allowed values, meaning.
    package static func readmeTable() -> String {
        let rows = all.map { setting in
            let cells = [
                "`\(setting.name)`", setting.defaultText ?? setting.defaultNote, setting.rangeText, setting.help,
            ]
            return "| " + cells.joined(separator: " | ") + " |\n"
        }
        return "| Variable | Default | Allowed | Meaning |\n|---|---|---|---|\n" + rows.joined()
    }

    /// The whole text of `.env.example`: each variable commented out, with its default.
    package static func environmentExample() -> String {
        let header = """
            # Copy this file to .env in the folder that the node is started in, and change what you need.
            # The environment wins over .env. An empty value is as good as none.

            """
        let rows = all.map { setting in
            let note = setting.defaultText == nil ? " Default: \(setting.defaultNote)." : ""
            return "\n# \(setting.help)\n# Allowed: \(setting.rule).\(note)\n"
                + "#\(setting.name)=\(setting.defaultText ?? "")\n"
        }
        return header + rows.joined()
    }

    /// The variables for a command's help: each with its default and what is allowed, then its meaning. At most
    /// `columns` wide, as far as words allow.
    package static func commandHelp(columns: Int = 79) -> String {
        all.map { setting in
            let head = "\(setting.name): \(setting.defaultText ?? setting.defaultNote); \(setting.rangeText)"
            return wrapped(head, columns: columns) + "\n" + wrapped(setting.help, first: "    ", columns: columns)
        }.joined(separator: "\n")
    }

    /// Breaks a line at its spaces; all lines but the first begin with four.
    private static func wrapped(_ text: String, first: String = "", columns: Int) -> String {
        var lines = [first]
        for word in text.split(separator: " ") {
            let isBegun = !lines[lines.count - 1].allSatisfy { $0 == " " }
            if isBegun, lines[lines.count - 1].count + 1 + word.count > columns {
                lines.append("    " + word)
            } else {
                lines[lines.count - 1] += (isBegun ? " " : "") + word
            }
        }
        return lines.joined(separator: "\n")
    }
}
