import WireProtocol

/// A connection as its echo phase sees it. A test has a fake one. Thread: the loop's.
protocol EchoTransport: AnyObject {
    /// Queues a slice; it leaves at the end of the turn.
    func send(_ slice: FrameSlice)
    /// The frame as this connection may get it.
    func compressedIfAgreed(_ frame: FrameSlice) -> FrameSlice
}

/// The phase of a connection in which every message comes back, for conformance suites. It has no state.
struct EchoPhase<Transport: EchoTransport> {
    let transport: Transport

    init(on transport: Transport) { self.transport = transport }

    /// Takes a whole message.
    func received(_ opcode: Opcode, _ payload: UnsafeRawBufferPointer) {
        let frame = FrameEncoder.frame(opcode, payload)
        transport.send(
            transport.compressedIfAgreed(FrameSlice(buffer: frame, offset: 0, length: frame.count)))
    }
}
