import ControlPlane
import Foundations
import NetworkIO
import WireProtocol

// `/health`, `/ready`, `/api/nodes` and `/api/system/status`
extension Connection {
    func answerHealth() {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("status")
        writer.string(worker.context.isDraining ? "draining" : "ok")
        writer.name("node")
        writer.string(worker.context.nodeID)
        writer.name("mode")
        writer.string(worker.context.mode.name)
        writer.name("tier")
        writer.string(worker.context.governor.current.tierInEffect.name)
        writer.name("uptime_seconds")
        writer.number((loop.unixNow - worker.context.startedAt) / 1000)
        writer.name("version")
        writer.string(Version.number)
        writer.endObject()
        answer(.json(200, writer.array))
    }

    func answerReady() {
        if worker.context.isDraining { return answer(.unavailable("the node is draining", retrySeconds: 1)) }
        if worker.context.governor.current.tierInEffect == .heavy {
            return answer(.unavailable("the node is under heavy load", retrySeconds: 5))
        }
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("status")
        writer.string("ready" as StaticString)
        writer.endObject()
        answer(.json(200, writer.array))
    }

    /// `GET /api/nodes`: the cluster as this node knows it, itself included.
    func listNodes() {
        let nodes = worker.otherNodes + [worker.context.record(at: loop.unixNow)]
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("nodes")
        writer.beginArray()
        for node in nodes.sorted(by: { ($0.node, $0.startedAt, $0.boot) < ($1.node, $1.startedAt, $1.boot) }) {
            node.write(to: &writer)
        }
        writer.endArray()
        writer.endObject()
        answer(.json(200, writer.array))
    }

    func answerStatus() {
        let process = ProcessStatus.read(root: worker.configuration.procRoot, worker.context)
        var writer = JSONWriter()
        StatusReport(
            context: worker.context, nodeCount: worker.otherNodes.count + 1, locks: worker.locks,
            process: process, at: loop.unixNow
        ).write(to: &writer)
        answer(.json(200, writer.array))
    }
}

extension NodeRecord {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.name("node")
        writer.string(node)
        writer.name("address")
        writer.string(address)
        writer.name("state")
        writer.string(state.rawValue)
        writer.name("started_at")
        writer.number(startedAt)
        writer.name("last_seen_at")
        writer.number(lastSeenAt)
        writer.name("connections")
        writer.number(connections)
        writer.name("tier")
        writer.string(tier)
        writer.endObject()
    }
}
