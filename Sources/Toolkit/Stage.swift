import NetworkIO

/// The reason why a scene of the demo, or a drill, fails, in words for the person who looks on.
package struct SceneFault: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

/// The person at the terminal wants it to end.
package struct Interruption: Error {
    package let signal: Int32

    /// The status that a shell reports of a program that the signal has ended.
    package var exitStatus: Int32 { 128 + signal }
}

/// The one loop of a demo or a drill. It runs where something is waited for, so that a scene reads from top to bottom.
///
/// A first SIGINT, SIGTERM or SIGHUP ends the wait that is under way with an `Interruption`; a second ends the process
/// at once, and what was started with it.
package final class Stage: EventLoopDelegate {
    /// How often a condition is looked at when nothing happens on a socket.
    private static let lookMilliseconds = 10

    package let loop: EventLoop
    /// Looked at in every turn of a wait: what has gone wrong whatever is waited for.
    package var watch: () throws -> Void = {}
    private var timer: PreciseTimer?
    private var signals: SignalWatcher?
    private var interruption: Interruption?
    private var isEnding = false

    package init() throws(SystemError) {
        loop = try EventLoop()
        loop.delegate = self
        timer = try PreciseTimer(loop: loop) {}
        signals = try SignalWatcher(SignalWatcher.interruption, loop: loop) { [unowned self] in interrupted($0) }
    }

    /// Lets go of what hangs on the loop. Nothing can be waited for after it.
    package func close() {
        timer = nil
        signals = nil
    }

    /// From now on waits are part of the end, which an interruption does not shorten.
    package func beginEnding() {
        isEnding = true
        watch = {}
    }

    /// Does what an interruption does not shorten.
    package func uninterrupted(_ body: () throws -> Void) rethrows {
        let wasEnding = isEnding
        isEnding = true
        defer { isEnding = wasEnding }
        try body()
    }

    /// Runs the loop until `isTrue`.
    /// - Parameters:
    ///   - what: as in "… did not come true".
    ///   - seconds: the longest; then it throws.
    /// - Throws: `SceneFault` when the time is up; what `watch` and `isTrue` throw; `Interruption`.
    package func wait(_ what: String, seconds: Int, until isTrue: () throws -> Bool) throws {
        let deadline = Clock.monotonicMilliseconds() + seconds * 1000
        while true {
            if let interruption, !isEnding { throw interruption }
            try watch()
            if try isTrue() { return }
            guard Clock.monotonicMilliseconds() < deadline else {
                throw SceneFault("\(what): not within \(seconds) s")
            }
            timer?.schedule(at: Clock.monotonicNanoseconds() + Self.lookMilliseconds * 1_000_000)
            loop.runTurn()
        }
    }

    /// Hands to the kernel what was said, without waiting for anything.
    package func sendNow() {
        timer?.schedule(at: 0)
        loop.runTurn()
    }

    /// Lets some time go by.
    package func pause(milliseconds: Int) throws {
        let end = Clock.monotonicMilliseconds() + milliseconds
        try wait("a pause", seconds: milliseconds / 1000 + 1) { Clock.monotonicMilliseconds() >= end }
    }

    private func interrupted(_ signal: Int32) {
        guard interruption == nil else { ProcessEnd.now(128 + signal) }
        interruption = Interruption(signal: signal)
    }

    package func loopWoken() {}
    package func loopTicked() {}
    package func loopTurnEnding() {}
    package func loopTurnEnded() {}
}
