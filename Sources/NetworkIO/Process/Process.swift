import CLibuv

/// The variables of this process' environment.
package enum ProcessEnvironment {
    package static var variables: [String: String] {
        var items: UnsafeMutablePointer<uv_env_item_t>?
        var count: Int32 = 0
        guard uv_os_environ(&items, &count) == 0, let items else { return [:] }
        defer { uv_os_free_environ(items, count) }
        var variables: [String: String] = [:]
        for item in UnsafeBufferPointer(start: items, count: Int(count)) {
            variables[String(cString: item.name)] = String(cString: item.value)
        }
        return variables
    }
}

/// The machine that this process is on.
package enum Machine {
    /// Its name, as gethostname(2) has it.
    package static var hostName: String {
        // HOST_NAME_MAX is 64.
        var name = [CChar](repeating: 0, count: 65)
        guard gethostname(&name, 64) == 0 else { return "localhost" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// Lines for the person at the terminal, as opposed to the log.
package enum Output {
    package static func line(_ text: String) { write(text, to: STDOUT_FILENO) }
    package static func errorLine(_ text: String) { write(text, to: STDERR_FILENO) }

    /// Text without a line's end, for a line that is written over.
    package static func text(_ text: String) { write(text, to: STDOUT_FILENO, end: "") }
    /// The width of the terminal that standard output goes to; nil when that is none.
    package static var terminalColumns: Int? {
        guard isatty(STDOUT_FILENO) != 0 else { return nil }
        let columns = Int(sluice_terminal_columns(STDOUT_FILENO))
        return columns > 0 ? columns : 80
    }

    /// Puts `bytes` into a file, which is made or replaced.
    package static func file(_ path: String, _ bytes: [UInt8]) throws(SystemError) {
        guard let file = fopen(path, "we") else { throw SystemError(call: path, number: sluice_errno()) }
        let written = fwrite(bytes, 1, bytes.count, file)
        guard fclose(file) == 0, written == bytes.count else {
            throw SystemError(call: path, number: sluice_errno())
        }
    }

    private static func write(_ text: String, to descriptor: Int32, end: String = "\n") {
        var bytes = Array((text + end).utf8)[...]
        while !bytes.isEmpty {
            let written = bytes.withUnsafeBytes { CLibuv.write(descriptor, $0.baseAddress, $0.count) }
            if written <= 0 { return }
            bytes = bytes.dropFirst(written)
        }
    }
}

/// The end of this process.
package enum ProcessEnd {
    /// At once, without any last words.
    package static func now(_ status: Int32) -> Never { _exit(status) }
}
