import Testing

@testable import Overload

struct AdmissionTests {
    /// Offers `count` of each of some priorities; how many were admitted.
    @discardableResult
    private func offer(
        _ priorities: [Admission.Priority], _ count: Int, to admission: inout Admission
    ) -> [Admission.Priority: Int] {
        var admitted: [Admission.Priority: Int] = [:]
        for _ in 0..<count {
            for priority in priorities where admission.admits(priority) { admitted[priority, default: 0] += 1 }
        }
        return admitted
    }

    @Test func allIsAdmittedUntilAShareIsLowered() {
        var admission = Admission()
        let admitted = offer(Admission.Priority.allCases, 100, to: &admission)
        #expect(admitted.values.allSatisfy { $0 == 100 } && !admission.isShedding)
        #expect(admission.offeredCount == 600)
        admission.begin()
        #expect(admission.offeredCount == 0)
        admission.lower(by: 0.5)
        #expect(!admission.isShedding, "nothing was asked for of which something could be taken")
    }

    @Test func whatIsLeastImportantGoesFirstAndWhatThereIsNoneOfIsPassedOver() {
        var admission = Admission()
        for _ in 0..<3 {
            offer([.reads, .messages, .directs], 100, to: &admission)
            admission.lower(by: 0.5)
        }
        #expect(admission.share(of: .typing) == 1 && admission.share(of: .joins) == 1)
        #expect(admission.share(of: .reads) == 0.125)
        #expect(admission.share(of: .messages) == 1 && admission.share(of: .directs) == 1)
        for _ in 0..<6 {
            offer([.reads, .messages, .directs], 100, to: &admission)
            admission.lower(by: 0.5)
        }
        #expect(admission.share(of: .reads) == 0)
        #expect(admission.share(of: .messages) < 1 && admission.share(of: .directs) == 1)
    }

    @Test func theMostImportantRisesFirst() {
        var admission = Admission()
        for _ in 0..<200 {
            offer(Admission.Priority.allCases, 1, to: &admission)
            admission.lower(by: 0.5)
        }
        #expect(Admission.Priority.allCases.allSatisfy { admission.share(of: $0) < 0.02 })
        var order: [Admission.Priority] = []
        for _ in 0..<100 where admission.isShedding {
            admission.raise(by: 2, atLeast: 0.1)
            for priority in Admission.Priority.allCases
            where admission.share(of: priority) == 1 && !order.contains(priority) {
                order.append(priority)
            }
        }
        #expect(order == Admission.Priority.allCases.reversed())
        #expect(!admission.isShedding)
    }

    @Test func theAdmittedLieEvenlyBetweenTheOthers() {
        var admission = Admission()
        offer([.messages], 1, to: &admission)
        admission.lower(by: 0.2)
        var gap = 0
        for _ in 0..<1000 {
            if admission.admits(.messages) { gap = 0 } else { gap += 1 }
            #expect(gap <= 5)
        }
    }

    @Test func neverIsNothingOfMessagesAdmitted() {
        var admission = Admission()
        for _ in 0..<100 {
            offer([.messages, .directs], 10, to: &admission)
            admission.lower(by: 0.5)
        }
        let admitted = offer([.messages, .directs], 1000, to: &admission)
        #expect(admitted[.messages] == 10 && admitted[.directs] == 10)
    }
}

struct DrainPaceTests {
    @Test("Who is shed waits for as long as it takes to admit those who wait already")
    func waits() {
        var pace = DrainPace()
        func settle(share: Double) {
            pace = DrainPace()
            for _ in 0..<200 {
                var admission = Admission()
                _ = admission.admits(.messages)
                admission.lower(by: share)
                admission.begin()
                for _ in 0..<1000 { _ = admission.admits(.messages) }
                pace.windowEnded(admission, elapsed: 50)
            }
        }
        settle(share: 0.5)
        #expect((950...1050).contains(pace.milliseconds(for: .messages)))
        settle(share: 0.1)
        #expect((8500...9500).contains(pace.milliseconds(for: .messages)))
        settle(share: 0.01)
        #expect(pace.milliseconds(for: .messages) == DrainPace.milliseconds.upperBound)
        #expect(pace.milliseconds(for: .directs) == DrainPace.milliseconds.lowerBound)
    }

    @Test("A second after the last refusal nobody waits any more")
    func fades() {
        var pace = DrainPace()
        var admission = Admission()
        _ = admission.admits(.messages)
        admission.lower(by: 0.1)
        for _ in 0..<1000 { _ = admission.admits(.messages) }
        pace.windowEnded(admission, elapsed: 50)
        #expect(pace.milliseconds(for: .messages) > 1000)
        admission.begin()
        pace.windowEnded(admission, elapsed: 1000)
        #expect(pace.milliseconds(for: .messages) == DrainPace.milliseconds.lowerBound)
    }

    @Test("Waits are spread by half of their middle")
    func spread() {
        var random = SystemRandomNumberGenerator()
        let controller = InnerController()
        let waits = (0..<500).map { _ in controller.retryMilliseconds(after: .messages, using: &random) }
        #expect(waits.allSatisfy { (50...150).contains($0) } && Set(waits).count > 20)
    }
}
