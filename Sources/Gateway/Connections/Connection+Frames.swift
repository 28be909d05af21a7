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
        let most = isEcho ? Self.echoBytesMax : worker.configuration.messageBytesMax
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
        switch worker.compressor.inflate(payload, byteCountMax: byteCountMax) {
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
        if isBlocked, queuedBytes > worker.load.limits.sendQueueBytesMax { return }
        send(worker.scratch.frame(.pong, payload))
    }

    // MARK: Chat

    private func received(text: UnsafeRawBufferPointer) {
        guard let info else { return }
        worker.counters.messagesIn.add(1)
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
        case .typing(let isTyping): inRoom(frame, info) { $0.typing(isTyping, info, in: $1) }
        case .read(let seq): inRoom(frame, info) { $0.read(upTo: seq, info, in: $1) }
        case .history(let query):
            let id = frame.id?.text
            let allowed = HistoryQuery(anchor: query.anchor, limit: readLimit(query.limit, .history))
            ask(frame, info) { $0.history(allowed, of: $1, requestID: id, info) }
        case .users:
            let id = frame.id?.text
            let limit = readLimit(Worker.usersPerFrameMax, .users)
            ask(frame, info) { $0.users(of: $1, limit: limit, requestID: id, info) }
        case .join(let room, let position): join(room, from: position)
        case .leave(let room): leave(room)
        case .inboxAck(let position):
            worker.post(to: worker.context.home(of: info.user)) { $0.acknowledgeInbox(position, info) }
        case .ping(let t):
            worker.writer.pong(t: t, time: loop.unixNow)
            sendWritten()
        }
    }

    private func refuse(_ fault: ClientFrameFault) {
        worker.counters.refused(.badFrame)
        sendError(fault.code, fault.message, id: fault.id)
        badFrames += 1
        if badFrames == Self.badFramesMax { close(.policyViolation, reason: CloseReason("bad_frames")) }
    }

    /// Takes a token from the bucket; when there is none, says so, and ends a flood.
    private func takeToken(_ frame: ClientFrame) -> Bool {
        switch rate.take(now: loop.now * 1_000_000, policy: worker.load.limits.rate) {
        case .allowed:
            return true
        case .refused(let retryMilliseconds):
            worker.counters.refused(.rateLimited)
            sendError(
                .rateLimited, "more than \(worker.load.limits.rate.perSecond) frames per second", id: frame.id?.text,
                room: frame.room, retryMilliseconds: retryMilliseconds)
            if countRefusal() {
                let retry = worker.context.retryMilliseconds()
                close(.flooding, reason: CloseReason("flooding", retryMilliseconds: retry))
            }
            return false
        }
    }

    private func publish(_ fields: MessageFields, _ frame: ClientFrame, _ info: ConnectionInfo) {
        guard let members = target(frame.room) else { return refuseOutside(frame) }
        if let home = members.localHome {
            worker.publish(fields, from: info, in: home)
        } else {
            let message = RemoteMessage(room: members.room, info: info, fields: OwnedMessageFields(fields))
            worker.send(.publish(message), to: members.home)
        }
    }

    private func direct(
        _ receiver: Identifier, _ fields: MessageFields, _ deviceType: String?, _ info: ConnectionInfo
    ) {
        let direct = Worker.Direct(
            from: info.user, to: receiver, sender: info, deviceType: deviceType, fields: OwnedMessageFields(fields))
        worker.post(to: worker.context.home(of: receiver)) { $0.sendDirect(direct, from: info) }
    }

    /// Does something at the home of a room that the connection is in.
    private func inRoom(
        _ frame: ClientFrame, _ info: ConnectionInfo, _ work: @escaping @Sendable (Worker, RoomHome) -> Void
    ) {
        guard let members = target(frame.room) else { return refuseOutside(frame) }
        let room = members.room
        worker.post(to: members.home) { worker in
            if let home = worker.rooms[room] { work(worker, home) }
        }
    }

    /// Asks the home of a room that the connection is in.
    private func ask(
        _ frame: ClientFrame, _ info: ConnectionInfo, _ question: @escaping @Sendable (Worker, Identifier) -> Void
    ) {
        guard let members = target(frame.room) else { return refuseOutside(frame) }
        let room = members.room
        worker.post(to: members.home) { question($0, room) }
    }

    private func refuseOutside(_ frame: ClientFrame) {
        worker.counters.refused(.notInRoom)
        sendError(
            .notInRoom, "this connection is not in that room; \"join\" it first", id: frame.id?.text,
            room: frame.room)
    }
}
