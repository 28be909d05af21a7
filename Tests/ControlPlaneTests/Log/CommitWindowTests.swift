import ControlPlane
import Testing

@Suite("The window in which commits are collected")
struct CommitWindowTests {
    @Test("it is open for its length, says its end once, and opens anew")
    func length() {
        var window = CommitWindow()
        #expect(window.asked(at: 1_000, length: 100) == .open(end: 1_100))
        #expect(window.asked(at: 1_050, length: 100) == .open(end: nil))
        #expect(window.asked(at: 1_099, length: 100) == .open(end: nil))
        #expect(window.asked(at: 1_100, length: 100) == .over)
        #expect(window.asked(at: 1_100, length: 100) == .open(end: 1_200))
        #expect(window.asked(at: 5_000, length: 100) == .over)
    }

    @Test("another length holds for the window that is open")
    func changes() {
        var window = CommitWindow()
        #expect(window.asked(at: 0, length: 250) == .open(end: 250))
        #expect(window.asked(at: 10, length: 100) == .open(end: 100))
        #expect(window.asked(at: 20, length: 250) == .open(end: 250))
        #expect(window.asked(at: 120, length: 100) == .over)
        #expect(window.asked(at: 120, length: 0) == .over)
    }

    @Test("closed, it opens anew")
    func closing() {
        var window = CommitWindow()
        #expect(window.asked(at: 0, length: 100) == .open(end: 100))
        window.close()
        #expect(window.asked(at: 90, length: 100) == .open(end: 190))
        #expect(window.asked(at: 150, length: 100) == .open(end: nil))
    }
}
