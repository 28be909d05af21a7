/// Looks variables up, environment first, and reads their values as their rows say.
struct SettingReader {
    private let environment: [String: String]
    private let file: DotEnv?

    init(environment: [String: String], file: DotEnv?) {
        self.environment = environment
        self.file = file
    }

    // MARK: Typed values

    /// The number that is set, or the default, which the row must have.
    func integer(_ setting: Setting) throws(ConfigurationError) -> Int {
        try value(setting) { Self.integer($0, setting.kind) }
    }

    /// The number that is set; nil when none is, or the word "off" where that is the default.
    func optionalInteger(_ setting: Setting) throws(ConfigurationError) -> Int? {
        if setting.canBeOff, found(setting)?.value == Setting.off {
            return nil
        }
        if let standard = setting.defaultText, found(setting) == nil { return Self.integer(standard, setting.kind) }
        return try optionalValue(setting) { Self.integer($0, setting.kind) }
    }

    /// Whether the variable has a value.
    func isSet(_ setting: Setting) -> Bool { found(setting) != nil }

    /// The duration that is set, or the default, in milliseconds.
    func milliseconds(_ setting: Setting) throws(ConfigurationError) -> Int {
        try value(setting) { Self.milliseconds($0, setting.kind) }
    }

    /// Parses the value that is set, or the default, which the row must have. A nil from `parse` is a bad value.
    func value<Value>(
        _ setting: Setting, _ parse: (String) -> Value?
    ) throws(ConfigurationError) -> Value {
        guard let value = parse(found(setting)?.value ?? setting.defaultText ?? "") else {
            throw bad(setting, allowed: setting.rule)
        }
        return value
    }

    /// Parses the value that is set; nil when none is. A nil from `parse` is a bad value.
    func optionalValue<Value>(
        _ setting: Setting, _ parse: (String) -> Value?
    ) throws(ConfigurationError) -> Value? {
        found(setting) == nil ? nil : try value(setting, parse)
    }

    /// Whether the variable is written down without a value.
    func isEmpty(_ setting: Setting) -> Bool {
        found(setting) == nil && (environment[setting.name] ?? file?.entries[setting.name]?.value) != nil
    }

    /// Whether the file, and not the environment, says something that must not be shown.
    var hasSecretsInFile: Bool {
        Setting.all.contains { setting in
            setting.isSecret && !(file?.entries[setting.name]?.value ?? "").isEmpty
        }
    }

    // MARK: Messages

    /// The error for a value: which variable, from where, what it is (unless secret), and what is allowed.
    /// - Parameter fault: what is wrong with it, where that is not plain to see.
    func bad(_ setting: Setting, fault: String? = nil, allowed: String) -> ConfigurationError {
        let fault = fault.map { ", and \($0)" } ?? ""
        return ConfigurationError(
            variable: setting.name,
            "\(setting.name) is \(shown(setting))\(found(setting)?.origin ?? "")\(fault); allowed is \(allowed)")
    }

    /// The value that counts, for a message: quoted, or "(hidden)".
    func shown(_ setting: Setting) -> String {
        if setting.isSecret {
            return "(hidden)"
        }
        return found(setting).map { ConfigurationError.quoted($0.value) }
            ?? "\(setting.defaultText ?? "unset") (default)"
    }

    /// A warning for each name in the file that is no variable of this program: most likely a slip of the pen. The
    /// environment is full of others' variables; of it only names with the governor's prefix are taken for slips.
    func unknownWarnings() -> [String] {
        let known = Set(Setting.all.map(\.name))
        func isUnknown(_ name: String) -> Bool {
            !known.contains(name)
        }
        let inFile = (file?.entries ?? [:])
            .filter { isUnknown($0.key) }
            .sorted { $0.value.line < $1.value.line }
            .map { ".env line \($0.value.line): \($0.key) is not a variable of this program" }
        let inEnvironment = environment.keys
            .filter { $0.hasPrefix("GOVERNOR_") && isUnknown($0) && $0.utf8.allSatisfy { (0x21...0x7E).contains($0) } }
            .sorted()
            .map { "\($0) is not a variable of this program" }
        return inFile + inEnvironment
    }

    // MARK: Lookup and number forms

    /// A value and, for messages, where it stands.
    private struct Found {
        let value: String
        let origin: String
    }

    private func found(_ setting: Setting) -> Found? { found(setting.name) }

    /// An empty value is unset, and does not hide the file's.
    private func found(_ name: String) -> Found? {
        if let value = environment[name], !value.isEmpty {
            return Found(value: value, origin: "")
        }
        if let entry = file?.entries[name], !entry.value.isEmpty {
            return Found(value: entry.value, origin: " (.env line \(entry.line))")
        }
        return nil
    }

    private static func integer(_ text: String, _ kind: Setting.Kind) -> Int? {
        guard case .integer(let lower, let upper) = kind, let number = digits(text[...]) else { return nil }
        return number >= lower && number <= upper ?? Setting.openUpperBound ? number : nil
    }

    private static func milliseconds(_ text: String, _ kind: Setting.Kind) -> Int? {
        let (lower, upper, decimals): (Int, Int, Bool)
        switch kind {
        case .seconds(let least, let most, let fractions):
            (lower, upper, decimals) = (least * 1000, (most ?? Setting.openUpperBound) * 1000, fractions)
        case .fraction(let least, let most): (lower, upper, decimals) = (least, most, true)
        default: return nil
        }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= (decimals ? 2 : 1), let whole = digits(parts[0]) else { return nil }
        var thousandths = 0
        if parts.count == 2 {
            guard parts[1].utf8.count <= 3, let fraction = digits(parts[1]) else { return nil }
            thousandths = fraction * [1, 100, 10, 1][parts[1].utf8.count]
        }
        // Checked before it is multiplied, so that nothing overflows.
        guard whole <= Setting.openUpperBound else { return nil }
        let milliseconds = whole * 1000 + thousandths
        return (lower...upper).contains(milliseconds) ? milliseconds : nil
    }

    /// A number of ASCII digits alone (`Int` would take a sign), not larger than fits.
    private static func digits(_ text: Substring) -> Int? {
        text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ? Int(text) : nil
    }
}
