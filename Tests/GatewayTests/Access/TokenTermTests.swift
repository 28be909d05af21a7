import Testing

@testable import Gateway

@Suite("The time that a token gives")
struct TokenTermTests {
    @Test("A client is reminded once, 30 seconds before the end, and the end comes at the token's")
    func longTerm() {
        var term = TokenTerm(expiresAt: 100_000, at: 10_000)
        #expect(term.due == 70_000 && term.turn(at: 69_999, mayRemind: true) == .nothing)
        #expect(term.turn(at: 70_000, mayRemind: false) == .nothing && term.due == 70_000)
        #expect(term.turn(at: 70_000, mayRemind: true) == .remind)
        #expect(term.turn(at: 70_001, mayRemind: true) == .nothing && term.due == 100_000)
        #expect(term.turn(at: 99_999, mayRemind: true) == .nothing && term.turn(at: 100_000, mayRemind: true) == .end)
    }

    @Test("A shorter term's reminder comes when half of it is over")
    func shortTerm() {
        var term = TokenTerm(expiresAt: 12_000, at: 10_000)
        #expect(term.due == 11_000 && term.turn(at: 10_999, mayRemind: true) == .nothing)
        #expect(term.turn(at: 11_000, mayRemind: true) == .remind && term.due == 12_000)
    }

    @Test("A token that comes in the leeway behind its end has the leeway, and a reminder at once")
    func leeway() {
        var term = TokenTerm(expiresAt: 10_000, at: 10_000)
        #expect(term.turn(at: 10_000, mayRemind: true) == .remind && term.due == 15_000)
        #expect(term.turn(at: 14_999, mayRemind: true) == .nothing && term.turn(at: 15_000, mayRemind: true) == .end)
    }
}
