import TestSupport
import Testing

@testable import WireProtocol

@Suite("Frame buffers, arenas and accumulators")
struct FrameBufferTests {
    private func frame(_ arena: inout FrameArena, _ payload: [UInt8]) -> FrameSlice {
        payload.withUnsafeBytes { arena.frame(.binary, $0) }
    }

    @Test("a buffer takes as much as it holds")
    func buffer() {
        let buffer = FrameBuffer(capacity: 10)
        #expect(buffer.free == 10 && buffer.count == 0 && !buffer.isTransient)
        [1, 2, 3].withUnsafeBytes { (bytes: UnsafeRawBufferPointer) in
            buffer.append(UnsafeRawBufferPointer(rebasing: bytes[..<3]))
        }
        buffer.end.storeBytes(of: 9, as: UInt8.self)
        buffer.advance(by: 1)
        #expect(buffer.count == 4 && buffer.free == 6)
        buffer.append(UnsafeRawBufferPointer(start: nil, count: 0))
        buffer.advance(by: 6)
        #expect(buffer.free == 0)
        buffer.removeAll()
        #expect(buffer.count == 0 && buffer.free == 10)
        let copy = [UInt8]([7, 8]).withUnsafeBytes { FrameBuffer(copying: $0) }
        #expect(copy.count == 2 && copy.capacity == 2)
        #expect(FrameBuffer(copying: UnsafeRawBufferPointer(start: nil, count: 0)).count == 0)
    }

    @Test("frames lie behind each other until the buffer is full; then comes one of twice the size")
    func arena() {
        var arena = FrameArena(capacityMin: 64, capacityMax: 128)
        let slices = (0..<12).map { frame(&arena, [UInt8](repeating: UInt8($0), count: 30)) }
        // 64 hold two frames of 32 bytes, 128 hold four.
        var sizes: [Int] = []
        for slice in slices where sizes.isEmpty || slice.offset == 0 { sizes.append(slice.buffer.capacity) }
        #expect(sizes == [64, 128, 128, 128])
        for (number, slice) in slices.enumerated() {
            #expect(Array(slice.payload) == [UInt8](repeating: UInt8(number), count: 30))
            #expect(Array(slice.bytes.prefix(2)) == [0x82, 30] && slice.length == 32)
        }
        // A frame that is larger than any buffer gets one of its own size.
        let large = frame(&arena, [UInt8](repeating: 5, count: 1000))
        #expect(large.offset == 0 && large.buffer.capacity == 1004 && large.payload.count == 1000)
    }

    @Test("a buffer is filled again only when nobody else holds it")
    func recycling() {
        var arena = FrameArena(capacityMin: 1024, capacityMax: 1024, isTransient: true)
        arena.recycle()
        var first: FrameSlice? = frame(&arena, [1, 2, 3])
        #expect(first?.buffer.isTransient == true)
        let address = first.map { UInt(bitPattern: $0.buffer.base) }
        arena.recycle()
        var second: FrameSlice? = frame(&arena, [4, 5, 6])
        #expect(second?.buffer !== first?.buffer, "the first was still held")
        #expect(first.map { Array($0.payload) } == [1, 2, 3])
        #expect(first.map { UInt(bitPattern: $0.buffer.base) } == address)
        first = nil
        let identity = second.map { ObjectIdentifier($0.buffer) }
        second = nil
        arena.recycle()
        let third = frame(&arena, [7])
        #expect(ObjectIdentifier(third.buffer) == identity && third.offset == 0)
        arena.forget()
        let fourth = frame(&arena, [8])
        #expect(fourth.buffer !== third.buffer && Array(third.payload) == [7])
    }

    @Test("two slices are joined: where they lie when the first ends the arena, else as a copy")
    func joining() {
        var arena = FrameArena(capacityMin: 16, capacityMax: 64, isTransient: true)
        let first = frame(&arena, [1, 2, 3])
        let elsewhere = ([9, 9] as [UInt8]).withUnsafeBytes { FrameBuffer(copying: $0) }
        let second = FrameSlice(buffer: elsewhere, offset: 0, length: 2)
        let grown = arena.join(first, second)
        #expect(grown.buffer === first.buffer && grown.offset == first.offset)
        #expect(Array(grown.bytes) == Array(first.bytes) + [9, 9])
        // `first` no longer ends the arena: both are copied, and what was there stays as it was.
        let copied = arena.join(first, second)
        #expect(copied.offset != first.offset || copied.buffer !== first.buffer)
        #expect(Array(copied.bytes) == Array(grown.bytes) && Array(grown.bytes) == Array(first.bytes) + [9, 9])
        // Nor is it grown when there is no room.
        let full = arena.join(copied, FrameSlice(buffer: copied.buffer, offset: copied.offset, length: copied.length))
        #expect(Array(full.bytes) == Array(copied.bytes) + Array(copied.bytes))
        let plain = ([4, 5] as [UInt8]).withUnsafeBytes { arena.copy($0) }
        #expect(Array(plain.bytes) == [4, 5])
    }

    @Test("an accumulator is an array of bytes: 2,000 random steps against a model")
    func accumulator() {
        let seed = UInt64.random(in: .min ... .max)
        var random = SplitMix64(seed: seed)
        var accumulator = ByteAccumulator()
        var model: [UInt8] = []
        #expect(accumulator.bytes.isEmpty && accumulator.mutableBytes.isEmpty)
        for _ in 0..<2000 {
            switch Int.random(in: 0..<20, using: &random) {
            case 0:
                accumulator.removeAll()
                model = []
            case 1..<6:
                let count = Int.random(in: 0...model.count, using: &random)
                accumulator.removeFirst(count)
                model.removeFirst(count)
            case 6 where !model.isEmpty:
                let index = model.indices.randomElement(using: &random) ?? 0
                let bytes = accumulator.mutableBytes
                bytes[index] = bytes[index] ^ 0xFF
                model[index] ^= 0xFF
            default:
                let count = [0, 1, 5, 127, 128, 129, 900].randomElement(using: &random) ?? 0
                let piece = (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &random) }
                piece.withUnsafeBytes { accumulator.append($0) }
                model += piece
            }
            #expect(accumulator.count == model.count && Array(accumulator.bytes) == model, "seed \(seed)")
        }
    }
}
