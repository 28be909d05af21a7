import Overload
import WireProtocol

/// A request to the governor, which the control thread answers.
enum GovernorRequest: Sendable {
    /// An operator's: a tier to hold; nil: the one that the signals ask for.
    case hold(Tier?, Responder)
    /// Its trace.
    case trace(TraceWanted, Responder)
}

/// The part of the governor's trace that somebody wants.
struct TraceWanted: Sendable, Hashable {
    enum Format: Sendable { case jsonLines, csv }

    /// Of the past: 1 … `GovernorTrace.secondsMax`.
    let seconds: Int
    let format: Format
}

extension GovernorReport {
    /// The answer to an operator's request, after it.
    var tierResponse: HTTPResponse {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("tier", tier.name)
        writer.member("pinned", isPinned)
        writer.endObject()
        return .json(200, writer.array)
    }
}
