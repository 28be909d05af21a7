import WireProtocol

/// Public keys written as JSON (RFC 7517, RFC 7518 §6, RFC 8037 §2).
enum JSONWebKeys {
    /// The keys of a set that can check signatures; keys of other kinds, and for other uses, are passed over
    /// (RFC 7517 §5).
    static func read(_ text: [UInt8]) throws(KeyFile.Fault) -> [(key: PublicKey, id: String?)] {
        try text.withUnsafeBufferPointer { text throws(KeyFile.Fault) in
            let bytes = UnsafeRawBufferPointer(text)
            var keys: [(key: PublicKey, id: String?)] = []
            for (place, element) in try elements(bytes).enumerated() {
                guard element.kind == .object else { throw .badKey(place) }
                let members: Members
                do throws(JSONFault) {
                    members = try Members(element.raw)
                } catch { throw .badKey(place) }
                if let key = try key(members, place) { keys.append((key, members.texts["kid"])) }
            }
            return keys
        }
    }

    private static func elements(_ text: UnsafeRawBufferPointer) throws(KeyFile.Fault) -> [JSONValue] {
        do throws(JSONFault) {
            let lists = try JSONDocument.members(of: text).filter { $0.name == "keys" }
            if lists.count == 1, lists[0].value.kind == .array {
                return try JSONDocument.elements(of: lists[0].value.raw)
            }
        } catch { throw .badJSON }
        throw .badJSON
    }

    /// The members of a key that are strings, and the names of all.
    private struct Members {
        private(set) var texts: [String: String] = [:]
        private(set) var names: Set<String> = []

        init(_ raw: UnsafeRawBufferPointer) throws(JSONFault) {
            for member in try JSONDocument.members(of: raw) {
                guard names.insert(member.name).inserted else { throw .syntax(offset: 0) }
                texts[member.name] = member.value.text
            }
        }

        func bytes(_ name: String) -> [UInt8]? { texts[name].flatMap { Base64URL.decode(Array($0.utf8)) } }
    }

    private static func key(_ members: Members, _ place: Int) throws(KeyFile.Fault) -> PublicKey? {
        guard let kind = members.texts["kty"] else { throw .badKey(place) }
        guard kind != "oct", members.names.isDisjoint(with: ["d", "k", "p", "q"]) else { throw .secretKey }
        // A kid that is no string would silently make the key one for all tokens.
        guard members.names.contains("kid") == (members.texts["kid"] != nil) else { throw .badKey(place) }
        guard members.texts["use"] ?? "sig" == "sig" else { return nil }
        let der: [UInt8]?
        let algorithm: TokenAlgorithm
        switch (kind, members.texts["crv"]) {
        case ("RSA", _): (der, algorithm) = (rsa(members), .rs256)
        case ("EC", "P-256"): (der, algorithm) = (p256(members), .es256)
        case ("OKP", "Ed25519"): (der, algorithm) = (ed25519(members), .edDSA)
        default: return nil
        }
        guard members.texts["alg"] ?? algorithm.rawValue == algorithm.rawValue else { return nil }
        guard let der else { throw .badKey(place) }
        do throws(PublicKey.Fault) {
            let key = try PublicKey(der: der)
            guard key.algorithm == algorithm else { throw PublicKey.Fault.unreadable }
            return key
        } catch .rsaLength(let bits) { throw .rsaLength(bits: bits) } catch { throw .badKey(place) }
    }

    // The forms of SubjectPublicKeyInfo: RFC 8017 §A.1, RFC 5480 §2, RFC 8410 §4.

    private static func rsa(_ members: Members) -> [UInt8]? {
        guard let modulus = members.bytes("n"), let exponent = members.bytes("e"), !modulus.isEmpty, !exponent.isEmpty
        else { return nil }
        let identifier: [UInt8] = [0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05, 0x00]
        let numbers = DER.sequence(DER.integer(modulus) + DER.integer(exponent))
        return DER.sequence(DER.sequence(identifier) + DER.bits(numbers))
    }

    private static func p256(_ members: Members) -> [UInt8]? {
        guard let x = members.bytes("x"), let y = members.bytes("y"), x.count == 32, y.count == 32 else { return nil }
        let identifier: [UInt8] = [
            0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01,
            0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07,
        ]
        return DER.sequence(DER.sequence(identifier) + DER.bits([0x04] + x + y))
    }

    private static func ed25519(_ members: Members) -> [UInt8]? {
        guard let x = members.bytes("x"), x.count == 32 else { return nil }
        return DER.sequence(DER.sequence([0x06, 0x03, 0x2B, 0x65, 0x70]) + DER.bits(x))
    }
}
