import Testing
import WireProtocol

@testable import Gateway

@Suite("The phase of a stream of events")
struct EventsPhaseTests {
    private let context: NodeContext
    private let transport = FakeTransport()

    init() throws { context = try FakeNode.context() }

    private var streams: Int { context.events.streamCount.load(ordering: .relaxed) }

    /// A stream that was let in, and what it was sent.
    private func begin(lastEventID: String? = nil, isHead: Bool = false) -> (EventsPhase, String) {
        let request = EventStreamRequest(
            lastEventID: lastEventID, isHead: isHead, client: Client(address: .unspecified, isKnown: true),
            crossOriginHeaders: [("Vary", "Origin")])
        if !isHead {
            let isTaken = context.events.takeStream() && context.budgets.addresses.takeStream(of: request.client)
            #expect(isTaken)
        }
        let events = EventsPhase(request, context: context)
        events.began(request, at: 7, on: transport)
        return (events, transport.takeSent())
    }

    private func entry(_ number: Int) -> EventHistory.Entry {
        EventHistory.Entry(number: number, bytes: Array("event \(number)\n".utf8))
    }

    @Test("A stream begins with its head, the time to come back after, and the present state")
    func beginning() {
        let (_, sent) = begin()
        #expect(
            sent.hasPrefix(
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
                    + "X-Accel-Buffering: no\r\nVary: Origin\r\nX-Content-Type-Options: nosniff\r\n"
                    + "Connection: close\r\n\r\nretry: 2000\n\n"))
        #expect(sent.contains("event: tier\n") && sent.contains("event: mode\n") && transport.end == nil)
    }

    @Test("A client that comes back gets the events that it missed, each once")
    func missed() {
        for number in 1...3 { context.publish(.node("n\(number)", .up)) }
        let (events, sent) = begin(lastEventID: "\(context.boot)-1")
        #expect(!sent.contains("\"n1\"") && sent.contains("\"n2\"") && sent.contains("\"n3\""))
        for number in 1...4 { events.published(entry(number), on: transport) }
        events.published(entry(4), on: transport)
        #expect(transport.takeSent() == "event 4\n")
    }

    @Test("A request for the head alone gets it, and is not counted")
    func head() {
        let (events, sent) = begin(isHead: true)
        #expect(sent.hasPrefix("HTTP/1.1 200 OK\r\n") && sent.hasSuffix("\r\n\r\n"))
        #expect(transport.end == .inOrder && streams == 0)
        events.ended()
        #expect(streams == 0)
    }

    @Test("The end of a stream gives its place back once")
    func counting() {
        let (events, _) = begin()
        #expect(streams == 1)
        events.ended()
        events.ended()
        #expect(streams == 0)
    }

    @Test("A reader with more than its limit before it is reset instead of sent more")
    func slowReader() {
        let (events, _) = begin()
        transport.queuedBytes = EventsPhase.queuedBytesMax
        events.published(entry(1), on: transport)
        #expect(transport.takeSent() == "event 1\n" && transport.end == nil)
        transport.queuedBytes += 1
        events.published(entry(2), on: transport)
        #expect(transport.takeSent() == "" && transport.end == .reset)
    }

    @Test("A comment every fifteen seconds keeps the stream alive, unless the peer does not read")
    func keepAlive() {
        let (events, _) = begin()
        #expect(transport.timer == 15_000)
        transport.now = 15_000
        events.timerFired(on: transport)
        #expect(transport.takeSent() == ":\n\n" && transport.timer == 30_000)
        transport.isBlocked = true
        transport.now = 30_000
        events.timerFired(on: transport)
        #expect(transport.takeSent() == "" && transport.timer == 45_000)
    }

    @Test("A drain ends the stream in order")
    func drain() {
        let (events, _) = begin()
        events.drainBegan(on: transport)
        #expect(transport.end == .inOrder)
    }
}
