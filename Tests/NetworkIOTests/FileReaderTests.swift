import Testing

@testable import NetworkIO

@Suite("Small files, read again and again")
struct FileReaderTests {
    @Test("What is there is read whole, also what the buffer does not hold at first; what is not there is nil")
    func reading() throws {
        let folder = try TemporaryFolder(in: "/tmp", prefix: "sluice-reader-")
        defer { folder.remove() }
        let reader = FileReader()
        for count in [0, 1, 16 * 1024 - 1, 16 * 1024, 16 * 1024 + 1, 200_000] {
            let path = "\(folder.path)/\(count)"
            try Output.file(path, [UInt8](repeating: UInt8(ascii: "x"), count: count))
            #expect(reader.text(of: path)?.utf8.count == count)
        }
        #expect(reader.text(of: "\(folder.path)/missing") == nil && reader.text(of: folder.path) == nil)
        #expect(reader.text(of: "\(folder.path)/1") == "x")
    }

    @Test("A file without end is cut off, and what is no UTF-8 does no harm")
    func oddFiles() throws {
        #expect(FileReader().text(of: "/dev/zero")?.utf8.count == 1 << 20)
        #expect(FileReader().text(of: "/proc/self/stat")?.contains(")") == true)
    }
}
