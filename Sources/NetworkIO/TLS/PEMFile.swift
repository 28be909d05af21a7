import COpenSSL

/// A file of certificates or a key in PEM form (RFC 7468), read from its beginning.
struct PEMFile: ~Copyable {
    /// A sentence part without secrets.
    struct Fault: Error, Sendable, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    static let empty = Fault("it holds no certificate in PEM form")

    private let bio: OpaquePointer

    init(_ path: String) throws(Fault) {
        ERR_clear_error()
        guard let bio = BIO_new_file(path, "r") else {
            let number = sluice_openssl_errno()
            ERR_clear_error()
            throw Fault("it can't be read: \(String(cString: strerror(number)))")
        }
        self.bio = bio
    }

    deinit { BIO_free(bio) }

    /// The next certificate, which the caller frees; nil at the end.
    func nextCertificate() throws(Fault) -> OpaquePointer? {
        ERR_clear_error()
        if let certificate = PEM_read_bio_X509(bio, nil, nil, nil) { return certificate }
        guard sluice_tls_is_end_of_pem(ERR_peek_last_error()) == 0 else {
            ERR_clear_error()
            return nil
        }
        throw Fault("it is not in PEM form: \(TLSFault.takeErrors())")
    }

    /// The first key, which the caller frees.
    func key() throws(Fault) -> OpaquePointer {
        ERR_clear_error()
        var wantsPassphrase: Int32 = 0
        if let key = PEM_read_bio_PrivateKey(bio, nil, sluice_tls_no_passphrase, &wantsPassphrase) { return key }
        ERR_clear_error()
        throw Fault(
            wantsPassphrase != 0
                ? "its key wants a passphrase; keep it without one" : "it holds no private key in PEM form")
    }
}
