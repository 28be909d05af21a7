import ClusterState
import Core
import NetworkIO
import Overload
import Rooms
import WireProtocol

/// The protocol between the workers of a node, and from its control loop to them.
///
/// Messages of one worker to another arrive in the order of sending. The order that clients see rests on that: a room's
/// batch comes before the room's answer that was sent after it, and a `join` before the `leave` of the same connection.
/// So all of them travel in one mailbox, and none may overtake another.
package enum WorkerMessage: Sendable {
    /// A client's message, to its room's home. Its one answer, an ack or an error, comes as a cut of a `deliver`, as
    /// `MemberNotice.answer`, or as `ReplayedFrame.ack`.
    case publish(RemoteMessage)
    /// A room's output of one turn of its home, to a worker with members or authors. No answer.
    case deliver(RoomBatch)
    /// To a room's home. Each request says what answers it.
    case room(Identifier, RoomRequest)
    /// To a user's home. Each request says what answers it.
    case user(Identifier, UserRequest)
    /// To the worker of a connection that is, or may be, in rooms. Ignored when the connection has gone.
    case member(ConnectionInfo, MemberNotice)
    /// To the worker of a connection that waits for admission, by its socket's key.
    case opening(UInt64, OpeningNotice)
    /// A question to each worker, which answers by `surveyed`.
    case survey(Survey, number: Int, from: Int)
    /// One worker's answer to a survey.
    case surveyed(SurveyPart, number: Int, from: Int)
    /// The node holds too many bytes of messages, and the worker the biggest part of them. No answer.
    case settleStored
    /// From the control loop. No answer.
    case control(ControlOrder)
    /// The answer to an HTTP request, to its connection's worker. Ignored when the request was answered before.
    case answer(HTTPResponse, Responder)
}

/// A question to a room's home.
package enum RoomRequest: Sendable {
    /// A connection wants to come in. Answered by `MemberNotice.joined`, `joinRefused` or `roomDeleted`. `maker`: whose
    /// quota is used if the room must be made for it.
    case join(ConnectionInfo, from: Position?, maker: Client? = nil)
    /// A connection that is in asks to join again. Answered by `MemberNotice.described`, or `roomDeleted`.
    case describe(ConnectionInfo)
    /// A connection has taken a part of its replay and wants the next. Answered by `MemberNotice.joined`, unless the
    /// room has let it go meanwhile, of which the connection was notified.
    case continueReplay(ConnectionInfo, after: UInt64)
    /// A connection leaves for good. `isAsked`: answered by `MemberNotice.leftRoom`, also when the room has gone.
    case leave(ConnectionInfo, isAsked: Bool)
    /// A connection was lost or closed: others see its user until the grace is over. No answer.
    case lost(ConnectionInfo)
    /// No answer.
    case typing(ConnectionInfo, isTyping: Bool)
    /// No answer.
    case signal(ConnectionInfo, SignalBody)
    /// A read mark. No answer.
    case read(ConnectionInfo, upTo: UInt64)
    /// Answered by a `history` frame, an empty one when there is no room.
    case history(ConnectionInfo, HistoryQuery, requestID: String?)
    /// Answered by a `users` frame, an empty one when there is no room.
    case users(ConnectionInfo, limit: Int, requestID: String?)
    /// Of the HTTP API. Answered through the responder.
    case asked(RoomQuestion, Responder)
}

/// A question of the HTTP API to a room's home.
package enum RoomQuestion: Sendable {
    /// Makes the room with what an operator set. `maker`, here as below: whose quota a room uses that is made; nil:
    /// nobody's.
    case create(RoomSettings, maker: Client? = nil)
    case show
    case delete
    case users(after: Identifier?, limit: Int)
    case history(HistoryQuery)
    /// Commits a message; makes the room. Answered when the message has its place.
    case publish(OwnedMessageFields, user: Identifier, maker: Client? = nil)
}

/// A question to a user's home.
package enum UserRequest: Sendable {
    /// A connection wants to be one of the user's. Answered by `OpeningNotice.attached`, `refused` or `replaced`,
    /// unless the connection has gone.
    case attach(Arrival)
    /// The connection of an arrival that had to wait is still there (`OpeningNotice.confirm`). Answered as `attach`.
    case attachConfirmed(Arrival, at: Int, WelcomeFrame.SessionState)
    /// A connection ended. No answer.
    case detach(ConnectionInfo, atOnce: Bool)
    /// A connection has taken a part of its inbox and wants the next. Answered by `MemberNotice.inboxReplayed`, unless
    /// the user's home has let it go.
    case continueInboxReplay(ConnectionInfo, after: UInt64)
    /// A direct message, to its receiver's home. Answered by `MemberNotice.answer`.
    case direct(Direct, from: ConnectionInfo)
    /// A direct message that was committed by this node alone, to its sender's home. No answer.
    case keepOwnCopy(Direct, id: [UInt8], at: Int)
    /// A direct message on its way to the store, to its sender's home. No answer.
    case submitOwnCopy(Submission)
    /// Answered by a `history` frame.
    case inboxHistory(ConnectionInfo, HistoryQuery, requestID: String?)
    /// A device has processed the inbox up to here. No answer.
    case acknowledgeInbox(Position, ConnectionInfo)
    /// Of the HTTP API. Answered through the responder.
    case asked(UserQuestion, Responder)
}

/// A question of the HTTP API to a user's home.
package enum UserQuestion: Sendable {
    /// The user with the devices above a cursor by id.
    case show(after: Identifier?, limit: Int)
    /// Closes the user's connections on all nodes.
    case removeConnections
    /// Brings the user's connections on all nodes into a room, or out of it.
    case order(RoomOrder)
    /// Commits a direct message to the user. Answered when the message has its place.
    case publish(Direct)
}

