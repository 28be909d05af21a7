import NetworkIO

/// The parent's view of a loading process.
final class LoaderHandle {
    let child: ChildProcess
    private var link: JSONLineSocket<LoaderReply, LoaderOrder>?
    private var isEnding = false
    var allIn: Double?
    var sample: LoaderReply.Sample?
    var marks: [RoomMark]?
    var lost: Int?

    init(_ child: ChildProcess) { self.child = child }

    func connect(loop: EventLoop, replied: @escaping (LoaderReply) -> Void, lost: @escaping () -> Void) throws {
        link = try JSONLineSocket(
            descriptor: child.descriptor, loop: loop, arrived: replied,
            lost: { [unowned self] in if !isEnding { lost() } })
    }

    func send(_ order: LoaderOrder) { link?.send(order) }

    /// Closes the link, on which the process ends.
    func end() {
        isEnding = true
        link?.close()
        _ = child.wait()
    }
}
