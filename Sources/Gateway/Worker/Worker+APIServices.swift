import NetworkIO

// What the HTTP API gets of a worker.
extension Worker: APIServices {
    var now: Int { loop.now }
    var unixNow: Int { loop.unixNow }
    var router: Router { Router(services: self) }
}

// The control thread's way to the workers.
extension NodeContext: MailSender {
    func post(to worker: Int, _ work: @escaping @Sendable (Worker) -> Void) {
        mailboxes[worker].post([.run(work)])
    }
}
