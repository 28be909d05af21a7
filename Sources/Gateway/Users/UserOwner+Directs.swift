import Core
import Rooms
import WireProtocol

// Direct messages to the user, and copies of the user's own.
extension UserOwner {
    /// Commits a direct message to this inbox, or takes it to be committed, acks its place here to its author, and has
    /// the sender's home keep a copy.
    func publish(_ direct: Direct, author: Submission.Author) {
        switch sequencer {
        case .local: publishHere(direct, author)
        case .replicated(let shared): submit(direct, to: shared, author)
        }
    }

    // MARK: This node alone

    private func publishHere(_ direct: Direct, _ author: Submission.Author) {
        let inbox = openInbox()
        direct.fields.withFields { fields in
            if let id = fields.id, let known = id.withBytes({ inbox.known(direct.from, $0) }) {
                return notify(author, id: id.raw, known.position, time: known.time, isDuplicate: true)
            }
            let time = core.loop.unixNow
            let id = Array(fields.id?.raw ?? core.ids.nextBytes())
            let toOneself = direct.from == direct.to
            let position = append(direct, fields, id: id, at: time, isOwnCopy: toOneself)
            fields.id?.withBytes {
                inbox.remember(direct.from, $0, Committed(position: position, time: time), at: core.loop.now)
            }
            core.counters.committed.add(1)
            direct.sender?.messageCommitted(at: time)
            if !toOneself {
                table.pushes.messageKept(for: self)
                core.send(.keepOwnCopy(direct, id: id, at: time), of: direct.from)
            }
            id.withUnsafeBytes { notify(author, id: $0, position, time: time, isDuplicate: false) }
        }
    }

    /// Keeps a sent message in the sender's inbox, for the sender's other devices.
    func keepOwnCopy(of direct: Direct, id: [UInt8], at time: Int) {
        direct.fields.withFields { _ = append(direct, $0, id: id, at: time, isOwnCopy: true) }
    }

    private func append(
        _ direct: Direct, _ fields: MessageFields, id: [UInt8], at time: Int, isOwnCopy: Bool
    ) -> Position {
        let inbox = openInbox()
        let position = Position(epoch: inbox.log.epoch, seq: inbox.log.newestSeq + 1)
        id.withUnsafeBytes { bytes in
            let head = MessageHead(id: bytes, user: direct.from, device: direct.sender?.device, time: time)
            core.writer.direct(to: direct.to, at: position, head, fields)
        }
        // The own copy is for all other devices; a restriction by type means the receiver's.
        let toOneself = direct.from == direct.to
        let type = isOwnCopy && !toOneself ? nil : direct.deviceType
        let audience = Audience(
            deviceType: type, sender: isOwnCopy ? direct.sender?.device : nil, isOwnCopy: isOwnCopy)
        _ = inbox.append(core.writer.bytes, audience: audience, at: core.loop.now)
        core.messagesGrew()
        table.listForExpiry(inbox)
        leadReaders()
        table.listIfIdle(self)
        return position
    }

    private func notify(
        _ author: Submission.Author, id: UnsafeRawBufferPointer, _ position: Position, time: Int, isDuplicate: Bool
    ) {
        core.writer.ack(.user(self.id), id: id, position: position, time: time, isDuplicate: isDuplicate)
        switch author {
        case .connection(let info): core.answerWritten(info)
        case .request(let number):
            table.publications.answer(number, .json(isDuplicate ? 200 : 201, core.writer.array))
        case .link, .nobody: break
        }
    }

    // MARK: A cluster

    private func submit(_ direct: Direct, to shared: ReplicatedUser, _ author: Submission.Author) {
        let submission = direct.fields.withFields { makeSubmission(of: direct, $0, author) }
        guard shared.submit(submission) else { return refuse(direct, author) }
        guard direct.from != direct.to else { return }
        let copy = Submission(
            user: submission.user, id: submission.id, rawID: submission.rawID, body: submission.body,
            time: submission.time, author: .nobody)
        core.send(.submitOwnCopy(copy), of: direct.from)
    }

    /// Keeps a message of this user that other nodes and devices must see, too.
    func submitOwnCopy(_ copy: Submission) {
        if case .replicated(let shared) = sequencer { _ = shared.submit(copy) }
    }

    private func makeSubmission(
        of direct: Direct, _ fields: MessageFields, _ author: Submission.Author
    ) -> Submission {
        let time = core.loop.unixNow
        let rawID = fields.id?.raw ?? core.ids.nextBytes()
        let device = direct.sender?.device
        core.writer.directBody(
            to: direct.to, MessageHead(id: rawID, user: direct.from, device: device, time: time), fields)
        let meaning = fields.id.map { $0.withBytes { Array($0) } } ?? Array(rawID)
        return Submission(
            user: direct.from, id: KeptMessage.directID(meaning, to: direct.to), rawID: Array(rawID),
            body: DirectBody.bytes(frame: core.writer.bytes, device: device, deviceType: direct.deviceType), time: time,
            author: author)
    }

    private func refuse(_ direct: Direct, _ author: Submission.Author) {
        core.counters.refused(.outboxFull)
        switch author {
        case .connection(let info):
            direct.fields.withFields { fields in
                core.writer.error(
                    .outboxFull, Outbox.fullText, id: fields.id?.text, room: nil,
                    retryMilliseconds: Outbox.retryMilliseconds)
            }
            core.answerWritten(info)
        case .request(let number): table.publications.answer(number, .outboxFull)
        case .link, .nobody: break
        }
    }
}
