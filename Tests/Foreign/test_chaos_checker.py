"""The checker of Tests/Measure/chaos.py, held to logs in which one rule is broken."""

import asyncio

import pytest
from chaos_checker import Checker, Record
from chaos_cluster import Life, Wipe
from chaos_member import Member, Trace

ROOM = "r"


def member(user, *connections, sent=("a1", "b1"), pending=(), life=None):
    """A member whose connections are (given position, [frames]); each frame is a second after the last."""
    made = Member(None, 0, user, [ROOM], None, None, None)
    made.first_sent = {(ROOM, id): 100.0 for id in sent if id[0] == user}
    made.pending[ROOM] = dict.fromkeys(pending)
    life = life or Life(0, 0, 0.0)
    at = 10.0
    for number, (given, frames) in enumerate(connections):
        trace = Trace(made, number, life, {ROOM: given}, at)
        for frame in frames:
            at = max(at + 1, 101.0) if frame["type"] != "joined_room" else at + 1
            trace.events.append((at, ROOM, frame))
            if frame["type"] == "joined_room":
                trace.joined_at[ROOM] = at
        trace.ended, trace.end = at, "over" if number == len(connections) - 1 else "dropped"
        made.traces.append(trace)
    return made


def joined(seq=0, epoch="E", recovered=False, missed=0):
    return {"type": "joined_room", "room": ROOM, "epoch": epoch, "seq": seq, "recovered": recovered, "missed": missed}


def message(seq, id, epoch="E"):
    return {"type": "message", "room": ROOM, "epoch": epoch, "seq": seq, "user": id[0], "id": id}


def shown(id):
    return {"type": "message", "room": ROOM, "provisional": True, "user": id[0], "id": id}


def confirm(seq, id, epoch="E"):
    return {"type": "confirm", "room": ROOM, "epoch": epoch, "entries": [{"user": id[0], "id": id, "seq": seq}]}


def ack(seq, id, epoch="E", **more):
    return {"type": "ack", "room": ROOM, "id": id, "durable": "redis", "epoch": epoch, "seq": seq, **more}


def local(id):
    return {"type": "ack", "room": ROOM, "id": id, "durable": "local"}


def gap(next_seq, reason, epoch="E"):
    return {"type": "gap", "room": ROOM, "epoch": epoch, "next_seq": next_seq, "reason": reason}


def rules(*members, history=((1, "a1"), (2, "b1")), epoch="E", wipes=(), clear_air=lambda life, since: 1000.0):
    """The rules that the checker says are broken."""
    entries = [(seq, id[0], id) for seq, id in history]
    newest = entries[-1][0] if entries else 0
    record = Record(
        members=list(members),
        lives=list({trace.life: None for one in members for trace in one.traces}),
        wipes=list(wipes),
        clear_air=clear_air,
        histories={ROOM: {"node-0": (epoch, newest, entries)}},
        faults=[],
    )
    return sorted({violation.rule for violation in Checker(record).check().violations})


def author(*frames):
    """The author of a1, who sees what is right, or these frames."""
    return member("a", (None, [joined(), *(frames or (ack(1, "a1"), message(2, "b1")))]))


def other(*frames, given=None):
    return member("b", (given, [joined(), *frames]))


def test_what_is_right_is_right():
    assert rules(author(), other(message(1, "a1"), ack(2, "b1"))) == []
    assert rules(author(), other(message(1, "a1"), local("b1"), confirm(2, "b1"))) == []
    assert rules(author(), other(message(1, "a1"), ack(2, "b1"), ack(2, "b1", duplicate=True))) == []
    assert rules(author(shown("b1"), ack(1, "a1"), confirm(2, "b1")), other(message(1, "a1"), ack(2, "b1"))) == []


def test_a_new_epoch_with_its_gap_is_right():
    again = [message(1, "a1"), ack(2, "b1"), gap(5, "epoch_changed", "F"), ack(5, "b2", "F")]
    one = author(ack(1, "a1"), message(2, "b1"), gap(5, "epoch_changed", "F"), message(5, "b2", "F"))
    two = member("b", (None, [joined(), *again]), sent=("b1", "b2"))
    assert rules(one, two, history=((3, "a1"), (4, "b1"), (5, "b2")), epoch="F") == []


@pytest.mark.parametrize(
    "frames, broken",
    [
        ([message(1, "a1")], ["lost in silence"]),
        ([ack(2, "b1")], ["lost in silence", "order"]),
        ([message(1, "a1"), message(1, "a1"), ack(2, "b1")], ["once", "order"]),
        ([message(1, "a1"), gap(3, "trimmed"), ack(3, "b1")], ["agreement"]),
        ([gap(2, "trimmed"), ack(2, "b1")], ["lost behind a gap"]),
        ([message(1, "a1"), gap(1, "ahead"), ack(2, "b1")], ["gap", "order"]),
        ([message(1, "a1"), gap(2, "trimmed"), ack(2, "b1")], ["gap"]),
        ([ack(1, "b1"), message(2, "a1")], ["agreement", "history"]),
        ([shown("a1"), ack(2, "b1")], ["order", "unconfirmed"]),
        ([confirm(1, "a1"), ack(2, "b1")], ["confirm"]),
        ([shown("a1"), message(1, "a1"), ack(2, "b1")], ["once"]),
        ([message(1, "a1"), shown("a1"), ack(2, "b1")], ["once"]),
        ([message(1, "a1", "F"), ack(2, "b1")], ["order"]),
        ([message(1, "a1"), ack(2, "b1", durable="memory")], ["ack"]),
        ([message(1, "a1"), ack(2, "b1"), message(3, "a9")], ["agreement"]),
    ],
)
def test_what_is_wrong_on_a_connection_is_found(frames, broken):
    found = rules(author(), other(*frames))
    assert set(broken) <= set(found), found


