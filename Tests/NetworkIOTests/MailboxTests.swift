import TestSupport
import Testing

@testable import NetworkIO

@Suite("Mailboxes and threads")
struct MailboxTests {
    private struct Message: Sendable, Equatable {
        let sender: Int
        let number: Int
    }

    @Test("four senders: nothing is lost, and each one's messages come in order")
    func fourSenders() throws {
        let seed = UInt64.random(in: .min ... .max)
        let count = 20_000
        let mailbox = Mailbox<Message>()
        let driver = try LoopDriver()
        var next = [0, 0, 0, 0]
        var misplaced = 0
        driver.woken = {
            for message in mailbox.takeAll() {
                if message.number != next[message.sender] { misplaced += 1 }
                next[message.sender] += 1
            }
        }
        mailbox.connect(to: driver.loop.wakeHandle)
        let threads = try (0..<4).map { sender in
            try Thread(name: "sender-\(sender)") {
                var random = SplitMix64(seed: seed &+ UInt64(sender))
                var number = 0
                while number < count {
                    let size = min(count - number, Int.random(in: 0...20, using: &random))
                    mailbox.post(ContiguousArray((number..<number + size).map { Message(sender: sender, number: $0) }))
                    number += size
                }
            }
        }
        driver.run(until: { next == [count, count, count, count] })
        for thread in threads { thread.join() }
        #expect(misplaced == 0, "seed \(seed)")
        #expect(mailbox.takeAll().isEmpty)
        mailbox.connect(to: nil)
    }

    @Test("a message that came before the loop wakes it when the mailbox is connected")
    func early() throws {
        let mailbox = Mailbox<Int>()
        mailbox.post([1, 2])
        mailbox.post([])
        mailbox.post([3])
        let driver = try LoopDriver()
        var received: [Int] = []
        driver.woken = { received += mailbox.takeAll() }
        mailbox.connect(to: driver.loop.wakeHandle)
        driver.run(until: { received.count >= 3 })
        #expect(received == [1, 2, 3])
        mailbox.connect(to: nil)
    }

    @Test("a message wakes a loop that sleeps, again and again")
    func ping() throws {
        let toLoop = Mailbox<Int>()
        let fromLoop = Mailbox<Int>()
        let driver = try LoopDriver()
        let other = try LoopThread(receiving: fromLoop, answeringTo: toLoop)
        var last = 0
        driver.woken = {
            for message in toLoop.takeAll() {
                #expect(message == last + 1)
                last = message
                if last < 2000 { fromLoop.post([last]) }
            }
        }
        toLoop.connect(to: driver.loop.wakeHandle)
        fromLoop.post([0])
        driver.run(until: { last == 2000 })
        toLoop.connect(to: nil)
        fromLoop.post([-1])
        other.thread.join()
    }

    /// A loop on a thread of its own that answers n with n + 1, until it gets -1.
    private struct LoopThread {
        let thread: Thread

        init(receiving inbox: Mailbox<Int>, answeringTo outbox: Mailbox<Int>) throws {
            thread = try Thread(name: "answering") {
                guard let driver = try? LoopDriver() else { return }
                var isOver = false
                driver.woken = {
                    for message in inbox.takeAll() {
                        if message < 0 { isOver = true } else { outbox.post([message + 1]) }
                    }
                }
                inbox.connect(to: driver.loop.wakeHandle)
                driver.run(until: { isOver })
                inbox.connect(to: nil)
            }
        }
    }

    @Test("a thread runs its body, and joining waits for it")
    func threads() throws {
        let mailbox = Mailbox<Int>()
        let threads = try (0..<8).map { number in try Thread(name: "fifteen-bytes-o") { mailbox.post([number]) } }
        for thread in threads { thread.join() }
        #expect(Set(mailbox.takeAll()) == Set(0..<8))
    }
}
