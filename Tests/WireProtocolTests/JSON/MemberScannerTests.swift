import TestSupport
import Testing
import WireProtocol

@Suite("Walking over members and elements without a parser")
struct MemberScannerTests {
    private func members(_ text: String) -> [String] {
        Array(text.utf8).withUnsafeBytes { bytes in
            var scanner = MemberScanner(bytes)
            var found: [String] = []
            while let member = scanner.next() {
                found.append("\(String(decoding: member.key, as: UTF8.self))=\(member.text)")
            }
            return found
        }
    }

    private func elements(_ text: String) -> [String] {
        Array(text.utf8).withUnsafeBytes { bytes in
            var scanner = MemberScanner(bytes)
            var found: [String] = []
            while let element = scanner.nextElement() { found.append(String(decoding: element, as: UTF8.self)) }
            return found
        }
    }

    @Test("members of an object, whatever their values")
    func objects() {
        #expect(
            members(#" { "a" : 1, "b":"x\"y", "c":{"d":[1,"]"]} ,"e":[{"}":2}], "f":true}"#)
                == ["a=1", #"b=x\"y"#, #"c={"d":[1,"]"]}"#, #"e=[{"}":2}]"#, "f=true"])
        #expect(members("{}") == [])
        #expect(members(#"["a"]"#) == [])
    }

    @Test("elements of an array, whatever they are")
    func arrays() {
        #expect(
            elements(#" [ {"a":1} , [2,3],"x\"]",4,null ] "#) == [#"{"a":1}"#, "[2,3]", #"x\"]"#, "4", "null"])
        #expect(elements("[7]") == ["7"])
        #expect(elements("[]") == [] && elements(" [ ] ") == [] && elements("{}") == [] && elements("") == [])
    }

    @Test("what has no shape ends the walk")
    func shapeless() {
        #expect(members(#"{"a":1,"b"}"#) == ["a=1"])
        #expect(members(#"{"a":1,"b":"open"#) == ["a=1"])
        #expect(elements(#"[1,{"a""#) == ["1"])
    }

    @Test("random bytes end it too, within their bounds", arguments: UInt64(1)...20)
    func random(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let alphabet = Array(#"{}[]",:\1ax "#.utf8)
        for _ in 0..<200 {
            let text = (0..<random.next() % 40).map { _ in alphabet[Int(random.next() % UInt64(alphabet.count))] }
            let whole = String(decoding: text, as: UTF8.self)
            #expect(members(whole).count <= text.count && elements(whole).count <= text.count)
        }
    }
}
