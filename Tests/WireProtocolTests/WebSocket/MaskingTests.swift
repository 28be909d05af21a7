import TestSupport
import Testing

@testable import WireProtocol

@Suite("RFC 6455 §5.3 masking")
struct MaskingTests {
    /// The RFC's own words: octet i is XORed with octet i modulo 4 of the key.
    private func naive(_ key: [UInt8], _ bytes: [UInt8], offset: Int) -> [UInt8] {
        bytes.enumerated().map { $0.element ^ key[($0.offset + offset) % 4] }
    }

    private func masked(_ key: [UInt8], _ bytes: [UInt8], alignment: Int, offset: Int) -> [UInt8] {
        var memory = [UInt8](repeating: 0xEE, count: alignment) + bytes + [0xEE]
        let word = key.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) }
        memory.withUnsafeMutableBytes {
            let target = UnsafeMutableRawBufferPointer(rebasing: $0[alignment..<alignment + bytes.count])
            Masking.apply(word, to: target, offset: offset)
        }
        #expect(memory[..<alignment].allSatisfy { $0 == 0xEE } && memory.last == 0xEE, "bytes outside were changed")
        return Array(memory[alignment..<alignment + bytes.count])
    }

    @Test("every length to 100, at every offset and alignment")
    func allLengths() {
        let seed = UInt64.random(in: .min ... .max)
        var random = SplitMix64(seed: seed)
        for count in 0...100 {
            let bytes = (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &random) }
            let key = (0..<4).map { _ in UInt8.random(in: .min ... .max, using: &random) }
            for offset in 0...4 {
                for alignment in [0, 1, 3, 7] {
                    #expect(
                        masked(key, bytes, alignment: alignment, offset: offset) == naive(key, bytes, offset: offset),
                        "seed \(seed), count \(count), offset \(offset), alignment \(alignment)")
                }
            }
        }
    }

    @Test("piece by piece with the running offset gives what the whole gives")
    func pieces() {
        let seed = UInt64.random(in: .min ... .max)
        var random = SplitMix64(seed: seed)
        for _ in 0..<300 {
            let bytes = (0..<Int.random(in: 0...400, using: &random)).map { UInt8(truncatingIfNeeded: $0) }
            let key = (0..<4).map { _ in UInt8.random(in: .min ... .max, using: &random) }
            var result: [UInt8] = []
            for length in HTTPFeeding.pieces(of: bytes.count, &random) {
                let piece = Array(bytes[result.count..<result.count + length])
                result += masked(key, piece, alignment: 0, offset: result.count)
            }
            #expect(result == naive(key, bytes, offset: 0), "seed \(seed)")
        }
    }

    @Test("a key of zeros leaves everything as it is; twice the same key too")
    func neutral() {
        let bytes = Array("a payload of more than one word, and then some".utf8)
        #expect(masked([0, 0, 0, 0], bytes, alignment: 0, offset: 3) == bytes)
        let once = masked([1, 2, 3, 4], bytes, alignment: 0, offset: 1)
        #expect(once != bytes)
        #expect(masked([1, 2, 3, 4], once, alignment: 0, offset: 1) == bytes)
        Masking.apply(7, to: UnsafeMutableRawBufferPointer(start: nil, count: 0))
    }
}
