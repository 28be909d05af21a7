import WireProtocol

/// Writes commands (RESP 2: arrays of bulk strings) into buffers that a socket sends from: one copy, of each argument
/// to where the kernel takes it. Commands lie behind each other, so that those of a turn leave in one piece.
///
/// Thread: its owner's.
package struct RESPWriter {
    /// The size of a buffer; a larger command gets one of its own.
    private static let bufferBytes = 64 * 1024
    /// A head is a mark, a number and a line's end.
    private static let headBytesMax = 1 + 20 + 2

    private var buffer: FrameBuffer?
    private var start = 0
    private var wordsLeft = 0
    private var payloadLeft = 0

    package init() {}

    /// The most bytes that a command takes on the wire.
    package static func bytesMax(wordCount: Int, payloadBytes: Int) -> Int {
        headBytesMax * (wordCount + 1) + 2 * wordCount + payloadBytes
    }

    /// A command of words that are there as arrays.
    package mutating func command(_ words: [[UInt8]]) -> FrameSlice {
        begin(wordCount: words.count, payloadBytes: words.reduce(0) { $0 + $1.count })
        for word in words { word.withUnsafeBytes { append($0) } }
        return end()
    }

    /// Begins a command; `append` must follow `wordCount` times, then `end`.
    /// - Parameter payloadBytes: at least as many bytes as all words have together.
    package mutating func begin(wordCount: Int, payloadBytes: Int) {
        precondition(wordCount > 0 && wordsLeft == 0, "a command of no words, or one within another")
        let buffer = room(for: Self.bytesMax(wordCount: wordCount, payloadBytes: payloadBytes))
        start = buffer.count
        wordsLeft = wordCount
        payloadLeft = payloadBytes
        Self.head(UInt8(ascii: "*"), wordCount, buffer)
    }

    /// The command's next word.
    package mutating func append(_ word: UnsafeRawBufferPointer) {
        guard let buffer else { preconditionFailure("a word without a command") }
        precondition(wordsLeft > 0 && word.count <= payloadLeft, "more words, or bytes, than the command began with")
        wordsLeft -= 1
        payloadLeft -= word.count
        Self.head(UInt8(ascii: "$"), word.count, buffer)
        buffer.append(word)
        Self.endLine(buffer)
    }

    /// The command's next word, a number in decimal digits: at most 20 bytes of payload.
    package mutating func append(_ number: Int) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            append(UnsafeRawBufferPointer(rebasing: Self.write(number, before: digits)))
        }
    }

    /// The command, as it goes out.
    package mutating func end() -> FrameSlice {
        guard let buffer else { preconditionFailure("the end of no command") }
        precondition(wordsLeft == 0, "fewer words than the command began with")
        return FrameSlice(buffer: buffer, offset: start, length: buffer.count - start)
    }

    /// Starts over in the same buffer, if nobody sends from it any more and it is none of a large command's.
    package mutating func recycle() {
        guard let capacity = buffer?.capacity else { return }
        if capacity == Self.bufferBytes, isKnownUniquelyReferenced(&buffer) {
            buffer?.removeAll()
        } else {
            buffer = nil
        }
    }

    private mutating func room(for length: Int) -> FrameBuffer {
        if let buffer, buffer.free >= length { return buffer }
        let new = FrameBuffer(capacity: max(Self.bufferBytes, length))
        buffer = new
        return new
    }

    private static func head(_ mark: UInt8, _ number: Int, _ buffer: FrameBuffer) {
        buffer.end.storeBytes(of: mark, as: UInt8.self)
        buffer.advance(by: 1)
        if number < 10 {
            buffer.end.storeBytes(of: UInt8(ascii: "0") + UInt8(number), as: UInt8.self)
            buffer.advance(by: 1)
        } else {
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
                buffer.append(UnsafeRawBufferPointer(rebasing: write(number, before: digits)))
            }
        }
        endLine(buffer)
    }

    private static func endLine(_ buffer: FrameBuffer) {
        buffer.end.storeBytes(of: UInt16(0x0D0A).bigEndian, as: UInt16.self)
        buffer.advance(by: 2)
    }

    /// Writes a number's digits to the end of `room`, which has 20 bytes; the part that they take.
    private static func write(_ number: Int, before room: UnsafeMutableBufferPointer<UInt8>) -> Slice<
        UnsafeRawBufferPointer
    > {
        var magnitude = number.magnitude
        var place = room.count
        repeat {
            place -= 1
            room[place] = UInt8(ascii: "0") + UInt8(magnitude % 10)
            magnitude /= 10
        } while magnitude > 0
        if number < 0 {
            place -= 1
            room[place] = UInt8(ascii: "-")
        }
        return UnsafeRawBufferPointer(room)[place...]
    }
}
