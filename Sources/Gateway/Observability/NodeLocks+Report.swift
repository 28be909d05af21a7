import Core
import WireProtocol

extension LockReport {
    /// `locks` of `GET /api/system/status`.
    /// - Parameter now: milliseconds of CLOCK_BOOTTIME.
    func write(to writer: inout JSONWriter, at now: Int) {
        writer.name("locks")
        writer.beginObject()
        writer.name("held")
        writer.beginArray()
        for lock in held {
            writer.beginObject()
            writer.member("name", lock.name.text)
            writer.member("token", lock.token)
            writer.member("holds", lock.holds)
            writer.member("expires_in_ms", max(0, lock.validUntil - now))
            writer.endObject()
        }
        writer.endArray()
        writer.member("lost_total", lostTotal)
        writer.endObject()
    }
}
