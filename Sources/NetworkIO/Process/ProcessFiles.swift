import CLibuv

/// Small readings below /proc, or below a directory that looks like it. Any thread.
package enum ProcessFiles {
    /// The resident memory of this process: the second number of `self/statm`, in pages (proc(5)).
    package static func residentBytes(root: String) -> Int? {
        guard let text = firstLine("\(root)/self/statm") else { return nil }
        let fields = text.split(separator: " ")
        guard fields.count > 1, let pages = Int(fields[1]) else { return nil }
        return pages * sysconf(Int32(_SC_PAGESIZE))
    }

    /// Descriptors that are open: the entries of `self/fd`, but for the one that counts them. The kernel knows the
    /// number from 6.2 on (it is the folder's size, proc(5)); before that many thousand entries take milliseconds to
    /// count.
    package static func openFiles(root: String) -> Int? {
        if let known = knownOpenFiles("\(root)/self/fd") { return known }
        guard let directory = opendir("\(root)/self/fd") else { return nil }
        defer { closedir(directory) }
        var count = 0
        while let entry = readdir(directory) {
            if entry.pointee.d_name.0 != CChar(UInt8(ascii: ".")) { count += 1 }
        }
        return max(0, count - 1)
    }

    private static func knownOpenFiles(_ path: String) -> Int? {
        var (system, folder) = (statfs(), stat())
        // A folder that only looks like it has the size that its file system gives it.
        guard statfs(path, &system) == 0, system.f_type == 0x9FA0, stat(path, &folder) == 0 else { return nil }
        return folder.st_size > 0 ? Int(folder.st_size) : nil
    }

    private static func firstLine(_ path: String) -> String? {
        guard let file = fopen(path, "re") else { return nil }
        defer { fclose(file) }
        var buffer = [CChar](repeating: 0, count: 512)
        guard fgets(&buffer, Int32(buffer.count), file) != nil else { return nil }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
