/// A frame from behind the message's place to the end: `,"id":…,"user":…`. Of a direct message it is
/// `,"id":…,"from":…,"to":…`, behind which stands for whom it is (`DirectBody`).
package enum MessageBody {
    /// How many bytes of a body say which message it is: the id and the user, as they are written; of a direct message
    /// also the receiver. Nil when it does not begin with them.
    package static func keyLength(_ body: UnsafeRawBufferPointer) -> Int? {
        guard let afterID = end(of: #","id":""#, in: body, from: 0) else { return nil }
        if let afterUser = end(of: #","user":""#, in: body, from: afterID) { return afterUser }
        guard let afterSender = end(of: #","from":""#, in: body, from: afterID) else { return nil }
        return end(of: #","to":""#, in: body, from: afterSender)
    }

    /// Whether bytes that were stored can be a body: they say which message it is, and end where a frame ends.
    package static func isWhole(_ body: UnsafeRawBufferPointer) -> Bool {
        keyLength(body) != nil && body.last == UInt8(ascii: "}")
    }

    /// A later time is none: 2^53, far from where sums overflow.
    private static let timeMax = 1 << 53

    /// When the message was committed, in Unix milliseconds; nil when the body does not say it. The time stands behind
    /// the content, so the last one is meant.
    package static func time(_ body: UnsafeRawBufferPointer) -> Int? {
        let name: StaticString = #","ts":"#
        var start = body.count - name.utf8CodeUnitCount
        while start >= 0 {
            let slice = UnsafeRawBufferPointer(rebasing: body[start..<(start + name.utf8CodeUnitCount)])
            if slice.equals(name) {
                let digits = body[(start + name.utf8CodeUnitCount)...].prefix { $0 &- 0x30 < 10 }
                return Int(String(decoding: digits, as: UTF8.self)).flatMap { $0 <= timeMax ? $0 : nil }
            }
            start -= 1
        }
        return nil
    }

    /// The place behind a string value, if `name` with its opening quote stands at `start`.
    private static func end(of name: StaticString, in body: UnsafeRawBufferPointer, from start: Int) -> Int? {
        var index = start
        guard body.count - start >= name.utf8CodeUnitCount else { return nil }
        for offset in 0..<name.utf8CodeUnitCount {
            guard body[index] == name.utf8Start[offset] else { return nil }
            index += 1
        }
        while index < body.count {
            switch body[index] {
            case UInt8(ascii: "\""): return index + 1
            case UInt8(ascii: "\\"): index += 2
            default: index += 1
            }
        }
        return nil
    }
}
