import WireProtocol

/// The header of a token: the members that matter here. Others, such as `jku` and `jwk`, which name keys of the
/// sender's choice, mean nothing.
struct TokenHeader {
    let algorithm: TokenAlgorithm
    /// Which key signed it, if the token says so.
    let keyID: String?

    init(_ bytes: [UInt8]) throws(TokenFault) {
        var algorithm: String?
        var keyID: String?
        try TokenMembers.each(of: bytes, orThrow: .badHeader) { name, value throws(TokenFault) in
            switch name {
            case "alg": algorithm = try TokenMembers.text(value, orThrow: .badHeader)
            case "kid": keyID = try TokenMembers.text(value, orThrow: .badHeader)
            case "crit": throw .critical
            default: break
            }
        }
        guard let algorithm else { throw .badHeader }
        guard let known = TokenAlgorithm(rawValue: algorithm) else { throw .algorithm }
        (self.algorithm, self.keyID) = (known, keyID)
    }
}

/// The members of the two JSON objects in a token.
enum TokenMembers {
    /// Calls `take` with each member; a name that comes twice is a fault.
    static func each(
        of bytes: [UInt8], orThrow fault: TokenFault, _ take: (String, JSONValue) throws(TokenFault) -> Void
    ) throws(TokenFault) {
        try bytes.withUnsafeBufferPointer { buffer throws(TokenFault) in
            let members: [JSONDocument.Member]
            do throws(JSONFault) { members = try JSONDocument.members(of: UnsafeRawBufferPointer(buffer)) } catch {
                throw fault
            }
            var names: Set<String> = []
            for member in members {
                guard names.insert(member.name).inserted else { throw .repeatedMember }
                try take(member.name, member.value)
            }
        }
    }

    static func text(_ value: JSONValue, orThrow fault: TokenFault) throws(TokenFault) -> String {
        guard let text = value.text else { throw fault }
        return text
    }

    /// A list of strings.
    static func texts(_ value: JSONValue, orThrow fault: TokenFault) throws(TokenFault) -> [String] {
        guard value.kind == .array else { throw fault }
        let elements: [JSONValue]
        do throws(JSONFault) { elements = try JSONDocument.elements(of: value.raw) } catch { throw fault }
        return try elements.map { element throws(TokenFault) in try text(element, orThrow: fault) }
    }
}
