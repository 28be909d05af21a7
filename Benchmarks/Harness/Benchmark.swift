/// One thing that is measured.
struct Benchmark: Sendable {
    /// The results of one call of a workload, besides the time it took.
    struct Work {
        /// Bytes that were written, or read where the work is reading.
        var bytes = 0
        /// The time of the work, when it is not this thread's CPU time.
        var nanoseconds: UInt64?
        /// The number of allocations, when another thread made them.
        var allocations: UInt64?
    }

    /// How far counts may be from the baseline's before they count as risen.
    enum Counts: Sendable {
        /// The same in every run, as nothing but the code decides.
        case exact
        /// Several threads take part, and how they meet differs a little.
        case nearly
        /// Left out, because chance decides.
        case none
    }

    /// Part and case, "frame-decode/100-bytes".
    let name: String
    /// One operation in words, for the table.
    let operation: String
    /// Operations before anything is measured, and in the run whose allocations and bytes are counted. Fixed, so that
    /// the counts are the same on every machine.
    let warmUp: Int
    let counted: Int
    var counts = Counts.exact
    /// Whether samples of its time are taken: not of what fills up.
    var isTimed = true
    /// Makes all that is not measured; the result does so many operations. Called on the thread that then measures.
    let prepare: @Sendable () throws -> (_ operations: Int) throws -> Work
}
