import Core
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

    @Test("what is stored is a body when it says which message it is and its frame ends; a direct message says more")
    func whole() {
        func isWhole(_ bytes: [UInt8]) -> Bool { bytes.withUnsafeBytes(MessageBody.isWhole) }
        let message = Array(#","id":"a","user":"b","content":1}"#.utf8)
        let direct = Array(#","id":"a","from":"b","to":"c","content":1}"#.utf8).withUnsafeBytes {
            [
                DirectBody.bytes(frame: $0, device: Identifier(unchecked: "phone"), deviceType: "mobile"),
                DirectBody.bytes(frame: $0, device: nil, deviceType: nil),
            ]
        }
        #expect(isWhole(message) && direct.allSatisfy(isWhole))
        let others: [[UInt8]] = [
            message.dropLast(), Array("hello".utf8), [], Array(direct[1].dropFirst()), message + [0x20],
        ]
        for body in others { #expect(!isWhole(body), "\(body)") }
    }

    @Test("the time stands behind the content")
    func times() {
        func time(_ text: String) -> Int? { Array(text.utf8).withUnsafeBytes { MessageBody.time($0) } }
        #expect(time(#","id":"a","content":{"x":1,"ts":5},"ts":1700000000000,"reply_to":3}"#) == 1_700_000_000_000)
        #expect(time(#","id":"a","content":1}"#) == nil)
        #expect(time("") == nil)
    }
}
