import Overload
import WireProtocol

/// An operator's request to the governor.
struct TierRequest: Sendable {
    /// The tier to hold; nil: the one that the signals ask for.
    let tier: Tier?
    let responder: Responder

    /// Answers with the governor's state after the request. On the control thread.
    func answer(_ report: GovernorReport, by sender: some MailSender) {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("tier", report.tier.name)
        writer.member("pinned", report.isPinned)
        writer.endObject()
        responder.answer(.json(200, writer.array), by: sender)
    }
}
