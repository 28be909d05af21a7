/// The credentials of an `Authorization` field with the scheme `Bearer` (RFC 6750 §2.1).
enum BearerCredentials {
    /// The text behind the scheme (in any case) and its spaces; nil for other schemes.
    static func find(in authorization: String) -> Substring.UTF8View? {
        let text = authorization.utf8
        let space = UInt8(ascii: " ")
        let scheme = text.prefix { $0 != space }
        guard scheme.elementsEqual("bearer".utf8, by: { $0 | 0x20 == $1 }), scheme.endIndex < text.endIndex else {
            return nil
        }
        return text[scheme.endIndex...].drop { $0 == space }
    }
}
