import ClusterState
import Core
import WireProtocol

/// Names, as paths, frames and Redis have them.
enum NameRules {
    static func check(_ input: UnsafeRawBufferPointer) throws {
        try Pieces.withCopy(of: input) { copy in
            let bytes = UnsafeRawBufferPointer(copy)
            for plusIsSpace in [false, true] {
                guard let plain = PercentEncoding.decoded(bytes, plusIsSpace: plusIsSpace) else { continue }
                try hold(plain.count <= bytes.count, "decoding made more bytes")
                let again = encoded(plain).withUnsafeBytes { PercentEncoding.decoded($0, plusIsSpace: plusIsSpace) }
                try holdEqual(again, plain, "bytes, encoded anew")
                try plain.withUnsafeBytes(checkName)
            }
            try checkName(bytes)
        }
    }

    private static func encoded(_ bytes: [UInt8]) -> [UInt8] {
        bytes.flatMap { byte in
            [UInt8(ascii: "%")] + (byte < 16 ? Array("0".utf8) : []) + Array(String(byte, radix: 16).utf8)
        }
    }

    private static func checkName(_ bytes: UnsafeRawBufferPointer) throws {
        let text = String(validating: bytes, as: UTF8.self)
        let isPlain =
            text.map { text in
                !text.unicodeScalars.contains { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }
            } ?? false
        let isName =
            isPlain && (1...Identifier.byteCountMax).contains(bytes.count) && !bytes.contains(UInt8(ascii: "/"))
            && text != "." && text != ".."
        let identifier = Identifier(validating: bytes)
        try hold((identifier != nil) == isName, "a name is taken, or refused, against the rule")
        if let text {
            try hold(Identifier(validating: text) == identifier, "a name as text differs from the name as bytes")
            try hold(
                MessageID.isValid(bytes) == (isPlain && (1...MessageID.byteCountMax).contains(bytes.count)),
                "an id is taken, or refused, against the rule")
        }
        guard let identifier else { return }
        try hold(identifier.withBytes { $0.elementsEqual(bytes) }, "a name that lost bytes")
        for keys in [LogKeys(room: identifier), LogKeys(user: identifier)] { try check(keys, identifier) }
    }

    /// All keys of a name lie together, and under its tag alone.
    private static func check(_ keys: LogKeys, _ name: Identifier) throws {
        func tag(_ key: [UInt8]) -> [UInt8] {
            Array(key.drop { $0 != UInt8(ascii: "{") }.prefix { $0 != UInt8(ascii: "}") })
        }
        let all = [
            keys.place, keys.entries, keys.members, keys.settings, keys.marks, keys.session, keys.cursors, keys.push,
            keys.channel, keys.id(user: name, id: Array("x".utf8)),
        ]
        for key in all { try holdEqual(tag(key), tag(keys.channel), "the tag of a key of \(name)") }
        try hold(Set(all).count == all.count, "two keys of \(name) are one")
    }
}
