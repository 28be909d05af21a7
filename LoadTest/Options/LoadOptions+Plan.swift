import ArgumentParser
import NetworkIO

/// From what the user wrote to a plan in which everything has a value, or the refusal that says what is allowed.
extension LoadOptions {
    /// Descriptors of a loading process that are no connections.
    private static let reservedFiles = 64
    /// Ports of one address towards one destination (net.ipv4.ip_local_port_range has 28,232), with some to spare for
    /// those that wait in TIME_WAIT.
    private static let portsPerAddress = 25_000
    /// Messages have to fit below the server's default MAX_MESSAGE_BYTES of 64 KiB with their frame.
    private static let payloadBytesMax = 1_000_000

    /// - Parameter openFilesMax: what one process may have.
    /// - Throws: `ValidationError`.
    func plan(openFilesMax: Int) throws -> Plan {
        try checkApplicability()
        try check("--connections", connections, 1...10_000_000)
        try check("--rate", rate, 0.01...1_000_000)
        try check("--duration", duration, 0.1...86_400)
        try check("--payload-bytes", payloadBytes, MessageTemplate.contentBytesMin...Self.payloadBytesMax)
        try check("--message-rate", messageRate, 0.01...100_000_000)
        try check("--window", window, 1...100_000)
        try check("--ramp", ramp, 0...3600)
        try check("--capacity", capacity, 1...100_000_000)
        try check("--source-addresses", sourceAddresses, 1...65_000)
        try check("--rooms", rooms, 1...connections)
        try check("--senders", senders, 1...connections)
        guard window == nil || messageRate == nil else {
            throw ValidationError(
                "--window and --message-rate exclude each other: a closed loop has no rate of its own")
        }
        let nodes = try self.nodes()
        let processes = try self.processes(openFilesMax: openFilesMax)
        let rooms = self.rooms ?? defaultRooms(nodes: nodes.count)
        let senders = self.senders ?? defaultSenders(rooms: rooms)
        let loop = loop(senders: senders)
        return Plan(
            scenario: scenario, nodes: nodes, connections: connections, isInsecure: insecure, connectRate: rate,
            seconds: duration, rooms: rooms, senders: senders, messageRate: loop.rate, window: loop.window,
            rampSeconds: ramp ?? 0, payloadBytes: payloadBytes ?? 100, capacity: capacity, processes: processes,
            sourceAddresses: try sources(nodes), seed: seed ?? UInt64(UInt32.random(in: .min ... .max)))
    }

    // MARK: Refusals

    private func checkApplicability() throws {
        let given: [(ScenarioOption, Bool)] = [
            (.rooms, rooms != nil), (.senders, senders != nil), (.messageRate, messageRate != nil),
            (.payloadBytes, payloadBytes != nil), (.window, window != nil), (.ramp, ramp != nil),
            (.capacity, capacity != nil),
        ]
        let allowed = scenario.allowed
        for (option, isGiven) in given where isGiven && !allowed.contains(option) {
            let names = ScenarioOption.allCases.filter(allowed.contains).map(\.rawValue).joined(separator: ", ")
            throw ValidationError(
                "\(option.rawValue) makes no sense with the scenario \(scenario.rawValue), which takes \(names)")
        }
    }

    private func check<Value: Comparable>(_ name: String, _ value: Value?, _ range: ClosedRange<Value>) throws {
        guard let value, !range.contains(value) else { return }
        throw ValidationError("\(name) is \(value); allowed: \(range.lowerBound) to \(range.upperBound)")
    }

    // MARK: Values

    private func nodes() throws -> [Plan.Node] {
        try target.texts.map { text in
            guard let node = NodeURL(text) else {
                throw ValidationError(
                    "\"\(text)\" is no node; write --url ws://HOST[:PORT] or wss://HOST[:PORT], without a path")
            }
            return Plan.Node(
                url: text, host: node.host, address: node.address.hostText, port: node.address.port,
                tlsName: node.isSecure ? node.name : nil)
        }
    }

    private func processes(openFilesMax: Int) throws -> Int {
        let perProcess = max(1, openFilesMax - Self.reservedFiles)
        let needed = (connections + perProcess - 1) / perProcess
        guard let processes else { return needed }
        try check("--processes", processes, 1...1024)
        guard processes >= needed else {
            throw ValidationError(
                "--processes is \(processes); \(connections) connections need \(needed) at least, as one process may "
                    + "have \(openFilesMax) open files")
        }
        return min(processes, connections)
    }

    private func sources(_ nodes: [Plan.Node]) throws -> Int {
        let areLocal = nodes.allSatisfy { $0.address.hasPrefix("127.") }
        guard let sourceAddresses else {
            guard areLocal else { return 0 }
            let needed = connections / nodes.count / Self.portsPerAddress + 1
            return scenario == .churn ? max(needed, 64) : needed == 1 ? 0 : needed
        }
        guard areLocal else {
            throw ValidationError("--source-addresses are of 127.0.0.0/8, from which only nodes there can be reached")
        }
        return sourceAddresses
    }

    private func defaultRooms(nodes: Int) -> Int {
        switch scenario {
        case .broadcast: min(connections, nodes)
        case .echo: max(1, connections / 2)
        case .smallRooms, .idle, .churn, .resumeStorm, .overload: max(1, connections / 10)
        }
    }

    private func defaultSenders(rooms: Int) -> Int {
        switch scenario {
        case .broadcast: min(connections, max(rooms, 10))
        case .echo: rooms
        case .smallRooms, .resumeStorm, .overload: connections
        case .idle, .churn: 0
        }
    }

    /// Open or closed loop. Default rates stay below the server's default of 50 messages per second and connection.
    private func loop(senders: Int) -> (rate: Double?, window: Int?) {
        if let window { return (nil, window) }
        switch scenario {
        case .broadcast, .resumeStorm: return (messageRate ?? 100, nil)
        case .smallRooms: return (messageRate ?? Double(senders), nil)
        case .echo: return messageRate == nil ? (nil, 1) : (messageRate, nil)
        case .idle, .churn, .overload: return (nil, nil)
        }
    }
}
