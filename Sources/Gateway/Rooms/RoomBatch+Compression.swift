import WireProtocol

// The second form of a batch: the same frames, compressed once for all members that agreed to it.
extension RoomBatch {
    /// Makes the compressed form, and each cut's place in it; leaves it out when no frame gets smaller.
    /// - Parameter windowBits: the narrowest window among those who get it.
    func compress(with compressor: MessageCompressor, windowBits: Int) {
        guard byteCount >= MessageCompressor.payloadBytesMin else { return }
        var isSmaller = false
        var position = 0
        var nextCut = 0
        for segment in plain.segments {
            var rest = segment
            while rest.length > 0 {
                let frame = rest.firstFrame
                let smaller = compressor.compressed(frame, windowBits: windowBits)
                let taken = smaller ?? compressor.copied(frame)
                isSmaller = isSmaller || smaller != nil
                placeCuts(from: &nextCut, at: position, frameLength: taken.length)
                compressed.append(taken)
                position += frame.length
                rest.offset += frame.length
                rest.length -= frame.length
            }
        }
        placeCuts(from: &nextCut, at: position, frameLength: 0)
        if !isSmaller { compressed.removeAll() }
    }

    /// Finds the places of the cuts that begin at `position`. A cut holds one frame, the one that begins there, or
    /// none.
    private func placeCuts(from next: inout Int, at position: Int, frameLength: Int) {
        while next < cuts.count, cuts[next].start == position {
            let start = compressed.byteCount
            cuts[next].compressedRange = start..<(start + (cuts[next].length > 0 ? frameLength : 0))
            next += 1
        }
    }
}
