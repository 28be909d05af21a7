import ControlPlane
import WireProtocol

// What the chat phase asks its connection.
extension Connection: ChatTransport {
    func readLimit(_ wanted: Int, _ kind: ShedKind) -> Int { table.services.readLimit(wanted, kind) }
    func suspensionMilliseconds() -> Int { table.suspensionMilliseconds() }
    func close(_ code: CloseCode, _ reason: CloseReason) { close(code, reason: reason) }
}
