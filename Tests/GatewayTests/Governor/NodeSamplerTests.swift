import Core
import Logging
import NetworkIO
import Overload
import Testing

@testable import Gateway

/// The part of a sample that comes from workers' counters. The workers are the test: nothing runs.
struct NodeSamplerTests {
    private func context(_ variables: [String: String] = [:]) throws -> NodeContext {
        let variables = variables.merging(["WORKERS": "2", "PROC_ROOT": "/nothing", "CGROUP_ROOT": "/nothing"]) {
            own, _ in own
        }
        return NodeContext(
            configuration: try Configuration.load(environment: variables, dotEnv: nil, cores: 2), nodeID: "n", port: 1,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }), connectionsMax: 100,
            openFilesMax: 1000, startedAt: 0)
    }

    @Test("A worker that has not gone round for more than half a second is found; one that has not begun is not meant")
    func stalledWorker() throws {
        let context = try context()
        let sampler = NodeSampler(context: context)
        #expect(sampler.sample(lateness: 0, at: 10_000).emergency == nil)
        context.counters[0].turnedAt.set(10_200)
        context.counters[1].turnedAt.set(9_750)
        #expect(sampler.sample(lateness: 0, at: 10_250).emergency == nil)
        #expect(sampler.sample(lateness: 0, at: 10_251).emergency == .workerStalled)
    }

    @Test("A sample that comes late itself blames no worker, nor do those right after it")
    func lateSample() throws {
        let context = try context()
        let sampler = NodeSampler(context: context)
        for worker in context.counters {
            worker.turnedAt.set(1_000)
            worker.own.lagMilliseconds.set(4_000)
        }
        let late = sampler.sample(lateness: 4_000, at: 5_000)
        #expect(late.emergency == nil && late.readings[.loopLag] == nil)
        #expect(sampler.sample(lateness: 0, at: 5_499).emergency == nil)
        #expect(sampler.sample(lateness: 250, at: 5_500).emergency == .workerStalled)
    }

    @Test("Delays, queues, connections and the outbox, of the worst worker or of all")
    func counters() throws {
        let context = try context([
            "REDIS_URL": "redis://h", "OUTBOX_MESSAGES": "1000", "GOVERNOR_MEMORY_LIMIT_BYTES": "4000",
        ])
        let sampler = NodeSampler(context: context)
        context.counters[0].own.queueDelayMicroseconds.set(1_500)
        context.counters[1].own.queueDelayMicroseconds.set(7_250)
        context.counters[0].queuedBytes.set(100)
        context.counters[1].queuedBytes.set(150)
        for _ in 0..<40 { _ = context.connections.enter() }
        context.counters[1].store.outboxMessages.set(400)
        context.counters[0].store.latencyMicroseconds.set(9_000)
        context.counters[1].store.latencyMicroseconds.set(2_000)
        context.counters[1].store.state = .online
        for worker in context.counters { worker.own.lagMilliseconds.set(30) }
        _ = sampler.sample(lateness: 0, at: 1_000)
        let readings = sampler.sample(lateness: 0, at: 1_250).readings
        #expect(readings[.queueDelay] == 7.25 && readings[.loopLag] == 30 && readings[.connections] == 0.4)
        #expect(readings[.sendQueue] == 0.25, "of a quarter of the limit")
        #expect(readings[.outbox] == 0.8, "of the worker's own part")
        #expect(readings[.redisRoundtrip] == 2, "of those that are online")
        #expect(readings[.openFiles] == nil && readings[.cpu] == nil)
    }

    @Test("Each time the descriptors ran out since the last sample is an emergency")
    func descriptors() throws {
        let context = try context()
        let sampler = NodeSampler(context: context)
        #expect(sampler.sample(lateness: 0, at: 0).emergency == nil)
        context.counters[1].refused(.openFiles)
        #expect(sampler.sample(lateness: 0, at: 250).emergency == .outOfDescriptors)
        #expect(sampler.sample(lateness: 0, at: 500).emergency == nil)
    }

    @Test("Demand: frames that were taken, and those of them that were given up")
    func demand() throws {
        let context = try context()
        let sampler = NodeSampler(context: context)
        _ = sampler.sample(lateness: 0, at: 0)
        context.counters[0].messagesIn.add(100)
        context.counters[1].shed(.messages, 30)
        context.counters[0].shed(.typing, 10)
        context.counters[0].shed(.compression, 500)
        context.counters[0].shed(.connections, 500)
        #expect(sampler.sample(lateness: 0, at: 1_000).demand == Demand(admitted: 60, suppressed: 40))
    }

    @Test("What is over a connection's rate is given up where a tier has lowered that, and not at normal")
    func rateOfATier() throws {
        let context = try context()
        let sampler = NodeSampler(context: context)
        _ = sampler.sample(lateness: 0, at: 0)
        func refuse(_ count: Int) {
            context.counters[0].messagesIn.add(count)
            for _ in 0..<count { context.counters[0].refused(.rateLimited) }
        }
        refuse(5)
        #expect(sampler.sample(lateness: 0, at: 250).demand.suppressed == 0)
        context.governor.withLock { $0.tiers[.memory] = .heavy }
        refuse(3)
        #expect(sampler.sample(lateness: 0, at: 500).demand.suppressed == 0, "memory lowers no rate")
        context.governor.withLock { $0.tiers[.loop] = .moderate }
        refuse(8)
        #expect(sampler.sample(lateness: 0, at: 1_000).demand == Demand(admitted: 8, suppressed: 8))
        context.governor.withLock { $0.isDryRun = true }
        refuse(7)
        #expect(sampler.sample(lateness: 0, at: 2_000).demand == Demand(admitted: 7.5, suppressed: 4))
    }

    @Test("Descriptors are counted rarely, and connections added to what else there is")
    func openFiles() throws {
        var count = OpenFileCount()
        var found: [Int?] = []
        for (connections, root, time) in [
            (3, "/nothing", 0), (3, "/proc", 9_999), (0, "/proc", 10_000), (50, "/nothing", 19_999),
            (50, "/nothing", 20_000),
        ] {
            found.append(count.sampled(connections: connections, root: root, at: time))
        }
        let counted = try #require(found[2])
        #expect(counted > 2)
        #expect(found == [nil, nil, counted, counted + 50, nil])
    }
}
