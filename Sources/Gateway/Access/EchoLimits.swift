/// The bounds of `/echo`.
enum EchoLimits {
    /// The largest message.
    static let messageBytesMax = 16 * 1024 * 1024
}
