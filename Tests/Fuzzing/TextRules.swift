import Gateway
import RedisLink

/// Texts of an operator.
enum TextRules {
    static func checkRedisURL(_ text: String) throws {
        let url: RedisURL
        do {
            url = try RedisURL(text)
        } catch {
            return try hold(!error.description.isEmpty, "a fault without words")
        }
        try hold(url.port > 0 && (0...RedisURL.databaseMax).contains(url.database), "a place that is none: \(url)")
        try hold(url.password == nil || url.description.contains("(hidden)@"), "a password that is not hidden")
        let shown = try RedisURL(url.description)
        try hold(
            url.host == shown.host && url.port == shown.port && url.database == shown.database,
            "another place is shown: \(url)")
    }

    static func checkDotEnv(_ text: String) throws {
        if let file = try? DotEnv(parsing: text) {
            let lines = file.entries.map { name, entry in "\(name)=\(quoted(entry.value))" }
            let again = try DotEnv(parsing: lines.joined(separator: "\n"))
            try holdEqual(again.entries.mapValues(\.value), file.entries.mapValues(\.value), "values, written anew")
        }
        let configuration: Configuration
        do {
            configuration = try Configuration.load(environment: [:], dotEnv: text, cores: 2)
        } catch {
            return try hold(isOneLine(error.description), "an error of several lines: \(error)")
        }
        try hold((1...65_535).contains(configuration.port), "a port of \(configuration.port)")
        try hold((1...256).contains(configuration.workers), "\(configuration.workers) workers")
        try hold(
            configuration.nodeExpiryMilliseconds > 2 * configuration.nodeHeartbeatMilliseconds
                && configuration.heartbeatTimeoutMilliseconds > configuration.heartbeatIntervalMilliseconds,
            "times that don't fit each other")
        try hold(configuration.warnings.allSatisfy(isOneLine), "a warning of several lines")
    }

    private static func isOneLine(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
    }

    private static func quoted(_ value: String) -> String {
        var text = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }
}
