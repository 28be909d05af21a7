import Foundations
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
            writer.name("name")
            writer.string(lock.name.text)
            writer.name("token")
            writer.number(lock.token)
            writer.name("holds")
            writer.number(lock.holds)
            writer.name("expires_in_ms")
            writer.number(max(0, lock.validUntil - now))
            writer.endObject()
        }
        writer.endArray()
        writer.name("lost_total")
        writer.number(lostTotal)
        writer.endObject()
    }
}
