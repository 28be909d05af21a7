import ClusterState
import Testing

@Suite("Ids of stream entries")
struct StreamIDTests {
    @Test("ids are ordered by their first number, then by their second")
    func order() {
        let ascending = [StreamID.lowest, StreamID(0, 1), StreamID(1), StreamID(1, 1), StreamID(2, 0), .highest]
        #expect(ascending.reversed().sorted() == ascending)
    }

    @Test("an id is written as Redis writes it")
    func text() {
        #expect(StreamID(7).description == "7-0")
        #expect(StreamID.highest.description == "18446744073709551615-18446744073709551615")
    }
}
