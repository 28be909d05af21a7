import Foundations
import NetworkIO
import WireProtocol

// `/health`, `/ready` and `/api/system/status`
extension Connection {
    func answerHealth() {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("status")
        writer.string(worker.context.isDraining ? "draining" : "ok")
        writer.name("node")
        writer.string(worker.context.nodeID)
        writer.name("mode")
        writer.string(worker.mode)
        writer.name("tier")
        writer.string("normal" as StaticString)
        writer.name("uptime_seconds")
        writer.number((loop.unixNow - worker.context.startedAt) / 1000)
        writer.name("version")
        writer.string(Version.number)
        writer.endObject()
        answer(.json(200, writer.array))
    }

    func answerReady() {
        if worker.context.isDraining { return answer(.unavailable("the node is draining", retrySeconds: 1)) }
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("status")
        writer.string("ready" as StaticString)
        writer.endObject()
        answer(.json(200, writer.array))
    }

    func answerStatus() {
        let process = ProcessStatus.read(root: worker.configuration.procRoot, worker.context)
        var writer = JSONWriter()
        StatusReport(context: worker.context, mode: worker.mode, process: process, at: loop.unixNow).write(to: &writer)
        answer(.json(200, writer.array))
    }
}
