import Gateway
import Testing

/// The rows are the one source; the files that people read must say the same.
@Suite("Configuration documents")
struct ConfigurationDocumentsTests {
    /// A file at the top of the project.
    private func projectFile(_ name: String) throws -> String {
        let folders = #filePath.split(separator: "/").dropLast(4)
        return try #require(try DotEnvFile.read(path: "/" + folders.joined(separator: "/") + "/" + name), "\(name)")
    }

    @Test(".env.example is what the rows make")
    func environmentExample() throws {
        #expect(try projectFile(".env.example") == Setting.environmentExample())
    }

    @Test("The README's table is what the rows make")
    func readme() throws {
        let readme = try projectFile("README.md")
        let parts = readme.split(separator: "<!-- configuration -->", omittingEmptySubsequences: false)
        try #require(parts.count == 2, "one opening marker")
        let ends = parts[1].split(separator: "<!-- /configuration -->", omittingEmptySubsequences: false)
        try #require(ends.count == 2, "one closing marker")
        let lines = ends[0].split(separator: "\n")
        #expect(lines == Setting.readmeTable().split(separator: "\n"))
    }

    @Test("With every line of .env.example in force, everything is as with none")
    func exampleIsTheDefault() throws {
        let example = try projectFile(".env.example")
        let inForce = example.split(separator: "\n").map { line in
            line.hasPrefix("#") && !line.hasPrefix("# ") ? line.dropFirst() : line
        }
        let text = inForce.joined(separator: "\n")
        #expect(try Set(DotEnv(parsing: text).entries.keys) == Set(Setting.all.map(\.name)))
        // As it stands it sets nothing.
        #expect(try DotEnv(parsing: example).entries.isEmpty)
        let configured = try Configuration.load(environment: [:], dotEnv: text, cores: 3)
        let standard = try Configuration.load(environment: [:], dotEnv: nil, cores: 3)
        // By being set at all, two of them count this machine's own connections and requests, too.
        let own = "countsOwnSockets: true, countsOwnRequests: true"
        #expect(
            "\(configured)".replacing(own, with: own.replacing("true", with: "false")) == "\(standard)")
    }

    @Test("A command's help has each variable with its default and what is allowed, within the columns of a terminal")
    func commandHelp() {
        let help = Setting.commandHelp()
        let text = help.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        for setting in Setting.all {
            let values = "\(setting.defaultText ?? setting.defaultNote); \(setting.rangeText)"
            #expect(text.contains("\(setting.name): \(values) \(setting.help)"), "\(setting.name)")
        }
        #expect(help.split(separator: "\n").allSatisfy { $0.count < 80 })
        #expect(help.split(separator: "\n").count { !$0.hasPrefix("    ") } == Setting.all.count)
    }

    @Test("Names are there once; each row has a sentence; no cell breaks the table")
    func rows() {
        #expect(Set(Setting.all.map(\.name)).count == Setting.all.count)
        for setting in Setting.all {
            #expect(setting.help.hasSuffix(".") && setting.help.count > 10, "\(setting.name)")
            #expect(
                !(setting.help + setting.rule + setting.rangeText).contains { "|\n`".contains($0) }, "\(setting.name)")
            #expect(setting.defaultText != nil || !setting.defaultNote.isEmpty, "\(setting.name)")
        }
        let secrets = [
            "REDIS_URL", "API_KEY", "JWT_SECRET", "PUSH_WEBHOOK_URL", "PUSH_WEBHOOK_SECRET", "EVENT_WEBHOOK_URL",
            "EVENT_WEBHOOK_SECRET",
        ]
        #expect(Setting.all.filter(\.isSecret).map(\.name) == secrets)
    }
}
