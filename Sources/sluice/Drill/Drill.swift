import ArgumentParser

/// `sluice drill`
struct Drill: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Strain a running node on purpose, for a while, and watch it degrade and come back.",
        discussion: """
            Each drill says what it will do, shows every second what the node makes of it, undoes what it did, and \
            waits until the node is normal again. Ctrl-C ends it at once, with the undoing; a second one without.

            Exit status: 0 when the node was normal again, 1 when not, 69 when the node or its Redis can't be reached, \
            64 when a drill is refused, 128 plus the signal when interrupted.
            """,
        subcommands: [
            DrillCPU.self, DrillMemory.self, DrillFiles.self, DrillSlowReaders.self, DrillRedis.self,
            DrillRecording.self,
        ])
}
