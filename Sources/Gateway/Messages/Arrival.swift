import Foundations

/// Who wants to be connected, before it is.
package struct Arrival: Sendable {
    let user: Identifier
    /// nil: the server makes one.
    let device: Identifier?
    let deviceType: String?
    let worker: Int
    let socketKey: UInt64
    /// What was agreed on compression; see `ConnectionInfo`.
    let windowBits: Int
}
