/// A variable of the contract that this version does not act on, and what it means that it is set.
///
/// One that changes who may connect, what is encrypted or where messages are kept must not be ignored: the start is
/// refused. The others tune something that is not there, so a warning says enough.
struct UnsupportedSetting: Sendable {
    let name: String
    /// Whether the start is refused; else it is a warning.
    let refusesStart: Bool

    static let all: [UnsupportedSetting] = [
        UnsupportedSetting(name: "JWT_SECRET", refusesStart: true),
        UnsupportedSetting(name: "JWT_PUBLIC_KEY_FILE", refusesStart: true),
        UnsupportedSetting(name: "LINK_ALLOWED_HOSTS", refusesStart: false),
    ]

    /// Whether a variable of this name is meant.
    func covers(_ variable: String) -> Bool { variable == name }
}
