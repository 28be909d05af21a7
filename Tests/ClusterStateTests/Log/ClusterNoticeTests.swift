import Testing

@testable import ClusterState

@Suite("What nodes say to each other in passing")
struct ClusterNoticeTests {
    @Test("what is published is read; what is none is not, nor taken for anything else")
    func reading() {
        for notice in [
            ClusterNotice(.typing, boot: "b", ["ann", "1"]), ClusterNotice(.kick, boot: "b"),
            ClusterNotice(.deleted, boot: "b", [""]), ClusterNotice(.order, boot: "b", ["c", "1", "in", "room"]),
            // The last value of a signal is JSON as a client wrote it.
            ClusterNotice(.signal, boot: "b", ["ann", "d", "{\"name\":\"a\",\n\"data\":\r\n[1,\n2]}"]),
        ] {
            #expect(ClusterNotice(notice.payload) == notice)
            #expect(LogCommit.publication(notice.payload) == nil && RoomPresence.publication(notice.payload) == nil)
        }
        for text in [
            "", "~", "~1\ntyping", "~1\nunknown\nb", "~2\ntyping\nb", "~typing\nb", "@1\nb\nann\nx", "e\n1\n1\na",
        ] {
            #expect(ClusterNotice(Array(text.utf8)) == nil, "\(text)")
        }
    }
}
