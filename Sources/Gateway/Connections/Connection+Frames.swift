import Core
import NetworkIO
import Rooms
import WireProtocol

// What a client's frames do.
extension Connection {
    /// Takes up to one message from the front of `bytes`; returns how many bytes that were.
    func processFrame(_ bytes: UnsafeMutableRawBufferPointer) -> Int {
        let isEcho = if case .echo = phase { true } else { false }
        let most = isEcho ? EchoPhase<Connection>.messageBytesMax : core.configuration.messageBytesMax
        let (consumed, event) = decoder.next(
            bytes, role: .server, messageBytesMax: most, isDeflateAgreed: isDeflateAgreed)
        switch event {
        case .incomplete: break
        case .text(let payload): received(.text, payload, inflatedMax: nil)
        case .binary(let payload): received(.binary, payload, inflatedMax: nil)
        case .compressed(let opcode, let payload): received(opcode, payload, inflatedMax: most)
        case .ping(let payload): answerPing(payload)
        case .pong: break
        case .close(let code, _): peerClosed(code)
        case .violation(let code, _): close(CloseReason(violation: code))
        }
        return consumed
    }

    /// Takes a whole message; a compressed one is inflated, up to so many bytes, if it is looked at.
    @inline(__always)
    private func received(_ opcode: Opcode, _ payload: UnsafeRawBufferPointer, inflatedMax: Int?) {
        switch phase {
        case .chat, .echo: break
        default: return
        }
        var message = payload
        if let inflatedMax {
            switch core.compressor.inflate(payload, byteCountMax: inflatedMax) {
            case .whole(let inflated): message = inflated
            case .tooLarge: return close(CloseReason(violation: .messageTooBig))
            case .broken: return close(CloseReason(violation: .invalidPayload))
            }
            if opcode == .text, !UTF8Validator.isValid(message) {
                return close(CloseReason(violation: .invalidPayload))
            }
        }
        if case .echo = phase { return EchoPhase(on: self).received(opcode, message) }
        opcode == .text ? ChatPhase(on: self).received(message) : close(CloseReason(violation: .unsupportedData))
    }

    /// Pings are always answered; while the peer does not read, what is queued already is answer enough, so that
    /// pings never pile up (RFC 6455 §5.5.3 lets an endpoint answer only the latest).
    private func answerPing(_ payload: UnsafeRawBufferPointer) {
        guard isWebSocketOpen else { return }
        if isBlocked, queuedBytes > core.load.limits.sendQueueBytesMax { return }
        send(core.scratch.frame(.pong, payload))
    }
}
