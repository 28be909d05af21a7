import COpenSSL

/// Something that a signature is checked with. It has one algorithm: a token chooses among keys, never what a key is
/// used for, so that a public key can't act as a secret (RFC 8725 §3.1).
enum TokenKey: Sendable {
    case secret(TokenSecret)
    case publicKey(PublicKey)

    var algorithm: TokenAlgorithm {
        switch self {
        case .secret: .hs256
        case .publicKey(let key): key.algorithm
        }
    }

    /// Takes as long for any signature of the right length.
    func verifies(_ signature: [UInt8], of message: ArraySlice<UInt8>) -> Bool {
        switch self {
        case .publicKey(let key): return key.verifies(signature, of: message)
        case .secret(let secret):
            let own = secret.signature(of: message)
            return signature.count == own.count && CRYPTO_memcmp(signature, own, own.count) == 0
        }
    }
}

/// A secret for HMAC-SHA256, which both signs and checks.
package struct TokenSecret: Sendable, CustomStringConvertible {
    /// Below it somebody who has one token can guess the secret at home (RFC 7518 §3.2 asks for as many).
    package static let bytesAdvised = 32
    package static let bytesMax = 1024

    private let bytes: [UInt8]

    /// - Returns: nil when it is empty, too long, or a key in PEM: that one is public, or belongs in no variable.
    package init?(_ text: String) {
        guard !text.isEmpty, text.utf8.count <= Self.bytesMax, !text.contains("-----BEGIN") else { return nil }
        bytes = Array(text.utf8)
    }

    package var isShort: Bool { bytes.count < Self.bytesAdvised }

    /// It is never shown.
    package var description: String { "(hidden)" }

    func signature(of message: some Collection<UInt8>) -> [UInt8] {
        let message = Array(message)
        var code = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
        let result = HMAC(EVP_sha256(), bytes, Int32(bytes.count), message, message.count, &code, nil)
        precondition(result != nil, "OpenSSL has no SHA-256")
        return code
    }
}
