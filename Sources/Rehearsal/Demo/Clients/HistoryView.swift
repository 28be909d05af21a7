/// One history, a room's or its user's inbox, as one device has heard it over all its connections. It counts messages
/// that came twice or out of order. Those that never came show by comparison with what was sent.
///
/// Ids are `DemoMessageID`s, so that the order of each sender's messages can be seen.
struct HistoryView {
    private(set) var epoch = ""
    /// The highest seq so far: the position to come back with.
    private(set) var last: UInt64 = 0
    /// By seq the id of the message that has that place.
    private(set) var order: [UInt64: String] = [:]
    /// Heard more than once: on one connection, or with two places.
    private(set) var duplicated = 0
    /// Below one that came before, of another epoch than the one that was said, or before a former message of the
    /// sender.
    private(set) var misordered = 0

    private var places: [String: UInt64] = [:]
    /// Shown on this connection without a place.
    private var provisional: Set<String> = []
    private var newest: [Substring: Int] = [:]

    /// Messages that have a place.
    var count: Int { places.count }
    func has(_ id: String) -> Bool { places[id] != nil }

    /// A connection has begun. On it may come again, with its place, what was shown without one.
    mutating func connected() { provisional = [] }

    /// The room was joined without a position: what follows is new.
    mutating func joined(epoch: String, newest seq: UInt64) {
        self.epoch = epoch
        last = seq
    }

    /// A message was shown with its place.
    /// - Parameter epoch: nil where it is not to be looked at.
    mutating func shown(_ id: String, epoch: String?, seq: UInt64) {
        if provisional.contains(id) { duplicated += 1 }
        take(id, epoch: epoch, seq: seq)
    }

    /// A message was shown that has no place yet.
    mutating func shownProvisionally(_ id: String) {
        if places[id] != nil || !provisional.insert(id).inserted { duplicated += 1 }
    }

    /// A message of the device's own was acked with its place.
    /// - Parameter isRepeated: the ack says that the id was known.
    mutating func acked(_ id: String, epoch: String, seq: UInt64, isRepeated: Bool) {
        // The ack of a repetition names the first place, which may be known.
        if isRepeated, places[id] == seq { return }
        take(id, epoch: epoch, seq: seq)
    }

    /// A provisional message has got its place.
    mutating func confirmed(_ id: String, epoch: String, seq: UInt64) {
        provisional.remove(id)
        take(id, epoch: epoch, seq: seq)
    }

    /// Messages before `next` can't be had.
    mutating func gapSaid(epoch: String, next: UInt64) {
        self.epoch = epoch
        if next > 0 { last = next - 1 }
    }

    private mutating func take(_ id: String, epoch: String?, seq: UInt64) {
        guard places[id] == nil else {
            duplicated += 1
            return
        }
        places[id] = seq
        let isInOrder = seq > last && order[seq] == nil && (epoch == nil || epoch == self.epoch)
        let isInSendersOrder = noteSender(of: id)
        if !isInOrder || !isInSendersOrder { misordered += 1 }
        last = max(last, seq)
        order[seq] = id
    }

    /// Whether a message is newer than all others of its sender.
    private mutating func noteSender(of id: String) -> Bool {
        guard let (sender, number) = DemoMessageID.parts(id) else { return false }
        let isNewer = newest[sender].map { $0 < number } ?? true
        if isNewer { newest[sender] = number }
        return isNewer
    }
}

/// The names of the demo's messages: who sends, a dot, which one.
enum DemoMessageID {
    static func text(sender: String, number: Int) -> String { "\(sender).\(number)" }

    static func parts(_ id: String) -> (sender: Substring, number: Int)? {
        guard let dot = id.lastIndex(of: "."), let number = Int(id[id.index(after: dot)...]) else { return nil }
        return (id[..<dot], number)
    }
}
