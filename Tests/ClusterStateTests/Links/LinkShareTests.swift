import Core
import Foundation
import TestSupport
import Testing

@testable import ClusterState

@Suite("Shares of links")
struct LinkShareTests {
    /// How many seeds the suite runs; LINK_SEEDS and LINK_NODES, LINK_LINKS ask for others, of which as many are run as
    /// LINK_SECONDS allow.
    private static func wanted(_ name: String, _ value: Int) -> Int {
        ProcessInfo.processInfo.environment[name].flatMap(Int.init) ?? value
    }

    @Test("A hint that comes while a beat is under way is not forgotten with its answer")
    func hints() throws {
        let timing = LinkShare.Timing(check: 2_000, timeout: 8_000)
        var share = LinkShare(boot: "b1", node: "n", timing: timing, weight: 10, at: 0)
        let store = MemoryStore(boot: "0") { 1_700_000_000_000_000 }
        var now = 0
        /// The next request's script, once its answer is here.
        func exchange(hinted: Bool = false) throws -> String? {
            guard let operation = share.request(at: now).operation else { return nil }
            var reply: StoreReply?
            store.perform(operation) { reply = try? $0.get() }
            if hinted { share.hinted(at: now) }
            _ = share.answered(reply, at: now)
            if case .script(let script, _, _) = operation { return script.name }
            return nil
        }
        while try exchange() != nil { now += 1 }
        now = 3_000
        #expect(try exchange(hinted: true) == "links_beat")
        now += timing.check / 8
        #expect(try exchange() == "links_beat")
        // Many hints are one.
        for _ in 0..<5 { share.hinted(at: now) }
        #expect(try exchange() == nil)
        now += timing.check / 8
        #expect(try exchange() == "links_beat")
        #expect(try exchange() == nil)
        // Its own change it reads at once.
        share.defined(at: now)
        #expect(try exchange() == "links_read")
    }

    @Test("Under faults at no time two nodes act for one link, and after them each link has an owner")
    func faults() {
        var (takeOvers, wipes, longest, keptTwice) = (0, 0, 0, 0)
        let end = Date(timeIntervalSinceNow: Double(Self.wanted("LINK_SECONDS", 100_000)))
        var seeds = 0
        for seed in 1...UInt64(Self.wanted("LINK_SEEDS", 200)) where Date() < end {
            seeds += 1
            let nodes = Self.wanted("LINK_NODES", 2 + Int(seed % 3))
            var world = SimulatedOwners(seed: seed, nodes: nodes, links: Self.wanted("LINK_LINKS", 8))
            for _ in 0..<300 where world.faults.isEmpty {
                world.run(isCalm: false)
                if world.keptTwice > 0 { keptTwice += 1 }
            }
            world.calmDown()
            let begin = world.now
            while world.faults.isEmpty, !world.checkEnd().isEmpty, world.now - begin < SimulatedOwners.calm {
                world.run(isCalm: true)
            }
            #expect(world.faults.isEmpty, "seed \(seed): \(world.faults.first ?? "")")
            #expect(world.checkEnd().isEmpty, "seed \(seed): \(world.checkEnd())")
            (takeOvers, wipes) = (takeOvers + world.takeOvers, wipes + world.wipes - 1)
            longest = max(longest, world.now - begin)
        }
        // The faults reach what they are meant to reach.
        if seeds >= 100 {
            #expect(takeOvers > 50 && wipes > 50, "\(takeOvers) take-overs, \(wipes) wipes")
            #expect(keptTwice > 50, "links that are kept through partitions were held twice in \(keptTwice) steps")
        }
        print("\(seeds) seeds: take-overs \(takeOvers), wipes \(wipes), calm after at most \(longest) ms")
    }
}