/// A direct message on its way to the receiver's home.
package struct Direct: Sendable {
    let from: Identifier
    let to: Identifier
    /// The sending connection; nil when it came over HTTP.
    let sender: ConnectionInfo?
    let deviceType: String?
    let fields: OwnedMessageFields
    /// Whose quota is used if the receiver has no inbox yet; nil: nobody's.
    var maker: Client?
}

/// An answer of a room's or user's home to one connection.
package enum MemberNotice: Sendable {
    /// The room took the connection in: frames that answer and replay. `isLive`: from here on the room's batches
    /// follow; else the connection asks for more behind `reached` once it has sent these.
    case joined(Identifier, [FrameSlice], isLive: Bool, reached: UInt64)
    /// The answer to a `join` of one who is in.
    case described(FrameSlice)
    case joinRefused(Identifier, JoinRefusal)
    /// The connection came with a position of no history that the room knows. `joined` follows.
    case positionUnknown(Identifier)
    /// The room let the connection go.
    case leftRoom(Identifier, reason: StaticString)
    /// The room is gone.
    case roomDeleted(Identifier)
    /// Frames for this connection alone.
    case frames([FrameSlice])
    /// The one answer to a message of this connection.
    case answer(FrameSlice)
    /// The answer to the read (`history`, `users`) for which the connection's input waits.
    case readAnswer(FrameSlice)
    /// A replay to a connection that is in already.
    case replay([ReplayedFrame])
    /// A part of the inbox.
    case inboxReplayed(InboxReplay)
    /// The same device has connected again.
    case replaced
    /// An operator removes the user.
    case removed
}

/// Why a room takes nobody in.
package enum JoinRefusal: Sendable {
    /// It has as many users as it takes.
    case roomFull
    /// It would be one room too many for the node.
    case roomLimit
    /// The client's address makes too many rooms; it may come back after so many milliseconds.
    case tooFast(retryMilliseconds: Int)
}

/// A part of a replay to a connection that is in already.
package enum ReplayedFrame: Sendable {
    case frame(FrameSlice)
    /// The ack of the connection's own message, and the message if its place is in this replay: it gets that behind the
    /// ack only if it asked for it.
    case ack(FrameSlice, message: FrameSlice?)
}

/// A part of an inbox for a connection, and where the next one begins.
package struct InboxReplay: Sendable {
    let frames: [FrameSlice]
    /// nil: this was all, and the connection gets live frames from now on.
    let nextAfter: UInt64?
}

/// An answer to a connection that waits for admission.
package enum OpeningNotice: Sendable {
    /// The user's home took it in. One that has gone is detached again (`UserRequest.detach`).
    case attached(ConnectionInfo, WelcomeFrame.SessionState, WelcomeFrame.InboxState, InboxReplay)
    /// It is one too many.
    case refused(ConnectionRefusal)
    /// The same device came later, and is in already.
    case replaced
    /// The user's home asks whether the connection is still there. Answered by `UserRequest.attachConfirmed` if it is.
    case confirm(Arrival, at: Int, WelcomeFrame.SessionState)
}

/// A question to all workers of a node.
package enum Survey: Sendable {
    /// Rooms at home there above a cursor by id, one more than the limit so that it shows whether there are more.
    case rooms(after: Identifier?, limit: Int)
    /// The rooms of each of these connections; of those of other workers, none.
    case membership([ConnectionInfo])
    /// Users at home there that are online, above a cursor by id, one more than the limit.
    case online(after: Identifier?, limit: Int)
    /// Those of these connections that are there carry out an operator's order. Answered when each has, or has not.
    case order(RoomOrder, [ConnectionInfo])
}

/// An operator's order to a user's connections: into a room, or out of it.
package struct RoomOrder: Sendable, Equatable {
    let room: Identifier
    let isEntry: Bool
}

/// One worker's answer to a survey.
package enum SurveyPart: Sendable {
    case rooms([RoomDescription])
    /// In the order of the question.
    case membership([[Identifier]])
    case online([OnlineUser])
    /// How many of the connections did it.
    case ordered(Int)
}

/// An order of the control loop to a worker.
package enum ControlOrder: Sendable {
    case stop
    /// The node drains: each client is closed within so many milliseconds.
    case drain(milliseconds: Int)
    /// All workers have drained, and nobody comes back: whoever is in a grace has left. `done` is called behind that,
    /// on the worker's thread.
    case endGraces(done: @Sendable () -> Void)
    /// Another policy holds, because of this signal, or as an operator wants it.
    case adopt(TierPolicy, reason: String)
    /// The node's mode has changed: clients are notified.
    case modeChanged(from: NodeMode)
    /// An emergency: does what helps against it. Where backlogs are cut, no more unsent bytes than this may be left.
    case mitigate(Emergency, unsentBytesMax: Int)
    case locks(LockReport)
    case link(LinkOrder)
    case event(EventHistory.Entry)
    /// The other nodes of the cluster as they are known now.
    case nodes([NodeRecord])
    /// A node's life has ended; after `nodes`.
    case nodeGone(boot: String)
    /// Compares what the cluster knows of who is in with what is known here: this node, or another, counted as gone and
    /// lives.
    case checkPresence
    /// The keys of tokens were read again.
    case tokens(TokenGate)
    /// The certificate was read again.
    case certificate(TLSServerContext)
    /// Runs on the worker's thread, for tools that measure it.
    case measure(@Sendable () -> Void)
}
