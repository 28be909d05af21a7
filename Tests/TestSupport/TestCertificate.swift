import Glibc

/// A certificate of its own authority, made with the command `openssl`, in a folder that goes with this value.
package final class TestCertificate {
    private let folder: String
    /// PEM files. The certificate is its own authority.
    package var certificate: String { folder + "/cert.pem" }
    package var key: String { folder + "/key.pem" }

    /// - Parameter hosts: as OpenSSL's subjectAltName takes them.
    /// - Returns: nil when the command fails.
    package init?(hosts: String = "IP:127.0.0.1,DNS:localhost") {
        var name = Array("/tmp/sluice-cert-XXXXXX".utf8CString)
        guard mkdtemp(&name) != nil else { return nil }
        folder = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let words = """
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test \
            -addext subjectAltName=\(hosts) -keyout \(key) -out \(certificate) 2>/dev/null
            """
        guard system(words) == 0 else { return nil }
    }

    deinit {
        unlink(certificate)
        unlink(key)
        rmdir(folder)
    }
}
