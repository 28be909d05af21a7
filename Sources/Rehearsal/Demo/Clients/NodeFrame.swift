import WireProtocol

/// A frame from a node, as far as the demo reads it. Text is as it is written there, with its escapes.
struct NodeFrame {
    /// A message that has got its place.
    struct Entry {
        var id = ""
        var seq: UInt64 = 0
    }

    var type = ""
    var id = ""
    var epoch = ""
    var seq: UInt64?
    var device = ""
    /// Of `ack`: "memory", "redis" or "local".
    var durable = ""
    /// Of `ack`.
    var isDuplicate = false
    /// Of `message`.
    var isProvisional = false
    /// Of `device`.
    var isOnline = false
    /// Of `joined_room`.
    var isRecovered = false
    /// Of `joined_room`.
    var missed = 0
    /// Of `gap`.
    var nextSeq: UInt64 = 0
    /// Of `gap`: of the inbox, not of a room.
    var isOfInbox = false
    /// Of `welcome`: directs that wait.
    var pending = 0
    /// Of `error`.
    var code = ""
    /// Of `confirm`.
    var entries: [Entry] = []

    /// Reads any frame; what is not there, or has no shape, is left out.
    init(_ bytes: UnsafeRawBufferPointer) {
        var scanner = MemberScanner(bytes)
        while let member = scanner.next() { take(member) }
    }

    private mutating func take(_ member: MemberScanner.Member) {
        switch String(decoding: member.key, as: UTF8.self) {
        case "type": type = member.text
        case "id": id = member.text
        case "epoch": epoch = member.text
        case "seq": seq = member.number
        case "device": device = member.text
        case "durable": durable = member.text
        case "duplicate": isDuplicate = member.isTrue
        case "provisional": isProvisional = member.isTrue
        case "online": isOnline = member.isTrue
        case "recovered": isRecovered = member.isTrue
        case "missed": missed = Int(member.number ?? 0)
        case "next_seq": nextSeq = member.number ?? 0
        case "inbox":
            isOfInbox = member.isTrue
            pending = MemberScanner.text(of: "pending", in: member.value).flatMap { Int($0) } ?? 0
        case "code": code = member.text
        case "entries": entries = Self.entries(member.value)
        default: break
        }
    }

    private static func entries(_ list: UnsafeRawBufferPointer) -> [Entry] {
        var scanner = MemberScanner(list)
        var entries: [Entry] = []
        while let element = scanner.nextElement() {
            var members = MemberScanner(element)
            var entry = Entry()
            while let member = members.next() {
                if member.key.equals("id") { entry.id = member.text }
                if member.key.equals("seq") { entry.seq = member.number ?? 0 }
            }
            entries.append(entry)
        }
        return entries
    }
}

extension MemberScanner.Member {
    fileprivate var isTrue: Bool { value.equals("true") }
}
