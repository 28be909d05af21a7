import Glibc
import Logging

/// Writes each log event as one line to standard error, by one `write`, so that lines of several threads never mix.
package struct LineLogHandler: LogHandler {
    /// Takes one whole line, line feed included; called on the thread that logs.
    package typealias Sink = @Sendable ([UInt8]) -> Void

    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?

    private let label: String
    private let format: LogFormat
    private let clock: @Sendable () -> Int
    private let sink: Sink

    /// A handler.
    ///
    /// - Parameters:
    ///   - clock: milliseconds since the Unix epoch.
    ///   - sink: where lines go.
    package init(
        label: String, level: Logger.Level, format: LogFormat,
        clock: @escaping @Sendable () -> Int = Self.wallClockMilliseconds,
        sink: @escaping Sink = Self.writeToStandardError
    ) {
        self.label = label
        self.logLevel = level
        self.format = format
        self.clock = clock
        self.sink = sink
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var fields = metadata
        if let provided = metadataProvider?.get() {
            fields.merge(provided) { _, new in new }
        }
        if let own = event.metadata {
            fields.merge(own) { _, new in new }
        }
        if let error = event.error, fields["error"] == nil {
            fields["error"] = "\(error)"
        }
        sink(
            LogLine.render(
                format, milliseconds: clock(), level: event.level, label: label, message: event.message.description,
                metadata: fields))
    }
}

// MARK: - The world outside

extension LineLogHandler {
    /// The wall clock's milliseconds since the Unix epoch.
    @Sendable package static func wallClockMilliseconds() -> Int {
        var time = timespec()
        // Cannot fail with this clock and a valid pointer.
        clock_gettime(CLOCK_REALTIME, &time)
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }

    /// Writes a line to standard error. What can't be written is dropped: there is no one left to tell.
    @Sendable package static func writeToStandardError(_ line: [UInt8]) {
        line.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let written = write(STDERR_FILENO, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if written > 0 {
                    rest = rest.dropFirst(written)
                } else if written == 0 || errno != EINTR {
                    return
                }
            }
        }
    }
}

extension Logger {
    /// A logger that writes lines to standard error. Made once and handed on; nothing global is set up.
    package init(label: String, level: Logger.Level, format: LogFormat) {
        self.init(label: label) { LineLogHandler(label: $0, level: level, format: format) }
    }
}
