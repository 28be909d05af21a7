/// How log lines are written: `LOG_FORMAT`.
package enum LogFormat: String, Sendable, CaseIterable {
    /// `2026-01-31T12:00:00.000Z INFO message key=value`, for people.
    case text
    /// One JSON object per line, for machines.
    case json
}
