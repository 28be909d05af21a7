import CLibuv

/// Reads small files that are read again and again, such as those of /proc: one open, one read and one close each, into
/// a buffer that is kept. One thread.
package final class FileReader {
    /// Where a file that is larger is cut off.
    private static let bytesMax = 1 << 20
    /// More than what all but the largest files of the kernel have.
    private static let bytesAtFirst = 16 * 1024

    private var buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bytesAtFirst, alignment: 16)

    package init() {}

    deinit { buffer.deallocate() }

    /// The text of a file; nil when it can't be opened or read. Bytes that are no UTF-8 are replaced.
    package func text(of path: String) -> String? {
        let descriptor = sluice_open_for_reading(path)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var count = 0
        while true {
            let part = read(descriptor, buffer.baseAddress.map { $0 + count }, buffer.count - count)
            guard part >= 0 else { return nil }
            count += part
            // The kernel fills a buffer that is large enough in one go; what is not full was all.
            guard count == buffer.count, count < Self.bytesMax else { break }
            grow()
        }
        return String(decoding: UnsafeRawBufferPointer(rebasing: buffer[..<count]), as: UTF8.self)
    }

    private func grow() {
        let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: buffer.count * 4, alignment: 16)
        larger.copyMemory(from: UnsafeRawBufferPointer(buffer))
        buffer.deallocate()
        buffer = larger
    }
}
