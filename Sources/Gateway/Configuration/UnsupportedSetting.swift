/// A variable of the contract that this version does not act on. None changes who may connect, what is encrypted or
/// where messages are kept, so that a warning says enough.
struct UnsupportedSetting: Sendable {
    let name: String

    static let all: [UnsupportedSetting] = [
        UnsupportedSetting(name: "LINK_ALLOWED_HOSTS")
    ]

    /// Whether a variable of this name is meant.
    func covers(_ variable: String) -> Bool { variable == name }
}
