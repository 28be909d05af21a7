import Fuzzing
import Glibc
import TestSupport
import Testing

@Suite("The corpus of the fuzzer")
struct CorpusTests {
    @Test("Every input of the corpus keeps the rules of its target", arguments: FuzzTarget.allCases)
    func corpus(target: FuzzTarget) throws {
        let inputs = try Corpus.inputs(of: target)
        #expect(!inputs.isEmpty, "Tests/Corpus/\(target.rawValue) is empty")
        for input in inputs {
            do {
                try input.bytes.withUnsafeBytes(target.check)
            } catch {
                Issue.record("Tests/Corpus/\(target.rawValue)/\(input.name): \(error)")
            }
        }
    }

    /// A short look at what is near the corpus; `./fuzz.sh` looks for longer, and at what its code does.
    @Test("Inputs of the corpus with some bytes changed keep them, too", arguments: FuzzTarget.allCases)
    func mutations(target: FuzzTarget) throws {
        let inputs = try Corpus.inputs(of: target)
        for seed in 1...100 as ClosedRange<UInt64> {
            var random = SplitMix64(seed: seed)
            guard var bytes = inputs.randomElement(using: &random)?.bytes else { continue }
            let other = inputs.randomElement(using: &random)?.bytes ?? []
            for _ in 0...Int.random(in: 0..<3, using: &random) {
                let start = Int.random(in: 0...bytes.count, using: &random)
                let end = Int.random(in: start...min(start + 4, bytes.count), using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes.removeSubrange(start..<end)
                case 1: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: start)
                default: bytes.replaceSubrange(start..<end, with: other.suffix(8))
                }
            }
            do {
                try bytes.withUnsafeBytes(target.check)
            } catch {
                Issue.record(
                    "\(target.rawValue), seed \(seed): \(error)\n\(String(decoding: bytes.prefix(500), as: UTF8.self))")
            }
        }
    }

    @Test("The names of targets are those of the corpus' folders")
    func folders() throws {
        #expect(try Set(Corpus.entries("")) == Set(FuzzTarget.allCases.map(\.rawValue)))
    }
}

/// `Tests/Corpus`: a folder for each target.
private enum Corpus {
    private static let path = "/" + #filePath.split(separator: "/").dropLast(2).joined(separator: "/") + "/Corpus"

    static func inputs(of target: FuzzTarget) throws -> [(name: String, bytes: [UInt8])] {
        try entries(target.rawValue).map { ($0, try bytes("\(target.rawValue)/\($0)")) }
    }

    /// The names in a folder, in order.
    static func entries(_ folder: String) throws -> [String] {
        let directory = try #require(opendir("\(path)/\(folder)"), "Tests/Corpus/\(folder) can't be read")
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }

    private static func bytes(_ name: String) throws -> [UInt8] {
        let file = try #require(fopen("\(path)/\(name)", "rb"), "\(name) can't be read")
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { bytes += chunk[..<count] }
        return bytes
    }
}
