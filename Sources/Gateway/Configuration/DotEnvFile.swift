import Glibc

/// Reads `.env`; the only place of the configuration that touches a file.
package enum DotEnvFile {
    /// The most bytes that are read: far more than all variables need, and little enough to be read by mistake.
    package static let byteCountMax = 1 << 20

    /// The file's text, or nil when there is no such file.
    ///
    /// Throws when it is there and can't be read, is larger than 1 MiB, or is not UTF-8: a file that was meant to
    /// count must not be ignored.
    ///
    /// - Parameter path: relative to the working directory.
    package static func read(path: String = ".env") throws(ConfigurationError) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            guard errno != ENOENT else { return nil }
            throw failure(path, errno)
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16384)
        while bytes.count <= byteCountMax {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0 {
                guard errno == EINTR else { throw failure(path, errno) }
                continue
            }
            guard count > 0 else { break }
            bytes += chunk[..<count]
        }
        guard bytes.count <= byteCountMax else {
            throw ConfigurationError(variable: nil, "\(path) is larger than \(byteCountMax) bytes")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ConfigurationError(variable: nil, "\(path) is not valid UTF-8")
        }
        return text
    }

    /// Whether users other than its owner may read the file; false when there is none.
    package static func isReadableByOthers(path: String = ".env") -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & (S_IRGRP | S_IROTH) != 0
    }

    private static func failure(_ path: String, _ number: Int32) -> ConfigurationError {
        ConfigurationError(variable: nil, "\(path) can't be read: \(String(cString: strerror(number)))")
    }
}
