import Core
import TestSupport
import Testing

@Suite("Timer wheel")
struct TimerWheelTests {
    @Test("A deadline fires at its tick, not one millisecond before")
    func firesAtItsTick() {
        for due in [1, 249, 250, 251, 499, 500, 128_000, 128_001, 300_000] {
            var wheel = TimerWheel()
            wheel.schedule(7, at: due)
            let tick = (due + 249) / 250 * 250
            #expect(wheel.nextDue == tick)
            #expect(wheel.popDue(at: tick - 1) == nil, "due \(due)")
            #expect(wheel.popDue(at: tick) == 7, "due \(due)")
            #expect(wheel.popDue(at: tick + 1_000_000) == nil)
            #expect(wheel.count == 0 && wheel.nextDue == nil)
        }
    }

    @Test("A deadline in the past fires at the next tick")
    func pastFiresNext() {
        var wheel = TimerWheel(start: 10_000)
        wheel.schedule(1, at: 0)
        wheel.schedule(2, at: -5)
        wheel.schedule(3, at: 10_000)
        #expect(wheel.popDue(at: 10_249) == nil)
        var fired: Set<UInt32> = []
        wheel.advance(to: 10_250) { id in fired.insert(id) }
        #expect(fired == [1, 2, 3])
    }

    @Test("Scheduling again replaces, cancelling removes, both for ids that are not there too")
    func replaceAndCancel() {
        var wheel = TimerWheel()
        wheel.cancel(99)
        wheel.schedule(3, at: 1000)
        wheel.schedule(3, at: 5000)
        #expect(wheel.count == 1)
        #expect(wheel.popDue(at: 1000) == nil)
        #expect(wheel.isScheduled(3) && !wheel.isScheduled(2) && !wheel.isScheduled(4))
        wheel.cancel(3)
        wheel.cancel(3)
        #expect(wheel.count == 0 && !wheel.isScheduled(3))
        #expect(wheel.popDue(at: 10_000) == nil)
    }

    @Test("The farthest deadline does not overflow")
    func farthestDeadline() {
        var wheel = TimerWheel(tickMilliseconds: 2)
        wheel.schedule(0, at: Int.max)
        #expect(wheel.popDue(at: 1 << 32) == nil)
        #expect(wheel.isScheduled(0))
    }

    @Test("An id that reschedules itself into the past fires once per tick and ends")
    func reschedulingIntoThePastEnds() {
        var wheel = TimerWheel()
        wheel.schedule(0, at: 250)
        var fired = 0
        wheel.advance(to: 2500) { wheel, id in
            fired += 1
            wheel.schedule(id, at: 0)
        }
        #expect(fired == 10)
        #expect(wheel.nextDue == 2750)
    }

    @Test("From within, ids of the same bucket may be cancelled and rescheduled")
    func changesFromWithin() {
        // All pairs of (the one that acts, the one acted on) among three in one bucket, whatever their order in it.
        for actor in UInt32(0)..<3 {
            for target in UInt32(0)..<3 where target != actor {
                for cancels in [true, false] {
                    var wheel = TimerWheel()
                    for id in UInt32(0)..<3 { wheel.schedule(id, at: 1000) }
                    var fired: [UInt32] = []
                    wheel.advance(to: 1000) { wheel, id in
                        fired.append(id)
                        guard id == actor, !fired.contains(target) else { return }
                        if cancels { wheel.cancel(target) } else { wheel.schedule(target, at: 1000 + 512 * 250) }
                    }
                    let targetCameFirst = (fired.firstIndex(of: target) ?? 3) < (fired.firstIndex(of: actor) ?? 3)
                    #expect(Set(fired).count == fired.count)
                    #expect(fired.count == (targetCameFirst ? 3 : 2))
                    #expect(wheel.isScheduled(target) == (!targetCameFirst && !cancels))
                }
            }
        }
    }

    @Test("Against a naive model, in a random life", arguments: [UInt64(1), 2, 3, 4, 5, 6, 7, 8])
    func model(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let tick = [1, 10, 250].randomElement(using: &random) ?? 250
        var now = Int.random(in: 0...1_000_000, using: &random)
        var wheel = TimerWheel(start: now, tickMilliseconds: tick)
        // The model: each id's tick, as a multiple of the tick's width.
        var model: [UInt32: Int] = [:]
        var processed = now / tick
        func modelTick(_ due: Int) -> Int { max((max(due, 0) + tick - 1) / tick, processed + 1) }

        for step in 0..<4000 {
            let id = UInt32.random(in: 0..<64, using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                let due = now + Int.random(in: -5 * tick...(step % 7 == 0 ? 2000 : 40) * tick, using: &random)
                wheel.schedule(id, at: due)
                model[id] = modelTick(due)
            case 5:
                wheel.cancel(id)
                model[id] = nil
            default:
                now += Int.random(in: 0...(step % 50 == 0 ? 1500 : 6) * tick, using: &random)
                var fired: Set<UInt32> = []
                wheel.advance(to: now) { id in
                    #expect(fired.insert(id).inserted, "seed \(seed) step \(step): \(id) fired twice")
                }
                let expected = Set(model.filter { $0.value <= now / tick }.keys)
                #expect(fired == expected, "seed \(seed) step \(step)")
                for id in expected { model[id] = nil }
                processed = max(processed, now / tick)
            }
            #expect(wheel.count == model.count, "seed \(seed) step \(step)")
            #expect(wheel.nextDue == model.values.min().map { $0 * tick }, "seed \(seed) step \(step)")
            #expect(wheel.isScheduled(id) == (model[id] != nil), "seed \(seed) step \(step)")
        }
    }

    @Test("Ticks come in order while fewer than 512 pass at once")
    func ticksInOrder() {
        var random = SplitMix64(seed: 11)
        var wheel = TimerWheel()
        var dues: [Int] = []
        for id in UInt32(0)..<500 {
            let due = Int.random(in: 1...512, using: &random) * 250
            dues.append(due)
            wheel.schedule(id, at: due)
        }
        var fired: [Int] = []
        wheel.advance(to: 512 * 250) { id in fired.append(dues[Int(id)]) }
        #expect(fired == dues.sorted())
    }
}
