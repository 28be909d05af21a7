import WireProtocol

/// Leaves work for a worker's thread: what a worker, and the control thread through `NodeContext`, can do.
protocol MailSender {
    /// Runs `work` on the thread of the worker with that index. Work of one sender for one worker keeps its order.
    func post(to worker: Int, _ work: @escaping @Sendable (Worker) -> Void)
}

/// The address of one request: the way to answer it later, from any worker or the control thread.
///
/// It names the request, not only its connection: an answer that comes when the connection is gone, or when the request
/// was answered already, is dropped, so that it never answers the connection's next request.
struct Responder: Sendable, Equatable {
    /// The index of the worker that the request's connection belongs to.
    let worker: Int
    /// The key of the connection's socket in that worker's loop.
    let socketKey: UInt64
    /// The request's number among those of its connection.
    let request: UInt32

    /// Sends the answer on its way.
    /// - Parameter sender: where the caller is: the worker whose thread this is, or the node's context on other threads.
    func answer(_ response: HTTPResponse, by sender: some MailSender) {
        sender.post(to: worker) { $0.answer(response, to: self) }
    }
}
