import COpenSSL

/// A key that checks signatures and can't make them: of OpenSSL, for one algorithm.
///
/// Any thread. `@unchecked Sendable`: the key is not changed after `init`, and OpenSSL lets several threads check
/// signatures with one key at the same time, each with a context of its own (openssl-threads(7)).
package final class PublicKey: @unchecked Sendable {
    /// Why a key is of no use here.
    package enum Fault: Error, Equatable, Sendable {
        /// Bytes that are no key.
        case unreadable
        /// An RSA key outside 2048 to 8192 bits (RFC 7518 §3.3 asks for 2048; what is longer takes milliseconds).
        case rsaLength(bits: Int)
        /// A key of another kind than RSA, P-256 and Ed25519.
        case otherKind
    }

    package let algorithm: TokenAlgorithm
    private let key: OpaquePointer

    /// - Parameter key: an EVP_PKEY, which the object owns from now on, also when it throws.
    private init(taking key: OpaquePointer) throws(Fault) {
        do throws(Fault) { algorithm = try Self.algorithm(of: key) } catch {
            EVP_PKEY_free(key)
            throw error
        }
        self.key = key
    }

    deinit { EVP_PKEY_free(key) }

    /// A key from its SubjectPublicKeyInfo (RFC 5280 §4.1), which OpenSSL checks: a point must lie on its curve.
    package convenience init(der: [UInt8]) throws(Fault) {
        defer { ERR_clear_error() }
        let key: OpaquePointer? = der.withUnsafeBufferPointer { bytes in
            var start = bytes.baseAddress
            let key = d2i_PUBKEY(nil, &start, bytes.count)
            guard start == bytes.baseAddress.map({ $0 + bytes.count }) else {
                EVP_PKEY_free(key)
                return nil
            }
            return key
        }
        guard let key else { throw .unreadable }
        try self.init(taking: key)
    }

    /// All keys of a PEM file, in their order.
    package static func keys(ofPEM text: [UInt8]) throws(Fault) -> [PublicKey] {
        defer { ERR_clear_error() }
        return try text.withUnsafeBufferPointer { bytes throws(Fault) in
            guard let source = BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count)) else {
                throw .unreadable
            }
            defer { BIO_free(source) }
            var keys: [PublicKey] = []
            while let key = PEM_read_bio_PUBKEY(source, nil, nil, nil) { keys.append(try PublicKey(taking: key)) }
            return keys
        }
    }

    private static func algorithm(of key: OpaquePointer) throws(Fault) -> TokenAlgorithm {
        switch EVP_PKEY_get_base_id(key) {
        case EVP_PKEY_RSA:
            let bits = Int(EVP_PKEY_get_bits(key))
            guard (2048...8192).contains(bits) else { throw .rsaLength(bits: bits) }
            return .rs256
        case EVP_PKEY_EC:
            var name = [CChar](repeating: 0, count: 64)
            guard EVP_PKEY_get_group_name(key, &name, name.count, nil) == 1,
                name.prefix(while: { $0 != 0 }).elementsEqual("prime256v1".utf8.map(CChar.init))
            else { throw .otherKind }
            return .es256
        case EVP_PKEY_ED25519: return .edDSA
        default: throw .otherKind
        }
    }

    /// Whether a signature, as a token has it, is by this key's other half.
    func verifies(_ signature: [UInt8], of message: ArraySlice<UInt8>) -> Bool {
        switch algorithm {
        case .hs256: return false
        case .rs256: return verifies(signature, of: message, EVP_sha256())
        case .es256:
            // Two numbers of 32 bytes (RFC 7518 §3.4); OpenSSL wants them as DER.
            guard signature.count == 64 else { return false }
            let numbers = DER.integer(signature[..<32]) + DER.integer(signature[32...])
            return verifies(DER.sequence(numbers), of: message, EVP_sha256())
        case .edDSA: return signature.count == 64 && verifies(signature, of: message, nil)
        }
    }

    private func verifies(_ signature: [UInt8], of message: ArraySlice<UInt8>, _ digest: OpaquePointer?) -> Bool {
        guard let context = EVP_MD_CTX_new() else { return false }
        defer {
            EVP_MD_CTX_free(context)
            ERR_clear_error()
        }
        guard EVP_DigestVerifyInit(context, nil, digest, nil, key) == 1 else { return false }
        return message.withUnsafeBufferPointer {
            EVP_DigestVerify(context, signature, signature.count, $0.baseAddress, $0.count) == 1
        }
    }
}

/// The few forms of DER (ITU-T X.690) that keys and signatures are written in.
enum DER {
    static func sequence(_ content: [UInt8]) -> [UInt8] { value(0x30, content) }

    /// A bit string of whole bytes.
    static func bits(_ content: [UInt8]) -> [UInt8] { value(0x03, [0] + content) }

    /// A number from 0 up, from its bytes, the highest first.
    static func integer(_ bytes: some Collection<UInt8>) -> [UInt8] {
        let digits = bytes.drop { $0 == 0 }
        // A first bit that is set would mean a number below 0.
        let isPadded = digits.first.map { $0 >= 0x80 } ?? true
        return value(0x02, (isPadded ? [0] : []) + digits)
    }

    private static func value(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
        var length = [UInt8(truncatingIfNeeded: content.count)]
        if content.count >= 0x80 {
            var rest = content.count >> 8
            while rest > 0 {
                length.insert(UInt8(truncatingIfNeeded: rest), at: 0)
                rest >>= 8
            }
            length.insert(0x80 | UInt8(length.count), at: 0)
        }
        return [tag] + length + content
    }
}
