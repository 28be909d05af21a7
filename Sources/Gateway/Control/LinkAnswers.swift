import ClusterState
import Core
import WireProtocol

/// Answers the HTTP API's questions about links.
///
/// Thread: the control loop's.
struct LinkAnswers {
    let control: LinkControl

    private var context: NodeContext { control.context }

    func answer(_ question: LinkQuestion, _ responder: Responder) {
        guard control.isReachable else {
            return responder.answer(.unavailable("the store of links is away", retrySeconds: 2), by: context)
        }
        switch question {
        case .list(let cursor, let limit): list(after: cursor, limit: limit, responder)
        case .show(let id): show(id, status: 200, responder)
        case .create(let definition):
            control.define(definition.id, as: definition, if: .absent) { outcome in
                switch outcome {
                case .version: show(definition.id, status: 201, responder)
                case .conditionNotMet:
                    responder.answer(
                        .error(409, "link_exists", "there is a link with this id"), by: context)
                case .tooMany:
                    responder.answer(
                        .unavailable("there are as many links as a cluster takes", retrySeconds: 60), by: context)
                case nil: noAnswer(responder)
                }
            }
        case .enable(let id, let isEnabled):
            guard var definition = control.share.link(id)?.definition else { return notFound(responder) }
            definition.isEnabled = isEnabled
            control.define(id, as: definition, if: .present) { outcome in
                changed(outcome, responder) { show(id, status: 200, responder) }
            }
        case .delete(let id):
            control.define(id, as: nil, if: .present) { outcome in
                changed(outcome, responder) {
                    responder.answer(HTTPResponse(status: 204, headers: []), by: context)
                }
            }
        }
    }

    private func changed(_ outcome: LinkCall.Defined?, _ responder: Responder, _ done: () -> Void) {
        switch outcome {
        case .version: done()
        case .conditionNotMet, .tooMany: notFound(responder)
        case nil: noAnswer(responder)
        }
    }

    private func notFound(_ responder: Responder) {
        responder.answer(.error(404, "no_such_link", "there is no link with this id"), by: context)
    }

    private func noAnswer(_ responder: Responder) {
        responder.answer(.unavailable("the store of links gave no answer", retrySeconds: 2), by: context)
    }

    private func show(_ id: Identifier, status: Int, _ responder: Responder) {
        guard let (definition, owner) = control.share.link(id) else { return notFound(responder) }
        withRecords(of: [id]) { records in
            var writer = JSONWriter()
            write(definition, owner, records[0], to: &writer)
            responder.answer(.json(status, writer.array), by: context)
        }
    }

    private func list(after cursor: Identifier?, limit: Int, _ responder: Responder) {
        let rest = control.share.links.drop { link in cursor.map { link.definition.id <= $0 } ?? false }
        let links = rest.prefix(limit)
        withRecords(of: links.map(\.definition.id)) { records in
            var writer = JSONWriter()
            writer.beginObject()
            writer.name("links")
            writer.beginArray()
            for (link, record) in zip(links, records) { write(link.definition, link.owner, record, to: &writer) }
            writer.endArray()
            if rest.count > limit, let last = links.last { writer.member("next_cursor", last.definition.id) }
            writer.endObject()
            responder.answer(.json(200, writer.array), by: context)
        }
    }

    /// How links stand, in the order of the question: this node's own as their workers said last, others as the store
    /// has them; with the messages that the log refused.
    private func withRecords(of ids: [Identifier], _ done: @escaping ([LinkRecord]) -> Void) {
        guard !ids.isEmpty else { return done([]) }
        let own = ids.map { control.records[$0]?.record }
        control.store.perform(LinkCall.readRefused(ids)) { [control] result in
            let refused = (try? result.get()).map(LinkCall.refused) ?? []
            control.store.perform(LinkCall.read(ids)) { result in
                let read = (try? result.get()).map(LinkCall.records) ?? []
                done(
                    own.indices.map { index in
                        var record = own[index] ?? (index < read.count ? read[index] : nil) ?? LinkRecord()
                        if index < refused.count { record.dropped += refused[index] }
                        return record
                    })
            }
        }
    }

    private func write(
        _ definition: LinkDefinition, _ owner: LinkOwner?, _ record: LinkRecord, to writer: inout JSONWriter
    ) {
        writer.beginObject()
        writer.member("id", definition.id)
        writer.member("name", definition.name)
        writer.member("url", definition.url)
        if let room = definition.room { writer.member("room", room) }
        writer.member("enabled", definition.isEnabled)
        let owner = definition.isEnabled ? owner : nil
        writer.member("state", owner == nil ? LinkMachine.State.idle.rawValue : record.state.rawValue)
        if let owner {
            writer.member("owner", owner.node)
            writer.member("fencing_token", owner.token)
        }
        if let heard = record.lastHeardAt { writer.member("last_heartbeat_at", heard) }
        writer.member("reconnects", record.reconnects)
        writer.member("dropped", record.dropped)
        writer.member("heartbeat_seconds", definition.heartbeatSeconds)
        if let cooldown = definition.cooldownSeconds { writer.member("cooldown_seconds", cooldown) }
        if let subprotocol = definition.subprotocol { writer.member("subprotocol", subprotocol) }
        writer.member("replay", definition.replays)
        writer.member("partition", definition.partition.rawValue)
        writer.endObject()
    }
}
