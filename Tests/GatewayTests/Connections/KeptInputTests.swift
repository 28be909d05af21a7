import Testing

@testable import Gateway

struct KeptInputTests {
    @Test("The rest of input that has waited is as old as it was, and never younger than it is")
    func age() {
        let first = KeptInput(for: .turn, at: 1000)
        let rest = KeptInput(for: .turn, at: 1250)
        rest.goesOn(from: first)
        #expect(rest.since == 1000)
        let later = KeptInput(for: .output, at: 900)
        later.goesOn(from: first)
        #expect(later.since == 900)
    }
}