@pytest.mark.parametrize(
    "given, second, broken",
    [
        (("E", 1), [joined(2, recovered=True, missed=1), ack(2, "b1")], []),
        (("E", 1), [joined(2, recovered=True, missed=0), ack(2, "b1")], ["resume"]),
        (("E", 1), [joined(2), ack(2, "b1")], ["resume"]),
        (("E", 1), [joined(2, recovered=True, missed=2), message(1, "a1"), ack(2, "b1")], ["once", "order", "resume"]),
        (("E", 0), [joined(2, recovered=True, missed=2), message(1, "a1"), ack(2, "b1")], ["once"]),
        (("E", 1), [joined(1, missed=0), gap(2, "trimmed"), ack(2, "b1")], ["gap"]),
        (("E", 3), [joined(1, missed=0), gap(2, "ahead"), ack(2, "b1")], []),
        (("X", 9), [joined(1, missed=1), gap(1, "epoch_changed"), message(1, "a1"), ack(2, "b1")], []),
    ],
)
def test_what_is_wrong_with_a_resume_is_found(given, second, broken):
    coming = member("b", (None, [joined(), message(1, "a1")]), (given, second))
    assert rules(author(), coming) == broken


def test_what_was_acked_and_is_gone_is_found():
    assert rules(author(), other(message(1, "a1"), ack(2, "b1")), history=((1, "a1"),)) == ["lost"]
    assert rules(author(), other(message(1, "a1"), local("b1")), history=((1, "a1"),)) == ["lost", "unconfirmed"]
    assert rules(author(), member("b", (None, [joined(), message(1, "a1")]), pending=["b1"])) == ["answer", "lost in silence"]


def test_a_history_with_a_message_twice_is_found():
    found = rules(author(), other(message(1, "a1"), ack(2, "b1")), history=((1, "a1"), (2, "b1"), (3, "a1")))
    assert found == ["history"]


@pytest.mark.parametrize(
    "ended, clear, broken",
    [
        # The node that held b1 lives: it had to bring it back.
        (None, 0, ["lost"]),
        # It was killed before the wipe, or too soon after it; or long after it.
        (150.0, 0, []),
        (205.0, 1, []),
        (260.0, 50, ["lost"]),
    ],
)
def test_what_a_wiped_redis_took_is_left_out_only_when_no_node_held_it(ended, clear, broken):
    holder = Life(1, 0, 0.0, ended)
    one = author(ack(1, "a1"), gap(2, "epoch_changed", "F"))
    two = member("b", (None, [joined(), message(1, "a1"), ack(2, "b1")]), life=holder)
    found = rules(
        one, two, history=((1, "a1"),), epoch="F", wipes=[Wipe(120.0, 121.0)], clear_air=lambda life, since: clear
    )
    assert found == broken


@pytest.mark.parametrize("overtaken, broken", [(False, []), (True, ["lost"])])
def test_what_a_killed_node_kept_is_left_out_only_when_it_was_not_overtaken(overtaken, broken):
    holder = Life(1, 0, 0.0, 150.0)
    frames = [joined(), message(1, "a1"), {"type": "sent", "id": "b1"}, local("b1")]
    history = ((1, "a1"),)
    if overtaken:
        frames += [{"type": "sent", "id": "b2"}, ack(2, "b2")]
        history = ((1, "a1"), (2, "b2"))
    two = member("b", (None, frames), (("E", 1), [joined(1, recovered=True)]), sent=("b1", "b2"), life=holder)
    one = author(ack(1, "a1"), *([message(2, "b2")] if overtaken else []))
    two.first_sent = {place: at for place, at in two.first_sent.items() if overtaken or place[1] == "b1"}
    if overtaken:
        two.traces[1].given = {ROOM: ("E", 2)}
        two.traces[1].events = [(at, room, joined(2, recovered=True)) for at, room, _ in two.traces[1].events]
    assert rules(one, two, history=history, clear_air=lambda life, since: 1.0) == broken


@pytest.mark.parametrize(
    "durable, ended, wiped, is_there, broken",
    [
        ("redis", None, None, True, []),
        ("redis", None, None, False, ["direct"]),
        ("redis", 150.0, None, False, ["direct"]),
        ("redis", None, 105.0, False, []),
        ("local", None, None, False, ["direct"]),
        ("local", 150.0, None, False, []),
    ],
)
def test_a_direct_that_was_acked_reaches_its_receiver(durable, ended, wiped, is_there, broken):
    one, two = author(ack(1, "a1")), member("b", (None, [joined(), message(1, "a1"), ack(2, "b1")]))
    one.directs.acked["d"] = ("b", 100.0, durable, Life(0, 0, 0.0, ended))
    if is_there:
        two.directs.got["a", "d"] = two.traces[0]
    found = rules(one, two, wipes=[Wipe(wiped, wiped + 1)] if wiped else [])
    assert [rule for rule in found if rule == "direct"] == broken


def test_a_direct_comes_once_and_in_order_on_a_connection():
    made = member("b", (None, [joined()]), sent=())
    made.trace = made.traces[0]

    def take(*frames):
        for frame in frames:
            asyncio.run(made.directs.takes({"type": "direct", "from": "a", "to": "b", **frame}))
        found, made.directs.violations = len(made.directs.violations), []
        return found

    def direct(id, seq, **more):
        return {"id": id, "epoch": "E", "seq": seq, "content": f"{id} to b"} | more

    assert take(direct("d1", 1), direct("d2", 3)) == 0
    assert take(direct("d1", 4)) == 1
    assert take(direct("d3", 2)) == 1
    assert take(direct("d4", 5, content="other")) == 1
    made.directs.connected()
    assert take(direct("d1", 1), direct("d2", 1, epoch="F")) == 0
