import NetworkIO

/// The certificate that the node serves https and wss with: TLS_CERT_FILE and TLS_KEY_FILE, read at the start and again
/// at SIGHUP. Any thread.
package final class ServerCertificate: Sendable {
    private let files: TLSFiles
    private let context: Locked<TLSServerContext>

    /// - Throws: which file is at fault, and why.
    init(_ files: TLSFiles) throws(TLSFiles.Fault) {
        self.files = files
        context = Locked(try files.load())
    }

    /// For new connections. Those that are there keep the one they began with.
    var current: TLSServerContext { context.current }

    /// Reads the files again. What is wrong with them leaves all as it is.
    func reload() throws {
        do throws(TLSFiles.Fault) {
            let loaded = try files.load()
            context.withLock { $0 = loaded }
        } catch {
            let setting = error.file == .key ? Setting.tlsKeyFile : Setting.tlsCertFile
            throw Fault(description: "\(setting.name): \(error)")
        }
    }

    private struct Fault: Error, CustomStringConvertible { let description: String }
}
