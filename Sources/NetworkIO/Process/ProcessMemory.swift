import CLibuv

/// The memory of this process.
package enum ProcessMemory {
    /// Gives memory that was freed back to the system (malloc_trim(3)). Takes some milliseconds per gigabyte; any
    /// thread.
    package static func giveBackFree() { malloc_trim(0) }
}
