import Core
import Foundation
import TestSupport
import Testing

@testable import ClusterState

@Suite("Shares of links")
struct LinkShareTests {
    /// How many seeds the suite runs; LINK_SEEDS and LINK_NODES, LINK_LINKS ask for others.
    private static func wanted(_ name: String, _ value: Int) -> Int {
        ProcessInfo.processInfo.environment[name].flatMap(Int.init) ?? value
    }

    @Test("Under faults at no time two nodes act for one link, and after them each link has an owner")
    func faults() {
        var (takeOvers, wipes, longest, keptTwice) = (0, 0, 0, 0)
        for seed in 1...UInt64(Self.wanted("LINK_SEEDS", 200)) {
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
        #expect(takeOvers > 50 && wipes > 50, "\(takeOvers) take-overs, \(wipes) wipes")
        #expect(keptTwice > 50, "links that are kept through partitions were held twice in \(keptTwice) steps")
        print("take-overs \(takeOvers), wipes \(wipes), calm after at most \(longest) ms, twice \(keptTwice) steps")
    }
}
