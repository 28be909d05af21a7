import WireProtocol

/// Sends messages to workers: a worker's core on the worker's thread, or the node's context on other threads.
protocol MailSender {
    /// Messages of one sender to one worker keep their order.
    func send(_ message: WorkerMessage, to worker: Int)
}

/// The address of one request: the way to answer it later, from any worker or the control thread.
///
/// It names the request, not only its connection: an answer that comes when the connection is gone, or when the request
/// was answered already, is dropped, so that it never answers the connection's next request.
package struct Responder: Sendable, Hashable {
    /// The index of the worker that the request's connection belongs to.
    let worker: Int
    /// The key of the connection's socket in that worker's loop.
    let socketKey: UInt64
    /// The request's number among those of its connection.
    let request: UInt32
    /// Which message of a request that publishes many; nil: the request itself.
    var part: Int?

    /// Sends the answer on its way.
    /// - Parameter sender: the core of the worker whose thread this is, or the node's context on other threads.
    func answer(_ response: HTTPResponse, by sender: some MailSender) {
        sender.send(.answer(response, self), to: worker)
    }
}
