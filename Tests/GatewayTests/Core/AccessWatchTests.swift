import Testing

@testable import Gateway

@Suite("The watch beside a property that goes without checks")
struct AccessWatchTests {
    @Test("Uses that follow each other are fine")
    func usesOneAfterTheOtherAreFine() {
        var watch = AccessWatch()
        watch.assertIsFree()
        watch.begins()
        watch.ends()
        watch.begins()
        watch.ends()
        watch.assertIsFree()
    }

    #if DEBUG
        @Test("A use during a change traps")
        func useDuringAChangeTraps() async {
            await #expect(processExitsWith: .failure) {
                var watch = AccessWatch()
                watch.begins()
                watch.assertIsFree()
            }
        }

        @Test("A change during another one traps")
        func changeDuringAChangeTraps() async {
            await #expect(processExitsWith: .failure) {
                var watch = AccessWatch()
                watch.begins()
                watch.begins()
            }
        }
    #else
        @Test("In a release build it takes no memory")
        func takesNoMemoryInReleaseBuilds() { #expect(MemoryLayout<AccessWatch>.size == 0) }
    #endif
}
