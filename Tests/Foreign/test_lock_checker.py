"""The checker of Tests/Measure/locks.py finds what it is there to find."""

import pytest
from lock_checker import Counters, check


def hold(token, begin, end, *more):
    times = [{"event": "valid", "at": time, "lock": "a", "token": token} for time in (begin, end)]
    return times + [{"lock": "a", "token": token} | event for event in more]


def lost(at, ttl_end, idle=100):
    return {"event": "lost", "at": at, "ttl_end": ttl_end, "idle_ms": idle, "why": "expired"}


SOUND = {
    "one": hold(5, 100, 200) + hold(9, 400, 500, lost(700, 800)) + hold(12, 2000, 2100, lost(9000, 3000, idle=5000)),
    "two": hold(7, 200, 400) + [{"event": "valid", "at": 150, "lock": "b", "token": 6}],
}


def test_sound():
    faults, figures = check(SOUND)
    assert faults == [] and figures["lost"] == 2 and figures["lost while the process did not run"] == 1


@pytest.mark.parametrize(
    "events,words",
    [
        (hold(8, 399, 401), "at once"),
        (hold(8, 100, 2050), "at once"),
        (hold(8, 120, 130), "before an earlier"),
        (hold(4, 300, 310), "at once"),
        (hold(4, 600, 610), "follows"),
        (hold(9, 600, 610), "several holders"),
        (hold(10, 600, 610, lost(801, 800)), "after the end of the ttl"),
        (hold(10, 600, 610, lost(700, 800), {"event": "valid", "at": 701}), "after it was lost"),
        (hold(10, 600, 610, {"event": "invalid", "at": 650}, {"event": "valid", "at": 660}), "after it was invalid"),
    ],
)
def test_broken(events, words):
    faults, _ = check(SOUND | {"three": events})
    assert any(words in fault for fault in faults), faults


def test_counters():
    counters = Counters()
    assert counters.answer("read a 5") == "0" and counters.answer("write a 5 1") == "1"
    assert counters.answer("read a 9") == "1" and counters.answer("write a 5 2") == "refused"
    assert counters.answer("read b 4") == "0" and counters.lost_updates == 0
    # Who has the same token, but read before the other's write.
    assert counters.answer("write a 9 2") == "2" and counters.answer("write a 9 2") == "2"
    assert (counters.lost_updates, counters.written, counters.refused) == (1, 3, 1)
