/// A publication on the channel of a room or user.
package enum ChannelMessage: Equatable, Sendable {
    case entries(LogCommit.Publication)
    case presence(RoomPresence.Change)
    case notice(ClusterNotice)
    /// A node of another version said it, or it is broken. It may have been anything: who hears it looks at what the
    /// store has.
    case unknown

    package init(_ payload: [UInt8]) {
        if let publication = LogCommit.publication(payload) {
            self = .entries(publication)
        } else if let change = RoomPresence.publication(payload) {
            self = .presence(change)
        } else if let notice = ClusterNotice(payload) {
            self = .notice(notice)
        } else {
            self = .unknown
        }
    }
}
