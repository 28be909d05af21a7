import Core
import NetworkIO
import Rooms
import WireProtocol

// What a client's frames do.
extension Connection {
    /// Takes up to one message from the front of `bytes`; returns how many that were, and whether it was inflated.
    func processFrame(_ bytes: UnsafeMutableRawBufferPointer) -> (bytes: Int, isInflated: Bool) {
        let isEcho = if case .echo = phase { true } else { false }
        let most = isEcho ? EchoLimits.messageBytesMax : core.configuration.messageBytesMax
        let (consumed, event) = decoder.next(
            bytes, role: .server, messageBytesMax: most, isDeflateAgreed: isDeflateAgreed)
        switch event {
        case .incomplete: break
        case .text(let payload): received(.text, payload, inflatedMax: nil)
        case .binary(let payload): received(.binary, payload, inflatedMax: nil)
        case .compressed(let opcode, let payload): received(opcode, payload, inflatedMax: most)
        case .ping(let payload): answerPing(payload)
        case .pong: break
        case .close(let code, _):
            if rare.hasLatePing { answerPing() }
            peerClosed(code)
        case .violation(let code, _): close(CloseReason(violation: code))
        }
        if case .compressed = event { return (consumed, true) }
        return (consumed, false)
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

    /// Pings are always answered; those that find no token only by their last one in the input at hand, and while the
    /// peer does not read, what is queued already is answer enough. So pings never pile up (RFC 6455 §5.5.3 lets an
    /// endpoint answer only the latest).
    /// - Parameter payload: of a ping that has come; nil: the input at hand was taken, and the last one waits no
    ///   longer.
    func answerPing(_ payload: UnsafeRawBufferPointer? = nil) {
        guard isWebSocketOpen else { return }
        if let payload, isChatting, !upkeep.answersNow(payload, at: now, policy: core.load.limits.rate) { return }
        let late = rare.takeLatePing()
        if isBlocked, queuedBytes > core.load.limits.sendQueueBytesMax { return }
        if let payload { return send(core.scratch.frame(.pong, payload)) }
        late?.withUnsafeBytes { send(core.scratch.frame(.pong, $0)) }
    }
}
