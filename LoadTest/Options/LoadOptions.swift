import ArgumentParser

/// The command line of `load_test`.
struct LoadOptions: ParsableArguments {
    @Option(help: "How many connections to hold.")
    var connections = 1000

    @Option(help: "New connections per second; unset: as fast as the server answers.")
    var rate: Double?

    @Option(help: "Seconds of load, without connecting and settling.")
    var duration = 10.0

    @OptionGroup var target: TargetOptions

    @Flag(help: "Takes any certificate of a wss:// node: for trials.")
    var insecure = false

    @Option(
        help: "What to do: \(Scenario.allCases.map(\.rawValue).joined(separator: ", ")).")
    var scenario = Scenario.broadcast

    @Option(help: "Rooms over which the connections are spread; the default depends on the scenario.")
    var rooms: Int?

    @Option(help: "Connections that send; the default depends on the scenario.")
    var senders: Int?

    @Option(help: "Messages per second in all, sent on schedule whatever the server does (open loop).")
    var messageRate: Double?

    @Option(help: "Instead of a rate: messages without an ack that each sender keeps in flight (closed loop).")
    var window: Int?

    @Option(help: "Bytes of content per message.")
    var payloadBytes: Int?

    @Option(help: "Seconds in which the message rate rises to the full, before the measured time.")
    var ramp: Double?

    @Option(help: "overload: messages per second that count as 1x; unset: found first.")
    var capacity: Double?

    @Option(help: "Processes over which connections are spread; unset: as many as the open-file limit asks for.")
    var processes: Int?

    @Option(help: "Addresses of 127.0.0.0/8 to connect from; each has some 28,000 ports towards one node.")
    var sourceAddresses: Int?

    @Option(help: "Sent as X-API-Key when asking for the server's status.")
    var apiKey: String?

    @Option(help: "Write the report as JSON to this file.")
    var json: String?

    @Option(help: "Write the report as a web page to this file.")
    var html: String?

    @Option(help: "Makes names of rooms and users; unset: random.")
    var seed: UInt64?

    /// A loading process, started by another one.
    @Flag(name: .customLong("loads"), help: .hidden)
    var loads = false
}
