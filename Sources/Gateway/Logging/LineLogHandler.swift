import Logging
import NetworkIO

/// Makes each log event a line and hands it on.
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
        clock: @escaping @Sendable () -> Int = Clock.unixMilliseconds, sink: @escaping Sink
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

extension Logger {
    /// A logger whose lines leave by `output`. Made once and handed on; nothing global is set up.
    package init(label: String, level: Logger.Level, format: LogFormat, output: LineOutput) {
        self.init(label: label) { label in
            LineLogHandler(label: label, level: level, format: format) { output.write($0) }
        }
    }
}

extension LineOutput {
    /// Where the log goes: standard error.
    package static func log(label: String, format: LogFormat) throws(SystemError) -> LineOutput {
        try LineOutput(LineOutput.standardError) { count in
            LogLine.render(
                format, milliseconds: Clock.unixMilliseconds(), level: .warning, label: label,
                message: "lines of the log were dropped, as nobody read them", metadata: ["lines": "\(count)"])
        }
    }
}
