import COpenSSL

/// Whom the client's side of TLS connections trusts, shared by all of them. TLS 1.2 and 1.3, as on the server's side.
///
/// `@unchecked Sendable`: as `TLSServerContext`. Any thread.
public final class TLSClientContext: @unchecked Sendable {
    /// Why authorities can't be had: a sentence part.
    package struct Fault: Error, Equatable, Sendable, CustomStringConvertible { package let description: String }

    let pointer: OpaquePointer

    /// Trusts the system's authorities: those of OpenSSL's directory, which SSL_CERT_FILE and SSL_CERT_DIR replace.
    package init() {
        pointer = TLSSettings.makeContext(TLS_client_method())
        ERR_clear_error()
        SSL_CTX_set_default_verify_paths(pointer)
        ERR_clear_error()
        SSL_CTX_set_verify(pointer, SSL_VERIFY_PEER, nil)
    }

    /// Trusts the authorities of a file in PEM form, and no others.
    package init(authorities path: String) throws(Fault) {
        pointer = TLSSettings.makeContext(TLS_client_method())
        SSL_CTX_set_verify(pointer, SSL_VERIFY_PEER, nil)
        do throws(PEMFile.Fault) {
            let file = try PEMFile(path)
            var count = 0
            while let certificate = try file.nextCertificate() {
                X509_STORE_add_cert(SSL_CTX_get_cert_store(pointer), certificate)
                X509_free(certificate)
                count += 1
            }
            if count == 0 { throw PEMFile.empty }
        } catch {
            throw Fault(description: error.description)
        }
        ERR_clear_error()
    }

    /// - Parameter unverified: the other side may be anybody: for trials only.
    package init(unverified: Void) {
        pointer = TLSSettings.makeContext(TLS_client_method())
        SSL_CTX_set_verify(pointer, SSL_VERIFY_NONE, nil)
    }

    deinit { SSL_CTX_free(pointer) }

    /// Has a connection look whether the server's certificate is for `host`, a name or an address in digits, and send
    /// the name (RFC 6066 §3, which has addresses left out). False when the name can't be one.
    func expect(_ host: String, _ ssl: OpaquePointer) -> Bool {
        let rules = SSL_get0_param(ssl)
        X509_VERIFY_PARAM_set_hostflags(rules, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
        if X509_VERIFY_PARAM_set1_ip_asc(rules, host) == 1 { return true }
        ERR_clear_error()
        return X509_VERIFY_PARAM_set1_host(rules, host, 0) == 1 && sluice_tls_set_name(ssl, host) == 1
    }
}

/// A file of authorities, read at the start and again at SIGHUP. Any thread.
package final class TLSAuthorities: Sendable {
    private let path: String
    private let context: Locked<TLSClientContext>

    /// Reads the file, which is in PEM form.
    package init(_ path: String) throws(TLSClientContext.Fault) {
        self.path = path
        context = Locked(try TLSClientContext(authorities: path))
    }

    /// For the next connection. Those that are there keep the one they began with.
    package var current: TLSClientContext { context.current }

    /// Reads the file again. What is wrong with it leaves all as it is.
    package func reload() throws(TLSClientContext.Fault) {
        let fresh = try TLSClientContext(authorities: path)
        context.withLock { $0 = fresh }
    }
}

/// Whom a client speaks TLS with.
public struct TLSPeer: Sendable {
    let context: TLSClientContext
    let host: String

    /// - Parameter host: a name, or an address in digits without brackets: the server's certificate must be for it.
    package init(_ context: TLSClientContext, host: String) {
        self.context = context
        self.host = host
    }
}
