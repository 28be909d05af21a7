import COpenSSL

/// Digests and random bytes, by OpenSSL.
package enum Digest {
    /// The value of Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455 §4.2.2): base64 of the SHA-1 of the key
    /// and a fixed suffix.
    package static func webSocketAccept(key: String, suffix: String) -> String {
        HandshakeDigest().accept(key: key, suffix: suffix)
    }

    /// The SHA-1 of `bytes` in lower-case hexadecimal digits: 40 of them. Not for what somebody may forge.
    package static func sha1Digits(_ bytes: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: Int(SHA_DIGEST_LENGTH))
        let status = EVP_Digest(bytes, bytes.count, &digest, nil, EVP_sha1(), nil)
        precondition(status == 1, "OpenSSL has no SHA-1")
        return hexadecimal(digest)
    }

    /// The SHA-256 of `bytes`: 32 bytes.
    package static func sha256(_ bytes: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
        let status = EVP_Digest(bytes, bytes.count, &digest, nil, EVP_sha256(), nil)
        precondition(status == 1, "OpenSSL has no SHA-256")
        return digest
    }

    /// The HMAC-SHA256 (RFC 2104) of `message` in lower-case hexadecimal digits: 64 of them.
    package static func hmacSHA256Digits(key: [UInt8], _ message: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
        let result = HMAC(EVP_sha256(), key, Int32(key.count), message, message.count, &digest, nil)
        precondition(result != nil, "OpenSSL has no SHA-256")
        return hexadecimal(digest)
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> [UInt8] {
        let digits = Array("0123456789abcdef".utf8)
        return bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 0xF)]] }
    }

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

/// Answers opening handshakes, one after the other: what OpenSSL looks up and allocates for a digest is kept.
///
/// Thread: one, its owner's.
package final class HandshakeDigest {
    private let context: OpaquePointer
    private let algorithm: OpaquePointer

    /// Has OpenSSL load its tables (a few hundred kilobytes, some milliseconds), if nobody has before.
    package init() {
        guard let context = EVP_MD_CTX_new(), let algorithm = EVP_MD_fetch(nil, "SHA1", nil) else {
            preconditionFailure("OpenSSL has no SHA-1, which RFC 6455 asks for")
        }
        self.context = context
        self.algorithm = algorithm
        _ = accept(key: "", suffix: "")
    }

    deinit {
        EVP_MD_CTX_free(context)
        EVP_MD_free(algorithm)
    }

    /// As `Digest.webSocketAccept`.
    package func accept(key: String, suffix: String) -> String {
        EVP_DigestInit_ex2(context, algorithm, nil)
        for part in [key, suffix] {
            var part = part
            part.withUTF8 { _ = EVP_DigestUpdate(context, $0.baseAddress, $0.count) }
        }
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Int(SHA_DIGEST_LENGTH)) { digest in
            EVP_DigestFinal_ex(context, digest.baseAddress, nil)
            // 28 digits, and the zero byte with which EVP_EncodeBlock ends.
            return String(unsafeUninitializedCapacity: 29) {
                Int(EVP_EncodeBlock($0.baseAddress, digest.baseAddress, SHA_DIGEST_LENGTH))
            }
        }
    }
}
