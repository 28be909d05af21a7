import WireProtocol

/// Facts of a connection that fit into a bit or a few.
struct ConnectionFlags: OptionSet {
    let rawValue: UInt8

    /// It gets its own messages, too.
    static let wantsEcho = ConnectionFlags(rawValue: 1)
    /// Counted against the node's limit.
    static let isCounted = ConnectionFlags(rawValue: 2)
    /// Its queue is over the limit.
    static let isSlow = ConnectionFlags(rawValue: 4)
    /// Its socket is one of the node's reserve.
    static let isOverNode = ConnectionFlags(rawValue: 8)
    /// Its socket is one too many of its address.
    static let isOverAddress = ConnectionFlags(rawValue: 0x80)
    /// Three bits: how many windows the agreed one is above the narrowest, and one; 0 when none was agreed.
    private static let window = ConnectionFlags(rawValue: 0x70)
    private static let windowShift = 4

    /// Whether permessage-deflate was negotiated.
    @inline(__always)
    var isDeflateAgreed: Bool { !isDisjoint(with: .window) }

    /// The window that was agreed for compressed messages to this connection, or 0; see `ConnectionInfo`.
    var windowBits: Int {
        get {
            let place = Int(intersection(.window).rawValue >> Self.windowShift)
            return place == 0 ? 0 : place - 1 + DeflateAgreement.windowBitsRange.lowerBound
        }
        set {
            let place = UInt8(newValue - DeflateAgreement.windowBitsRange.lowerBound + 1)
            subtract(.window)
            insert(ConnectionFlags(rawValue: place << Self.windowShift))
        }
    }

    mutating func set(_ flag: ConnectionFlags, _ isOn: Bool) {
        if isOn { insert(flag) } else { remove(flag) }
    }
}
