import NetworkIO

/// How many descriptors the process has open: connections come and go all the time and are counted anyway; what else
/// there is changes little, and is found by counting all of them now and then, as a folder of many thousand entries is
/// dear to read.
struct OpenFileCount {
    private static let recountMilliseconds = 10_000

    /// Descriptors that are no connections; nil: they could not be counted.
    private var others: Int?
    private var countedAt: Int?

    /// - Parameters:
    ///   - root: PROC_ROOT.
    ///   - now: milliseconds of a monotonic clock.
    mutating func sampled(connections: Int, root: String, at now: Int) -> Int? {
        if countedAt.map({ now - $0 >= Self.recountMilliseconds }) ?? true {
            countedAt = now
            others = ProcessFiles.openFiles(root: root).map { max(0, $0 - connections) }
        }
        return others.map { $0 + connections }
    }
}
