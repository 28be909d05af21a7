import Core
import Testing

@testable import Gateway

@Suite("What connections hold has a budget of the whole node")
struct HeldMemoryTests {
    /// Two workers of a node whose budget is `budget`.
    private func workers() throws -> (NodeContext, HeldMemory, HeldMemory, budget: Int) {
        let context = try FakeNode.context()
        let (budget, count) = (context.budgets.input, context.workerCount)
        return (
            context, HeldMemory(budget, workerCount: count), HeldMemory(budget, workerCount: count), budget.bytesMax
        )
    }

    @Test("Within the budget nobody is closed; one byte over it, the one that holds most")
    func largest() throws {
        var (context, first, _, budget) = try workers()
        first.holds(1000, 1)
        first.holds(budget - 1000, 2)
        #expect(first.excessive == nil && context.budgets.input.heldBytes == budget)
        first.holds(1001, 1)
        #expect(first.excessive == 2)
        first.holds(0, 2)
        #expect(first.excessive == nil && context.budgets.input.heldBytes == 1001)
        first.holds(0, 1)
        first.holds(0, 1)
        #expect(context.budgets.input.heldBytes == 0)
    }

    @Test("The worker gives that holds at least its part, not one that holds little")
    func part() throws {
        var (_, first, second, budget) = try workers()
        first.holds(budget, 1)
        second.holds(100, 2)
        #expect(first.excessive == 1 && second.excessive == nil)
        first.holds(budget / 2 - 10, 1)
        second.holds(budget / 2 + 20, 2)
        #expect(first.excessive == nil && second.excessive == 2)
    }

    @Test("An address has its share: over it its largest goes, and nobody else's")
    func address() throws {
        var (context, first, _, _) = try workers()
        let share = max(
            context.budgets.input.addressBytesMax / context.workerCount, context.budgets.input.singleBytesMax)
        let (mallory, ann) = (IPAddress(v4: 1), IPAddress(v4: 2))
        first.holds(share, 1, of: ann)
        first.holds(share - 100, 2, of: mallory)
        first.holds(100, 3, of: mallory)
        first.holds(share, 4)
        #expect(first.excessive == nil)
        first.holds(101, 3, of: mallory)
        #expect(first.excessive == 2)
        first.holds(0, 2)
        #expect(first.excessive == nil)
        // Two at once: both give, in any order.
        first.holds(share + 1, 5, of: IPAddress(v4: 3))
        first.holds(share + 1, 6, of: IPAddress(v4: 4))
        for _ in 0..<2 { first.holds(0, first.excessive ?? 0) }
        #expect(first.excessive == nil)
        // One that is found to be somebody else's stays with whom it was counted.
        first.holds(50, 3, of: ann)
        #expect(first.excessive == nil && context.budgets.input.heldBytes == 2 * share + 50)
    }

    @Test("An address that holds more than half of its share is held back, and nobody else")
    func half() throws {
        var (context, first, _, _) = try workers()
        let share = max(
            context.budgets.input.addressBytesMax / context.workerCount, context.budgets.input.singleBytesMax)
        let (mallory, ann) = (IPAddress(v4: 1), IPAddress(v4: 2))
        first.holds(share / 2, 1, of: mallory)
        #expect(!first.isHalfFull(mallory) && !first.isHalfFull(nil))
        first.holds(share / 2 + 1, 1, of: mallory)
        #expect(first.isHalfFull(mallory) && !first.isHalfFull(ann) && !first.isHalfFull(nil))
        first.holds(0, 1)
        #expect(!first.isHalfFull(mallory))
    }

    @Test("The budget is an eighth of the memory limit, and never too small for a message")
    func size() {
        #expect(HeldBudget.input(memoryMax: 1 << 30, messageBytesMax: 65_536).bytesMax == 1 << 27)
        let least = HeldBudget.leastBytes + 2 * 65_536
        #expect(HeldBudget.input(memoryMax: 1 << 20, messageBytesMax: 65_536).bytesMax == least)
        #expect(HeldBudget.input(memoryMax: nil, messageBytesMax: 65_536).bytesMax == 1 << 29)
        #expect(HeldBudget.output(memoryMax: 1 << 30, queueBytesMax: 1 << 20).bytesMax == 1 << 28)
        #expect(HeldBudget.output(memoryMax: 1 << 20, queueBytesMax: 1 << 20).bytesMax == 6 << 20)
        #expect(HeldBudget.output(memoryMax: 1 << 30, queueBytesMax: 1 << 20).addressBytesMax == 32 << 20)
    }
}
