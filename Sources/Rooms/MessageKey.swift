import Core
import WireProtocol

/// Which message a body is of: its id and user, as they stand at the body's beginning (`MessageBody.keyLength`).
package enum MessageKey {
    /// A hash under the process' random seed. Equal keys have equal hashes; who finds one compares by `areSame`.
    package static func hash(of body: UnsafeRawBufferPointer) -> Int {
        var hasher = Hasher()
        hasher.combine(bytes: key(of: body))
        return hasher.finalize()
    }

    package static func hash(of body: [UInt8]) -> Int { body.withUnsafeBytes { hash(of: $0) } }

    /// The key itself; empty when the body is no message's.
    package static func bytes(of body: [UInt8]) -> [UInt8] { body.withUnsafeBytes { Array(key(of: $0)) } }

    /// Whether both bodies are of the same user and id. A body that is no message's is like none.
    package static func areSame(_ one: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer) -> Bool {
        guard let length = MessageBody.keyLength(one), other.count >= length else { return false }
        return ByteOrder.areEqual(
            UnsafeRawBufferPointer(rebasing: one.prefix(length)),
            UnsafeRawBufferPointer(rebasing: other.prefix(length)))
    }

    package static func areSame(_ one: [UInt8], _ other: [UInt8]) -> Bool {
        one.withUnsafeBytes { one in other.withUnsafeBytes { areSame(one, $0) } }
    }

    private static func key(of body: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: body.prefix(MessageBody.keyLength(body) ?? 0))
    }
}
