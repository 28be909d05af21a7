import NetworkIO

/// A run with every value settled. The parent sends it to the loading processes.
struct Plan: Codable, Sendable {
    struct Node: Codable, Sendable {
        /// As the user wrote it.
        var url: String
        /// The Host header.
        var host: String
        /// In digits.
        var address: String
        var port: UInt16
        /// The name or address that its certificate must be for; nil: no TLS.
        var tlsName: String?

        /// Whom TLS is spoken with; nil: nobody.
        func peer(_ trust: TLSClientContext) -> TLSPeer? { tlsName.map { TLSPeer(trust, host: $0) } }
    }

    var scenario: Scenario
    var nodes: [Node]
    /// Whether the nodes share their rooms; if not, all members of a room connect to one node.
    var isCluster = false
    var connections: Int
    /// Whether certificates are not looked at.
    var isInsecure = false
    /// New connections per second over all processes; nil: as fast as they are answered.
    var connectRate: Double?
    var seconds: Double
    var rooms: Int
    var senders: Int
    /// Messages per second over all senders; nil in a closed loop.
    var messageRate: Double?
    /// Messages without an ack per sender; nil in an open loop.
    var window: Int?
    var rampSeconds: Double
    var payloadBytes: Int
    /// Messages per second that count as 1x; nil: to be found.
    var capacity: Double?
    var processes: Int
    /// How many addresses of 127.0.0.0/8 connections come from; 0: the system's choice.
    var sourceAddresses: Int
    var seed: UInt64

    /// Whom connections by TLS trust.
    func trust() -> TLSClientContext { isInsecure ? TLSClientContext(unverified: ()) : TLSClientContext() }

    // Who does what. Connections are numbered from 0; the first ones send.

    /// How many connections a process holds.
    func share(of process: Int) -> Int { (connections - process + processes - 1) / processes }
    /// The number of a process' nth connection.
    func number(_ local: Int, of process: Int) -> Int { local * processes + process }
    func room(of number: Int) -> Int { number % rooms }
    func node(of number: Int) -> Int {
        let room = room(of: number)
        return (isCluster ? room + number / rooms : room) % nodes.count
    }
    func isSender(_ number: Int) -> Bool { number < senders }
    /// How many of a process' connections send.
    func senders(of process: Int) -> Int { (max(0, senders - process) + processes - 1) / processes }

    /// Begins the names of this run's rooms, users and messages, so that runs don't meet.
    var namePrefix: String { "load-" + String(seed, radix: 16) }
    func roomName(_ room: Int) -> String { "\(namePrefix)-\(room)" }
    /// As long for all, which makes their messages alike.
    func userName(_ number: Int) -> String {
        let digits = String(number)
        return "\(namePrefix)-" + String(repeating: "0", count: max(0, 8 - digits.count)) + digits
    }
}
