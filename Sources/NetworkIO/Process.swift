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

/// Lines for the person at the terminal, as opposed to the log.
package enum Output {
    package static func line(_ text: String) { write(text, to: STDOUT_FILENO) }
    package static func errorLine(_ text: String) { write(text, to: STDERR_FILENO) }

    private static func write(_ text: String, to descriptor: Int32) {
        var bytes = Array((text + "\n").utf8)[...]
        while !bytes.isEmpty {
            let written = bytes.withUnsafeBytes { CLibuv.write(descriptor, $0.baseAddress, $0.count) }
            if written <= 0 { return }
            bytes = bytes.dropFirst(written)
        }
    }
}
