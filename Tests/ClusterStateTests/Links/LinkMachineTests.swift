import Core
import Testing

@testable import ClusterState

@Suite("One link's connection")
struct LinkMachineTests {
    private func connected() -> LinkMachine {
        var machine = LinkMachine(wait: 0, heartbeatSeconds: 10, at: 0)
        #expect(machine.ticked(at: 0) == .dial)
        machine.opened(at: 100)
        return machine
    }

    /// When the machine dials, from `start` on.
    private func dialledAt(_ machine: inout LinkMachine, from start: Int) -> Int {
        var now = start
        while machine.ticked(at: now) != .dial { now += 10 }
        return now
    }

    @Test("It is dialled after its cooldown, and given up after ten seconds without an answer")
    func dial() {
        var machine = LinkMachine(wait: 5_000, heartbeatSeconds: 10, at: 0)
        #expect(machine.state == .cooldown && machine.ticked(at: 4_999) == nil)
        #expect(machine.ticked(at: 5_000) == .dial && machine.state == .connecting)
        #expect(machine.ticked(at: 15_000) == nil)
        #expect(machine.ticked(at: 15_001) == .abandon)
    }

    @Test("It pings after a heartbeat of silence, and gives up after three")
    func heartbeat() {
        var machine = connected()
        #expect(machine.ticked(at: 10_099) == nil && machine.ticked(at: 10_100) == .ping)
        machine.heard(at: 10_200)
        #expect(machine.ticked(at: 20_200) == .ping)
        #expect(machine.ticked(at: 30_200) == .ping)
        #expect(machine.ticked(at: 40_201) == .abandon)
    }

    @Test("Waits grow to a minute, and begin anew after a connection that lasted")
    func backoff() {
        var machine = connected()
        var (now, waits) = (100, [Int]())
        for _ in 0..<12 {
            machine.ended(.failed, at: now, random: 60_000)
            let next = dialledAt(&machine, from: now)
            waits.append(next - now)
            now = next
        }
        #expect(waits[0] <= 1_010 && waits.max()! > 30_000 && waits.max()! <= 60_010)
        machine.opened(at: now)
        #expect(machine.reconnects == 1)
        machine.ended(.closed(code: 1006), at: now + 30_000, random: 60_000)
        #expect(dialledAt(&machine, from: now + 30_000) - now - 30_000 <= 1_010)
    }

    @Test("A server that does not want it is left alone for half a minute at least", arguments: [1008, 4000, 4999])
    func unwanted(code: UInt16) {
        for random in [0, UInt64.max] {
            var machine = connected()
            machine.ended(.closed(code: code), at: 0, random: random)
            #expect((30_000...60_010).contains(dialledAt(&machine, from: 0)))
        }
    }

    @Test("A server that asks for a pause gets it", arguments: [1012, 1013])
    func pause(code: UInt16) {
        var machine = connected()
        machine.ended(.closed(code: code), retryMilliseconds: 20_000, at: 0, random: 0)
        #expect((20_000...20_010).contains(dialledAt(&machine, from: 0)))
        machine = connected()
        machine.ended(.closed(code: code), retryMilliseconds: .max, at: 0, random: 0)
        #expect((600_000...600_010).contains(dialledAt(&machine, from: 0)))
    }

    @Test("The texts of a definition and a record say all of them")
    func texts() throws {
        let id = Identifier(unchecked: "feed")
        var definition = LinkDefinition(id: id, name: "Prices = all", url: "wss://a.example/x?y=z", room: id)
        definition.headers = [.init(name: "X-A", value: "b=c"), .init(name: "X-B", value: "")]
        definition.cooldownSeconds = 7
        definition.subprotocol = "v1"
        definition.replays = true
        definition.isEnabled = false
        #expect(LinkDefinition(definition.text, id: id) == definition)

        var record = LinkRecord()
        #expect(LinkRecord(record.text) == record)
        record.state = .cooldown
        record.lastHeardAt = 5
        record.reconnects = 3
        record.dropped = 4
        record.position = Position(epoch: "e-1", seq: 9)
        #expect(LinkRecord(record.text) == record)
    }
}
