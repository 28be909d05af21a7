import WireProtocol

/// WebSocket frames: reading them as a server, writing them, and checking text.
enum FrameBenchmarks {
    static let all = [
        decode("100-bytes", payload: 100, framesPerRead: 100, warmUp: 1000, counted: 10_000),
        decode("64-KiB", payload: 65_536, framesPerRead: 1, warmUp: 10, counted: 100),
        decodeByteByByte,
        encode("200-bytes", payload: 200),
        validate("ascii-64-KiB", text: String(repeating: "The quick brown fox. ", count: 3121)),
        validate("mixed-64-KiB", text: String(repeating: "Zoë trinkt 3 Kaffee für 9 € ☕. ", count: 1850)),
    ]

    private static func masked(_ payload: Int) -> [UInt8] {
        let text = [UInt8](repeating: UInt8(ascii: "x"), count: payload)
        return text.withUnsafeBytes { FrameEncoder.maskedFrame(.text, $0, mask: 0x1234_5678) }
    }

    /// Frames that come whole, `framesPerRead` with one read. Unmasking works in place, so each round needs a fresh
    /// copy of the bytes, whose time is included.
    private static func decode(_ name: String, payload: Int, framesPerRead: Int, warmUp: Int, counted: Int) -> Benchmark
    {
        Benchmark(
            name: "frame-decode/\(name)", operation: "masked frame", warmUp: warmUp, counted: counted
        ) {
            let frames = (0..<framesPerRead).flatMap { _ in masked(payload) }
            var copy = frames
            return { operations in
                var work = Benchmark.Work()
                for _ in 0..<(operations / framesPerRead) {
                    copy.withUnsafeMutableBytes { target in
                        target.copyBytes(from: frames)
                        work.bytes += decoded(UnsafeMutableRawBufferPointer(rebasing: target[...]))
                    }
                }
                return work
            }
        }
    }

    private static func decoded(_ bytes: UnsafeMutableRawBufferPointer) -> Int {
        var decoder = WebSocketDecoder()
        var rest = bytes
        var count = 0
        while !rest.isEmpty {
            let (consumed, event) = decoder.next(rest, role: .server, messageBytesMax: 65_536)
            if case .text(let text) = event { count += text.count }
            rest = UnsafeMutableRawBufferPointer(rebasing: rest[consumed...])
        }
        return count
    }

    /// The worst that a peer can do to a decoder with a frame of 100 bytes.
    private static let decodeByteByByte = Benchmark(
        name: "frame-decode/byte-by-byte", operation: "masked frame of 100 bytes", warmUp: 100, counted: 1000
    ) {
        let frame = masked(100)
        var decoder = WebSocketDecoder()
        return { operations in
            var work = Benchmark.Work()
            for _ in 0..<operations {
                for byte in frame {
                    var byte = byte
                    withUnsafeMutableBytes(of: &byte) { one in
                        let event = decoder.next(one, role: .server, messageBytesMax: 65_536).event
                        if case .text(let text) = event { work.bytes += text.count }
                    }
                }
            }
            return work
        }
    }

    private static func encode(_ name: String, payload: Int) -> Benchmark {
        Benchmark(name: "frame-encode/\(name)", operation: "frame", warmUp: 1000, counted: 10_000) {
            let text = [UInt8](repeating: UInt8(ascii: "x"), count: payload)
            var arena = FrameArena(capacityMin: 65_536, capacityMax: 65_536, isTransient: true)
            return { operations in
                var work = Benchmark.Work()
                text.withUnsafeBytes { bytes in
                    for _ in 0..<(operations / 100) {
                        for _ in 0..<100 { work.bytes += arena.frame(.text, bytes).length }
                        arena.recycle()
                    }
                }
                return work
            }
        }
    }

    private static func validate(_ name: String, text: String) -> Benchmark {
        Benchmark(name: "utf8/\(name)", operation: "text", warmUp: 10, counted: 100) {
            let bytes = Array(text.utf8)
            return { operations in
                var work = Benchmark.Work()
                bytes.withUnsafeBytes { bytes in
                    for _ in 0..<operations where UTF8Validator.isValid(bytes) { work.bytes += bytes.count }
                }
                return work
            }
        }
    }
}
