/// Why a WebSocket connection ends (RFC 6455 §7.4, and the 4xxx codes of the Sluice protocol).
package struct CloseCode: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    package static let normal = CloseCode(rawValue: 1000)
    package static let goingAway = CloseCode(rawValue: 1001)
    package static let protocolError = CloseCode(rawValue: 1002)
    package static let unsupportedData = CloseCode(rawValue: 1003)
    package static let invalidPayload = CloseCode(rawValue: 1007)
    package static let policyViolation = CloseCode(rawValue: 1008)
    package static let messageTooBig = CloseCode(rawValue: 1009)
    package static let internalError = CloseCode(rawValue: 1011)
    /// The node is draining: come back after `retry_ms`.
    package static let serviceRestart = CloseCode(rawValue: 1012)
    /// Load is shed: come back after `retry_ms`.
    package static let tryAgainLater = CloseCode(rawValue: 1013)
    /// The token is missing, bad or has expired.
    package static let notAuthenticated = CloseCode(rawValue: 4001)
    /// The token is for another user, or not for the room.
    package static let notAllowed = CloseCode(rawValue: 4003)
    /// An operator removed the user, or the URL's room was deleted.
    package static let removed = CloseCode(rawValue: 4004)
    /// The same user and device connected again.
    package static let replaced = CloseCode(rawValue: 4005)
    /// Too many connections of this user or from this address.
    package static let tooManyConnections = CloseCode(rawValue: 4006)
    /// The node or the room is full.
    package static let overCapacity = CloseCode(rawValue: 4100)
    package static let flooding = CloseCode(rawValue: 4101)
    package static let slowReader = CloseCode(rawValue: 4102)
    package static let noSignOfLife = CloseCode(rawValue: 4201)

    /// Whether a peer may put this code into a close frame (RFC 6455 §7.4.1–2 and the IANA registry: 1004–1006 and
    /// 1015 are never sent, 1016–2999 are not assigned).
    package var mayBeReceived: Bool {
        switch rawValue {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }
}
