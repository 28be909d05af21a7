import Core

/// Who wants to be connected, before it is.
package struct Arrival: Sendable {
    let user: Identifier
    /// nil: the server makes one.
    let device: Identifier?
    let deviceType: String?
    let worker: Int
    let socketKey: UInt64
    /// The agreement on compression; see `ConnectionInfo`.
    let windowBits: Int
    /// Where the device goes on in the inbox, once the user's home has asked the store.
    var start: InboxStart?
}

/// Where a device goes on in a shared inbox.
struct InboxStart: Sendable {
    let cursor: InboxCursor
    /// `ReplicaLog.nextProof` when the store said so.
    let proof: UInt64
}
