import Gateway
import Testing

/// Files of the project that must say what the code says.
enum ProjectFile {
    /// The text of a file, by its path below the top of the project.
    static func text(_ path: String) throws -> String {
        let folders = #filePath.split(separator: "/").dropLast(3)
        return try #require(try DotEnvFile.read(path: "/" + folders.joined(separator: "/") + "/" + path), "\(path)")
    }

    /// The text between `<!-- name -->` and `<!-- /name -->`, without the line ends at both sides.
    static func table(_ name: String, in path: String) throws -> String {
        let parts = try text(path).split(separator: "<!-- \(name) -->\n", omittingEmptySubsequences: false)
        try #require(parts.count == 2, "one opening marker of \(name)")
        let ends = parts[1].split(separator: "<!-- /\(name) -->", omittingEmptySubsequences: false)
        try #require(ends.count == 2, "one closing marker of \(name)")
        return String(ends[0])
    }
}
