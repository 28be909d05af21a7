import COpenSSL

/// The files of a server's certificate: TLS_CERT_FILE and TLS_KEY_FILE.
package struct TLSFiles: Sendable {
    /// Of two files, the one at fault, and why it is: a sentence part without secrets.
    package struct Fault: Error, Equatable, Sendable, CustomStringConvertible {
        package enum File: Sendable { case certificate, key }
        package let file: File
        package let description: String
    }

    /// Certificates in PEM form: the server's own, then those that lead to its authority.
    package let certificate: String
    /// Its private key in PEM form, without a passphrase.
    package let key: String

    package init(certificate: String, key: String) {
        self.certificate = certificate
        self.key = key
    }

    /// Reads both.
    package func load() throws(Fault) -> TLSServerContext { try TLSServerContext(self) }
}

/// The server's side of all TLS connections from one reading of its files on: certificate, key, and the keys of session
/// tickets, which end with it. TLS 1.2 and 1.3; of 1.2 only what has forward secrecy and an AEAD cipher.
///
/// `@unchecked Sendable`: OpenSSL counts the references to a context by atomics and takes its own lock for what else
/// connections change in it; nothing here changes it after `init`. Any thread.
package final class TLSServerContext: @unchecked Sendable {
    let pointer: OpaquePointer

    fileprivate init(_ files: TLSFiles) throws(TLSFiles.Fault) {
        pointer = TLSSettings.makeContext(TLS_server_method())
        sluice_tls_keep_no_sessions(pointer)
        SSL_CTX_set_alpn_select_cb(pointer, sluice_tls_select_protocol, nil)
        try useCertificate(files.certificate)
        try useKey(files.key)
    }

    deinit { SSL_CTX_free(pointer) }

    private func useCertificate(_ path: String) throws(TLSFiles.Fault) {
        func fault(_ text: String) -> TLSFiles.Fault { .init(file: .certificate, description: text) }
        do throws(PEMFile.Fault) {
            let file = try PEMFile(path)
            guard let own = try file.nextCertificate() else { throw PEMFile.empty }
            defer { X509_free(own) }
            try Self.checkTime(own)
            ERR_clear_error()
            guard SSL_CTX_use_certificate(pointer, own) == 1 else {
                throw PEMFile.Fault("its certificate is not accepted: \(TLSFault.takeErrors())")
            }
            while let next = try file.nextCertificate() {
                guard sluice_tls_add_chain(pointer, next) == 1 else {
                    X509_free(next)
                    throw PEMFile.Fault("its chain is not accepted: \(TLSFault.takeErrors())")
                }
            }
        } catch {
            throw fault(error.description)
        }
    }

    private static func checkTime(_ certificate: OpaquePointer) throws(PEMFile.Fault) {
        if X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0 {
            throw PEMFile.Fault("its certificate expired at \(text(of: X509_get0_notAfter(certificate)))")
        }
        if X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0 {
            throw PEMFile.Fault("its certificate is not valid before \(text(of: X509_get0_notBefore(certificate)))")
        }
    }

    private static func text(of time: UnsafePointer<ASN1_TIME>?) -> String {
        let bio = BIO_new(BIO_s_mem())
        defer { BIO_free(bio) }
        var bytes = [UInt8](repeating: 0, count: 64)
        ASN1_TIME_print(bio, time)
        let count = Int(BIO_read(bio, &bytes, Int32(bytes.count)))
        return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
    }

    private func useKey(_ path: String) throws(TLSFiles.Fault) {
        do throws(PEMFile.Fault) {
            let key = try PEMFile(path).key()
            defer { EVP_PKEY_free(key) }
            ERR_clear_error()
            guard SSL_CTX_use_PrivateKey(pointer, key) == 1, SSL_CTX_check_private_key(pointer) == 1 else {
                ERR_clear_error()
                throw PEMFile.Fault("its key is not that of the certificate")
            }
        } catch {
            throw .init(file: .key, description: error.description)
        }
    }
}

/// Settings of both sides.
enum TLSSettings {
    /// Of TLS 1.2. Those of 1.3 are all of this kind.
    private static let ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20"
    /// No key of less than 112 bits of security, such as RSA of 1024 bits.
    private static let securityLevel: Int32 = 2

    static func makeContext(_ method: OpaquePointer?) -> OpaquePointer {
        guard let context = SSL_CTX_new(method) else { preconditionFailure("OpenSSL can't make a context for TLS") }
        SSL_CTX_set_security_level(context, securityLevel)
        sluice_tls_set_mode(context)
        sluice_tls_set_options(context)
        sluice_tls_count_steps(context)
        let isSet =
            sluice_tls_set_versions(context) == 1 && SSL_CTX_set_cipher_list(context, ciphers) == 1
            && sluice_tls_set_groups(context) == 1
        precondition(isSet, "OpenSSL lacks TLS 1.2, its ECDHE ciphers or their groups")
        return context
    }
}
