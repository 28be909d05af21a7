import Core
import NetworkIO
import WireProtocol

/// The figures of the operating system for this process.
struct ProcessStatus {
    let residentBytes: Int?
    let cpuPercent: Double
    let openFiles: Int?
    let openFilesMax: Int

    /// Reads `self/statm` and counts `self/fd` below `root`; what is not there stays nil.
    static func read(root: String, _ context: NodeContext) -> ProcessStatus {
        ProcessStatus(
            residentBytes: ProcessFiles.residentBytes(root: root), cpuPercent: context.reports.cpu.percent(),
            openFiles: ProcessFiles.openFiles(root: root), openFilesMax: context.connections.openFilesMax)
    }

    func write(to writer: inout JSONWriter) {
        writer.name("process")
        writer.beginObject()
        if let residentBytes {
            writer.member("rss_bytes", residentBytes)
        }
        writer.member("cpu_percent", cpuPercent)
        if let openFiles {
            writer.member("open_files", openFiles)
        }
        writer.member("open_files_max", openFilesMax)
        writer.endObject()
    }
}
