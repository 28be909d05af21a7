import Core

/// Requests on single links, besides those of a node's share: what an operator wants, and how links stand.
package enum LinkCall {
    /// Must hold in the store for a definition to be written.
    package enum Condition: String, Sendable { case absent, present }

    /// The answer to a definition.
    package enum Defined: Equatable, Sendable {
        /// Written, as this version of all definitions.
        case version(Int)
        case conditionNotMet
        case tooMany
    }

    /// - Parameter definition: nil deletes.
    package static func define(
        _ id: Identifier, as definition: LinkDefinition?, if condition: Condition, boot: String, quarantine: Int
    ) -> StoreOperation {
        let words = ["\(LinkLimits.linksMax)", id.text, condition.rawValue].map { Array($0.utf8) }
        return operation(LinkScripts.define, words + [definition?.text ?? []], boot, quarantine)
    }

    package static func defined(_ reply: StoreReply) -> Defined? {
        guard case .array(let parts) = reply, parts.count == 2, case .integer(let result) = parts[1] else { return nil }
        return result > 0 ? .version(result) : result == 0 ? .conditionNotMet : .tooMany
    }

    /// Writes how links stand that the node owns.
    package static func report(
        _ records: [(id: Identifier, token: Int, record: LinkRecord)], boot: String, quarantine: Int
    ) -> StoreOperation {
        let words = records.flatMap { [Array($0.id.text.utf8), Array("\($0.token)".utf8), $0.record.text] }
        return operation(LinkScripts.report, words, boot, quarantine)
    }

    /// Reads how these links stand; `records` takes the reply apart.
    package static func read(_ ids: [Identifier]) -> StoreOperation {
        .hashGetSome(key: LinkKeys.states, fields: ids.map { Array($0.text.utf8) })
    }

    /// Reads how many messages of these links the log has refused; `refused` takes the reply apart.
    package static func readRefused(_ ids: [Identifier]) -> StoreOperation {
        .hashGetSome(key: LinkKeys.refused, fields: ids.map { Array($0.text.utf8) })
    }

    /// In the order of the question.
    package static func refused(_ reply: StoreReply) -> [Int] {
        guard case .array(let parts) = reply else { return [] }
        return parts.map { Stored.number($0) ?? 0 }
    }

    /// In the order of the question; nil for one that was never reported.
    package static func records(_ reply: StoreReply) -> [LinkRecord?] {
        guard case .array(let parts) = reply else { return [] }
        return parts.map { if case .bytes(let text) = $0 { LinkRecord(text) } else { nil } }
    }

    private static func operation(
        _ script: StoreScript, _ words: [[UInt8]], _ boot: String, _ quarantine: Int
    ) -> StoreOperation {
        .script(script, keys: LinkKeys.all, arguments: [boot, "0", "\(quarantine)"].map { Array($0.utf8) } + words)
    }
}
