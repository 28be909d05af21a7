/// Why the node does not start: one clear line; exit status 78.
package struct ConfigurationError: Error, Equatable, CustomStringConvertible {
    /// The exit status for it (`EX_CONFIG` of sysexits.h).
    package static let exitStatus: Int32 = 78

    /// The variable at fault; nil when it is the file.
    package let variable: String?
    /// The whole line: variable, value (secrets hidden), what is allowed. No control characters.
    package let description: String

    init(variable: String?, _ description: String) {
        self.variable = variable
        self.description = description
    }

    /// A value quoted for a message: control characters escaped, at most 80 characters.
    static func quoted(_ value: String) -> String {
        var text = ""
        for scalar in value.unicodeScalars.prefix(80) {
            text += scalar.properties.generalCategory == .control ? scalar.escaped(asASCII: true) : String(scalar)
        }
        return "\"" + text + (value.unicodeScalars.count > 80 ? "…\"" : "\"")
    }
}
