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
}
