import NetworkIO

/// The certificate that the node serves https and wss with: TLS_CERT_FILE and TLS_KEY_FILE, read at the start and again
/// at SIGHUP. A value; any thread.
package struct ServerCertificate: Sendable {
    private let files: TLSFiles
    /// As read at the start.
    let first: TLSServerContext

    /// - Throws: which file is at fault, and why.
    init(_ files: TLSFiles) throws(TLSFiles.Fault) {
        self.files = files
        first = try files.load()
    }

    /// Reads the files again.
    /// - Throws: one line, with the variable of the file that is at fault.
    func read() throws -> TLSServerContext {
        do throws(TLSFiles.Fault) { return try files.load() } catch {
            let setting = error.file == .key ? Setting.tlsKeyFile : Setting.tlsCertFile
            throw Fault(description: "\(setting.name): \(error)")
        }
    }

    private struct Fault: Error, CustomStringConvertible { let description: String }
}
