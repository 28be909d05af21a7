import Testing

@testable import ControlPlane

@Suite("What nodes tell each other in passing")
struct ClusterNoticeTests {
    @Test("what is told is read; what is none is not, nor taken for anything else")
    func reading() {
        for notice in [
            ClusterNotice(.typing, boot: "b", ["ann", "1"]), ClusterNotice(.kick, boot: "b"),
            ClusterNotice(.deleted, boot: "b", [""]),
        ] {
            #expect(ClusterNotice(notice.payload) == notice)
            #expect(LogCommit.publication(notice.payload) == nil && RoomPresence.publication(notice.payload) == nil)
        }
        for text in ["", "~", "~typing", "~unknown\nb", "@b\nann\nx", "e\n1\n1\na"] {
            #expect(ClusterNotice(Array(text.utf8)) == nil, "\(text)")
        }
    }
}
