import COpenSSL

/// Digests and random bytes, by OpenSSL.
package enum Digest {
    /// The value of Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455 §4.2.2): base64 of the SHA-1 of the key
    /// and a fixed suffix.
    package static func webSocketAccept(key: String, suffix: String) -> String {
        var input = Array(key.utf8)
        input.append(contentsOf: suffix.utf8)
        var digest = [UInt8](repeating: 0, count: Int(SHA_DIGEST_LENGTH))
        _ = SHA1(input, input.count, &digest)
        return base64(digest)
    }

    /// Has OpenSSL load its tables (a few hundred kilobytes, some milliseconds), so that no client waits for it.
    package static func prepare() { _ = webSocketAccept(key: "", suffix: "") }

    /// RFC 4648 §4.
    package static func base64(_ bytes: [UInt8]) -> String {
        // EVP_EncodeBlock ends its output with a zero byte.
        let text = [UInt8](unsafeUninitializedCapacity: (bytes.count + 2) / 3 * 4 + 1) { target, count in
            count = Int(EVP_EncodeBlock(target.baseAddress, bytes, Int32(bytes.count)))
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Unpredictable bytes.
    package static func random(count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let status = RAND_bytes(&bytes, Int32(count))
        precondition(status == 1, "OpenSSL has no source of randomness")
        return bytes
    }
}
