import CLibuv

/// A folder of this process' own, which nobody else can look into. It stays until it is removed.
package struct TemporaryFolder {
    /// Absolute.
    package let path: String

    /// Makes it.
    /// - Parameters:
    ///   - parent: usually what TMPDIR says, or /tmp.
    ///   - prefix: how its name begins; six random characters follow.
    package init(in parent: String, prefix: String) throws(SystemError) {
        var name = Array("\(parent)/\(prefix)XXXXXX".utf8CString)
        guard mkdtemp(&name) != nil else { throw SystemError(call: "\(parent)/\(prefix)", number: sluice_errno()) }
        path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Removes it with all that is in it. What can't be removed stays.
    package func remove() { Self.remove(path) }

    private static func remove(_ path: String) {
        for name in ProcessTable.names(path) where name != "." && name != ".." {
            let inner = "\(path)/\(name)"
            // A folder refuses (EISDIR); a link is removed and not followed.
            if unlink(inner) != 0 { remove(inner) }
        }
        rmdir(path)
    }
}
