import Testing

@testable import load_test

@Suite("Options and the plan made of them")
struct OptionsTests {
    private func plan(_ arguments: String..., openFiles: Int = 20_000) throws -> Plan {
        try LoadOptions.parse(arguments).plan(openFilesMax: openFiles)
    }

    @Test(
        "what makes no sense with a scenario is refused, with what is allowed",
        arguments: [
            ("idle", "--message-rate", "5"), ("idle", "--window", "5"), ("churn", "--senders", "1"),
            ("churn", "--payload-bytes", "100"), ("resume-storm", "--window", "1"), ("overload", "--message-rate", "5"),
            ("broadcast", "--capacity", "100"), ("echo", "--capacity", "1"),
        ])
    func refusals(scenario: String, option: String, value: String) throws {
        let error = try #require(throws: (any Error).self) { try plan("--scenario", scenario, option, value) }
        let text = LoadOptions.message(for: error)
        #expect(text.contains(option) && text.contains(scenario) && text.contains("--rooms"), "\(text)")
    }

    @Test(
        "values outside their range are refused with the range",
        arguments: [
            ("--connections", "0"), ("--connections", "10000001"), ("--rate", "0"), ("--duration", "0"),
            ("--payload-bytes", "35"), ("--rooms", "1001"), ("--senders", "0"), ("--window", "0"),
            ("--source-addresses", "65001"), ("--ramp", "-1"), ("--message-rate", "0"), ("--processes", "0"),
        ])
    func ranges(option: String, value: String) throws {
        let error = try #require(throws: (any Error).self) { try plan("\(option)=\(value)") }
        #expect(LoadOptions.message(for: error).contains(option))
    }

    @Test("bounds themselves are taken", arguments: [("--payload-bytes", "36"), ("--rooms", "1000"), ("--ramp", "0")])
    func bounds(option: String, value: String) throws { _ = try plan(option, value) }

    @Test("a closed loop has no rate")
    func loops() throws {
        #expect(throws: (any Error).self) { try plan("--window", "2", "--message-rate", "10") }
        let closed = try plan("--window", "2")
        #expect(closed.window == 2 && closed.messageRate == nil)
        let open = try plan("--scenario", "echo", "--message-rate", "10")
        #expect(open.window == nil && open.messageRate == 10)
    }

    @Test("defaults of the scenarios")
    func defaults() throws {
        let broadcast = try plan()
        #expect(broadcast.rooms == 1 && broadcast.senders == 10 && broadcast.messageRate == 100)
        let small = try plan("--scenario", "small-rooms")
        #expect(small.rooms == 100 && small.senders == 1000 && small.messageRate == 1000)
        let echo = try plan("--scenario", "echo")
        #expect(echo.rooms == 500 && echo.senders == 500 && echo.window == 1)
        let idle = try plan("--scenario", "idle")
        #expect(idle.senders == 0 && idle.messageRate == nil && idle.window == nil)
    }

    @Test("several nodes, by repetition and by commas")
    func urls() throws {
        let plan = try plan("--url", "ws://127.0.0.1:1,ws://127.0.0.1:2", "--url", "ws://[::1]:3/")
        #expect(plan.nodes.map(\.port) == [1, 2, 3])
        #expect(plan.nodes[2].host == "[::1]:3" && plan.nodes[2].address == "::1")
        #expect(plan.rooms == 3)
    }

    @Test("several nodes without --url, and both together")
    func positionalURLs() throws {
        #expect(try plan("ws://127.0.0.1:1", "ws://127.0.0.1:2").nodes.map(\.port) == [1, 2])
        let both = try plan("ws://127.0.0.1:2,ws://127.0.0.1:3", "--url", "ws://127.0.0.1:1")
        #expect(both.nodes.map(\.port) == [1, 2, 3])
    }

    @Test(
        "what is no node",
        arguments: ["http://127.0.0.1", "ws://", "ws://127.0.0.1:0", "ws://127.0.0.1:x", "ws://127.0.0.1:80/ws/a/b"])
    func badURLs(text: String) throws {
        for arguments in [["--url", text], [text]] {
            let error = try #require(throws: (any Error).self) {
                try LoadOptions.parse(arguments).plan(openFilesMax: 20_000)
            }
            #expect(LoadOptions.message(for: error).contains("write --url ws://HOST[:PORT]"))
        }
    }

    @Test("processes follow from the open-file limit, and too few are refused")
    func processes() throws {
        #expect(try plan("--connections", "936", openFiles: 1000).processes == 1)
        #expect(try plan("--connections", "937", openFiles: 1000).processes == 2)
        #expect(try plan("--connections", "100", "--processes", "4", openFiles: 1000).processes == 4)
        #expect(throws: (any Error).self) { try plan("--connections", "937", "--processes", "1", openFiles: 1000) }
    }

    @Test("every connection has one process, room and node; shares add up", arguments: [1, 3, 7])
    func shares(processes: Int) throws {
        var plan = try plan("--connections", "1000", "--rooms", "10", "--senders", "25")
        plan.processes = processes
        plan.nodes = Array(repeating: plan.nodes[0], count: 3)
        let numbers = (0..<processes).flatMap { process in
            (0..<plan.share(of: process)).map { plan.number($0, of: process) }
        }
        #expect(numbers.sorted() == Array(0..<1000))
        #expect((0..<processes).reduce(0) { $0 + plan.senders(of: $1) } == 25)
        for process in 0..<processes {
            let senders = (0..<plan.share(of: process)).filter { plan.isSender(plan.number($0, of: process)) }
            #expect(senders == Array(0..<plan.senders(of: process)))
        }
        // Nodes for themselves: a room stays on one. In a cluster it is spread.
        for room in 0..<10 {
            let members = (0..<1000).filter { plan.room(of: $0) == room }
            plan.isCluster = false
            #expect(Set(members.map(plan.node(of:))).count == 1)
            plan.isCluster = true
            #expect(Set(members.map(plan.node(of:))).count == 3)
        }
    }
}
