import Foundations
import NetworkIO
import Rooms
import WireProtocol

// What a client's frames do.
extension Connection {
    /// The largest message of the echo endpoint.
    private static let echoBytesMax = 16 * 1024 * 1024
    /// Bad frames in a row that close the connection.
    private static let badFramesMax = 20

    /// Takes up to one message from the front of `bytes`; returns how many bytes that were.
    func processFrame(_ bytes: UnsafeMutableRawBufferPointer) -> Int {
        let isEcho = if case .echo = phase { true } else { false }
        let most = isEcho ? Self.echoBytesMax : core.configuration.messageBytesMax
        let (consumed, event) = decoder.next(
            bytes, role: .server, messageBytesMax: most, isDeflateAgreed: isDeflateAgreed)
        switch event {
        case .incomplete: break
        case .text(let payload): received(.text, payload)
        case .binary(let payload): received(.binary, payload)
        case .compressed(let opcode, let payload): received(opcode, compressed: payload, most)
        case .ping(let payload): answerPing(payload)
        case .pong: break
        case .close(let code, _): peerClosed(code)
        case .violation(let code, _): fail(code)
        }
        return consumed
    }

    /// Takes a whole message.
    private func received(_ opcode: Opcode, _ payload: UnsafeRawBufferPointer) {
        switch phase {
        case .echo: echo(opcode, payload)
        case .chat: opcode == .text ? received(text: payload) : fail(.unsupportedData)
        default: break
        }
    }

    /// Inflates a message and takes it; one that is not looked at is not inflated.
    private func received(_ opcode: Opcode, compressed payload: UnsafeRawBufferPointer, _ byteCountMax: Int) {
        switch phase {
        case .chat, .echo: break
        default: return
        }
        switch core.compressor.inflate(payload, byteCountMax: byteCountMax) {
        case .whole(let message):
            if opcode == .text, !UTF8Validator.isValid(message) { return fail(.invalidPayload) }
            received(opcode, message)
        case .tooLarge: fail(.messageTooBig)
        case .broken: fail(.invalidPayload)
        }
    }

    private func echo(_ opcode: Opcode, _ payload: UnsafeRawBufferPointer) {
        let frame = FrameEncoder.frame(opcode, payload)
        send(compressedIfAgreed(FrameSlice(buffer: frame, offset: 0, length: frame.count)))
    }

    /// Pings are always answered; while the peer does not read, what is queued already is answer enough, so that
    /// pings never pile up (RFC 6455 §5.5.3 lets an endpoint answer only the latest).
    private func answerPing(_ payload: UnsafeRawBufferPointer) {
        switch phase {
        case .chat, .echo, .opening: break
        default: return
        }
        if isBlocked, queuedBytes > core.load.limits.sendQueueBytesMax { return }
        send(core.scratch.frame(.pong, payload))
    }

    // MARK: Chat

    private func received(text: UnsafeRawBufferPointer) {
        guard let info else { return }
        core.counters.messagesIn.add(1)
        let frame: ClientFrame
        switch ClientFrame.parse(text) {
        case .failure(let fault): return refuse(fault)
        case .success(let parsed): frame = parsed
        }
        badFrames = 0
        if frame.body.takesToken, !takeToken(frame) { return }
        guard admits(frame) else { return }
        switch frame.body {
        case .message(let fields): publish(fields, frame, info)
        case .direct(let to, let fields, let deviceType): direct(to, fields, deviceType?.text, info)
        case .typing(let isTyping): ask(frame, .typing(info, isTyping: isTyping))
        case .read(let seq): ask(frame, .read(info, upTo: seq))
        case .history(let query):
            let allowed = HistoryQuery(anchor: query.anchor, limit: readLimit(query.limit, .history))
            ask(frame, .history(info, allowed, requestID: frame.id?.text))
        case .users:
            let limit = readLimit(RoomOwner.usersPerFrameMax, .users)
            ask(frame, .users(info, limit: limit, requestID: frame.id?.text))
        case .join(let room, let position): join(room, from: position)
        case .leave(let room): leave(room)
        case .inboxAck(let position):
            core.send(.acknowledgeInbox(position, info), of: info.user)
        case .ping(let t):
            core.writer.pong(t: t, time: loop.unixNow)
            sendWritten()
        }
    }

    private func refuse(_ fault: ClientFrameFault) {
        core.counters.refused(.badFrame)
        sendError(fault.code, fault.message, id: fault.id)
        badFrames += 1
        if badFrames == Self.badFramesMax { close(.policyViolation, reason: CloseReason("bad_frames")) }
    }

    /// Takes a token from the bucket; when there is none, says so, and ends a flood.
    private func takeToken(_ frame: ClientFrame) -> Bool {
        switch rate.take(now: loop.now * 1_000_000, policy: core.load.limits.rate) {
        case .allowed:
            return true
        case .refused(let retryMilliseconds):
            core.counters.refused(.rateLimited)
            sendError(
                .rateLimited, "more than \(core.load.limits.rate.perSecond) frames per second", id: frame.id?.text,
                room: frame.room, retryMilliseconds: retryMilliseconds)
            if countRefusal() {
                let retry = core.context.retryMilliseconds()
                close(.flooding, reason: CloseReason("flooding", retryMilliseconds: retry))
            }
            return false
        }
    }

    private func publish(_ fields: MessageFields, _ frame: ClientFrame, _ info: ConnectionInfo) {
        guard let members = target(frame.room) else { return refuseOutside(frame) }
        if let owner = members.owner {
            owner.publish(fields, user: info.user, device: info.device, author: .connection(info))
        } else {
            let message = RemoteMessage(room: members.room, info: info, fields: OwnedMessageFields(fields))
            core.send(.publish(message), to: members.home)
        }
    }

    private func direct(
        _ receiver: Identifier, _ fields: MessageFields, _ deviceType: String?, _ info: ConnectionInfo
    ) {
        let direct = Direct(
            from: info.user, to: receiver, sender: info, deviceType: deviceType, fields: OwnedMessageFields(fields))
        core.send(.direct(direct, from: info), of: receiver)
    }

    /// Asks the home of the room that a frame means.
    private func ask(_ frame: ClientFrame, _ request: RoomRequest) {
        guard let members = target(frame.room) else { return refuseOutside(frame) }
        core.send(.room(members.room, request), to: members.home)
    }

    private func refuseOutside(_ frame: ClientFrame) {
        core.counters.refused(.notInRoom)
        sendError(
            .notInRoom, "this connection is not in that room; \"join\" it first", id: frame.id?.text,
            room: frame.room)
    }
}
