import Testing
import WireProtocol

@Suite("What follows a message's place")
struct MessageBodyTests {
    private func key(_ text: String) -> String? {
        Array(text.utf8).withUnsafeBytes { bytes in
            MessageBody.keyLength(bytes).map { String(decoding: bytes.prefix($0), as: UTF8.self) }
        }
    }

    @Test("id and user say which message it is")
    func keys() {
        #expect(key(#","id":"a","user":"b","content":1}"#) == #","id":"a","user":"b""#)
        #expect(key(#","id":"a\"\\","user":"b\"","x":"","user":"c"}"#) == #","id":"a\"\\","user":"b\"""#)
        for text in ["", #","id":"a"#, #","id":"a","user":"b"#, #","user":"b","id":"a""#, #","id":"a\"#, #"{"id":"a""#]
        {
            #expect(key(text) == nil, "\(text)")
        }
    }

    @Test("the time stands behind the content")
    func times() {
        func time(_ text: String) -> Int? { Array(text.utf8).withUnsafeBytes { MessageBody.time($0) } }
        #expect(time(#","id":"a","content":{"x":1,"ts":5},"ts":1700000000000,"reply_to":3}"#) == 1_700_000_000_000)
        #expect(time(#","id":"a","content":1}"#) == nil)
        #expect(time("") == nil)
    }
}
