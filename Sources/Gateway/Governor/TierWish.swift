import ControlPlane
import WireProtocol

/// What an operator wants of the governor, and the request that waits for the answer.
package struct TierWish: Sendable {
    /// The tier to hold; nil: the one that the signals ask for.
    let tier: Tier?
    let worker: Int
    /// Of the request's connection.
    let connection: UInt64
}

// `PUT /api/system/tier`
extension Connection {
    private static let automatic = "auto"

    /// Holds the node on a tier, or lets it go.
    func setTier(_ call: HTTPCall) {
        answering { () throws(APIFault) in
            let tier = try call.request.body.withUnsafeBufferPointer { buffer throws(APIFault) in
                let table = try call.fields(UnsafeRawBufferPointer(buffer))
                return try asAPIFault { () throws(FieldFault) in try Self.tier(table) }
            }
            worker.context.tierWishes.post([TierWish(tier: tier, worker: worker.index, connection: key)])
        }
    }

    private static func tier(_ table: borrowing FieldTable) throws(FieldFault) -> Tier? {
        let text = try table.string(.tier)?.text
        if text == automatic { return nil }
        guard let text, let tier = Tier(named: text) else {
            let names = Tier.allCases.map { "\"\($0.name)\"" }.joined(separator: ", ")
            throw .badField("\"tier\" must be \"\(automatic)\" or one of \(names)")
        }
        return tier
    }
}

extension HTTPResponse {
    /// How the governor stands after a wish.
    static func tier(_ report: GovernorReport) -> HTTPResponse {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("tier")
        writer.string(report.tier.name)
        writer.name("pinned")
        writer.bool(report.isPinned)
        writer.endObject()
        return .json(200, writer.array)
    }
}
