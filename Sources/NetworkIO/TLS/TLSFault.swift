import COpenSSL

/// Why a TLS connection is over, or never came about.
public enum TLSFault: Error, Equatable, Sendable, CustomStringConvertible {
    /// The other side sent bytes that are no TLS.
    case notTLS
    /// The server's certificate is of no authority that is trusted here; the text is OpenSSL's.
    case unknownAuthority(String)
    /// It is for other names than the one that was asked for.
    case otherHost(String)
    case expired
    case notYetValid
    /// It is not accepted for another reason; the text is OpenSSL's.
    case badCertificate(String)
    /// The other side ended the handshake, or broke the protocol; the text is OpenSSL's.
    case failed(String)

    /// One line.
    public var description: String {
        switch self {
        case .notTLS: "the server speaks no TLS here"
        case .unknownAuthority(let text): "the server's certificate is of an unknown authority (\(text))"
        case .otherHost(let host): "the server's certificate is not for \(host)"
        case .expired: "the server's certificate has expired"
        case .notYetValid: "the server's certificate is not valid yet"
        case .badCertificate(let text): "the server's certificate is not accepted: \(text)"
        case .failed(let text): "TLS: \(text)"
        }
    }

    /// The fault behind a failed call of OpenSSL; takes all errors off the thread's list.
    /// - Parameters:
    ///   - verdict: what became of the look at the other side's certificate, of `SSL_get_verify_result`.
    ///   - host: whom the certificate should be for.
    init(verdict: Int, host: String) {
        let text = Self.takeErrors()
        let words = String(cString: X509_verify_cert_error_string(verdict))
        switch Int32(verdict) {
        case X509_V_OK: self = .failed(text)
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH: self = .otherHost(host)
        case X509_V_ERR_CERT_HAS_EXPIRED: self = .expired
        case X509_V_ERR_CERT_NOT_YET_VALID: self = .notYetValid
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
            X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
            self = .unknownAuthority(words)
        default: self = .badCertificate(words)
        }
    }

    /// The text of the oldest error on the thread's list, which is emptied.
    static func takeErrors() -> String {
        let error = ERR_get_error()
        ERR_clear_error()
        guard error != 0 else { return "it was ended" }
        guard let reason = ERR_reason_error_string(error) else { return "error \(error)" }
        return String(cString: reason)
    }
}
