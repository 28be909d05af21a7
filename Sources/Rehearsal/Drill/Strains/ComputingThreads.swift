import NetworkIO
import Synchronization
import Toolkit

/// Threads that do nothing but compute.
final class ComputingThreads: Strain {
    /// Shared with the threads.
    private final class Order: Sendable {
        let isOver = Atomic<Bool>(false)
    }

    let name = "cpu"
    let signals = ["host_cpu", "cpu_pressure"]
    private let count: Int
    private let order = Order()
    private var threads: [Thread] = []

    init(count: Int) { self.count = count }

    func prepare(for status: NodeStatus) -> String {
        "\(Figures.count(count, "thread")) of this machine compute; the node is expected to stay normal"
    }

    func begin() throws {
        for _ in 0..<count {
            let order = order
            do throws(SystemError) {
                threads.append(
                    try Thread(name: "drill") {
                        var value: UInt64 = 1
                        while !order.isOver.load(ordering: .relaxed) {
                            for _ in 0..<10_000 { value = value &* 6_364_136_223_846_793_005 &+ 1 }
                            // What is looked at is not optimised away.
                            if value == 0 { return }
                        }
                    })
            } catch {
                throw SceneFault("\(error)")
            }
        }
    }

    func turn() {}
    func progress(_ status: NodeStatus?) -> String { Figures.count(threads.count, "thread") }

    func undo() {
        order.isOver.store(true, ordering: .relaxed)
        for thread in threads { thread.join() }
        threads = []
    }
}
