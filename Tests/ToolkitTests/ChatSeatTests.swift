import Testing
import Toolkit

@Suite("The place that a chat client asks for")
struct ChatSeatTests {
    @Test("The target names what is given, in one order")
    func target() {
        #expect(ChatSeat(room: "r", user: "u").target == "/ws/r/u")
        #expect(ChatSeat(room: "r", user: "u", since: ("e-1", 7)).target == "/ws/r/u?since=7&epoch=e-1")
        let all = ChatSeat(room: "r", user: "u", device: "d", deviceType: "web", since: ("e", 0))
        #expect(all.target == "/ws/r/u?device=d&device_type=web&since=0&epoch=e")
    }
}
