"""The checker of Tests/Measure/chaos.py, held to logs in which one rule is broken, and to what is right."""

import asyncio

import pytest
from chaos_checker import Checker, Record
from chaos_cluster import Life, Wipe
from chaos_member import Member, Trace

ROOM = "r"


def member(user, *connections, sent=("a1", "b1"), pending=(), life=None, lives=()):
    """A member whose connections are (given position, [frames]); each frame is a second after the last, or a number: a
    pause of so many seconds. `lives` are the nodes of its connections.
    """
    made = Member(None, 0, user, [ROOM], None, None, None)
    made.first_sent = {(ROOM, id): 100.0 for id in sent if id[0] == user}
    made.pending[ROOM] = dict.fromkeys(pending)
    life = life or Life(0, 0, 0.0)
    at = 10.0
    for number, (given, frames) in enumerate(connections):
        trace = Trace(made, number, lives[number] if lives else life, {ROOM: given}, at)
        for frame in frames:
            if isinstance(frame, (int, float)):
                at += frame
                trace.opened = trace.opened if trace.events else at
                continue
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


def pending(seq=0, epoch="E"):
    return joined(seq, epoch) | {"pending": True}


def rules(
    *members,
    history=((1, "a1"), (2, "b1")),
    epoch="E",
    wipes=(),
    clear_air=lambda life, since, to=None: 1000.0,
    newest=None,
    **more,
):
    """The rules that the checker says are broken."""
    entries = [(seq, id[0], id) for seq, id in history]
    newest = newest or (entries[-1][0] if entries else 0)
    record = Record(
        members=list(members),
        lives=list({trace.life: None for one in members for trace in one.traces}),
        wipes=list(wipes),
        clear_air=clear_air,
        histories={ROOM: {"node-0": (epoch, newest, entries)}},
        faults=[],
        **more,
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
    history = ((3, "a1"), (4, "b1"), (5, "b2"))
    assert rules(one, two, history=history, epoch="F", wipes=[Wipe(102.4, 102.8)]) == []


def test_who_is_led_over_is_shown_before_what_is_new_behind_it():
    led = [shown("b2"), gap(3, "epoch_changed", "F"), confirm(3, "b2", "F"), gap(6, "trimmed", "F")]
    one = author(ack(1, "a1"), message(2, "b1"), *led)
    again = [message(1, "a1"), ack(2, "b1"), gap(3, "epoch_changed", "F"), ack(3, "b2", "F"), gap(6, "trimmed", "F")]
    two = member("b", (None, [joined(), *again]), sent=("b1", "b2"))
    history = ((3, "b2"), (4, "a1"), (5, "b1"))
    assert rules(one, two, history=history, epoch="F", wipes=[Wipe(102.4, 102.8)]) == []


@pytest.mark.parametrize(
    "frames, broken",
    [
        ([message(1, "a1")], ["lost in silence"]),
        ([ack(2, "b1")], ["lost in silence", "order"]),
        ([message(1, "a1"), message(1, "a1"), ack(2, "b1")], ["once", "behind"]),
        ([message(1, "a1"), gap(3, "trimmed"), ack(3, "b1")], ["agreement"]),
        ([gap(2, "trimmed"), ack(2, "b1")], ["lost behind a gap"]),
        ([message(1, "a1"), gap(1, "ahead"), ack(2, "b1")], ["gap", "order"]),
        ([message(1, "a1"), gap(2, "trimmed"), ack(2, "b1")], ["gap"]),
        ([message(1, "a1"), gap(2, "epoch_changed"), ack(2, "b1")], ["gap"]),
        ([message(1, "a1"), gap(5, "epoch_changed"), ack(5, "b1")], ["gap"]),
        ([shown("a1"), confirm(1, "a1"), confirm(1, "a1"), ack(2, "b1")], ["behind", "confirmed twice"]),
        ([shown("a1"), ack(1, "b1"), confirm(1, "a1")], ["behind"]),
        ([message(1, "a1"), local("b1") | {"stored": False}, confirm(2, "b1")], ["ack"]),
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
        # Of what was missed the second message is not stored: its gap stands where it lacks.
        (("E", 1), [joined(3, missed=1), ack(2, "b1"), gap(4, "not_stored")], []),
        (("E", 1), [joined(2, recovered=True, missed=2), message(1, "a1"), ack(2, "b1")], ["behind", "once", "resume"]),
        (("E", 0), [joined(2, recovered=True, missed=2), message(1, "a1"), ack(2, "b1")], ["once"]),
        (("E", 1), [joined(1, missed=0), gap(2, "trimmed"), ack(2, "b1")], ["gap"]),
        (("E", 1), [joined(1, missed=0), gap(2, "epoch_changed"), ack(2, "b1")], ["gap"]),
        (("E", 3), [joined(1, missed=0), gap(2, "ahead"), ack(2, "b1")], []),
        (("X", 9), [joined(1, missed=1), gap(1, "epoch_changed"), message(1, "a1"), ack(2, "b1")], ["once"]),
        # A node that is behind says so, and goes on from the position, or says a gap.
        (("E", 1), [pending(), ack(2, "b1")], []),
        (("E", 1), [pending(), local("b1"), confirm(2, "b1")], []),
        (("E", 1), [pending(), message(1, "a1"), ack(2, "b1")], ["behind", "once"]),
        (("E", 3), [pending(), gap(2, "ahead"), ack(2, "b1")], []),
        (("E", 1), [pending(), gap(2, "epoch_changed"), ack(2, "b1")], ["gap"]),
        # Who comes without its state may be given everything.
        (None, [joined(0), message(1, "a1"), ack(2, "b1")], []),
    ],
)
def test_what_is_wrong_with_a_resume_is_found(given, second, broken):
    coming = member("b", (None, [joined(), message(1, "a1")]), (given, second))
    assert rules(author(), coming) == broken


def test_who_resumes_elsewhere_gets_what_was_provisional_as_a_message():
    one, two = Life(0, 0, 0.0), Life(1, 0, 0.0)
    again = [joined(1, recovered=True, missed=1), message(1, "a1"), ack(2, "b1")]
    moved = member("b", (None, [joined(), shown("a1")]), (("E", 0), again), lives=(one, two))
    assert rules(author(), moved) == []
    # Or, where the store is away there, too, without a place again.
    again = [pending(), shown("a1"), confirm(1, "a1"), ack(2, "b1")]
    moved = member("b", (None, [joined(), shown("a1")]), (("E", 0), again), lives=(one, two))
    assert rules(author(), moved) == []


@pytest.mark.parametrize("knows, broken", [(True, ["once"]), (False, [])])
def test_what_has_a_place_is_shown_without_one_only_by_a_node_that_never_had_it(knows, broken):
    one, other_node = Life(0, 0, 0.0), Life(1, 0, 0.0)
    second = [pending(), shown("a1"), ack(2, "b1")]
    coming = member(
        "b", (None, [joined(), message(1, "a1")]), (("E", 1), second), lives=(one, one if knows else other_node)
    )
    assert rules(author(), coming) == broken


def test_a_message_that_is_said_again_to_a_node_that_could_not_know_it_is_confirmed_at_its_place():
    one, two = Life(0, 0, 0.0), Life(1, 0, 0.0)
    second = [pending(2), local("b1"), confirm(2, "b1")]
    coming = member("b", (None, [joined(), message(1, "a1"), ack(2, "b1")]), (("E", 2), second), lives=(one, two))
    assert rules(author(), coming) == []


def test_what_a_client_had_passed_when_it_was_shown_is_confirmed_behind_it():
    one, two = Life(0, 0, 0.0), Life(1, 0, 0.0)
    second = [pending(), shown("a1"), confirm(1, "a1"), ack(2, "b1")]
    coming = member("b", (None, [joined(1)]), (("E", 1), second), lives=(one, two))
    assert rules(author(), coming) == []


def test_a_message_is_confirmed_to_a_client_once():
    one = Life(0, 0, 0.0)
    second = [joined(1, recovered=True), shown("a1"), confirm(2, "a1")]
    coming = member("b", (None, [joined(), shown("a1"), confirm(1, "a1")]), (("E", 1), second), life=one, sent=())
    assert "confirmed twice" in rules(author(ack(1, "a1")), coming, history=((1, "a1"),))


# A wipe, and a fork: F begins with a1 and b1 at 3 and 4. `b` saw both in E, and comes back.

FORKED = ((3, "a1"), (4, "b1"))


def fork(holder_ends=None, wipe_later=False, clear=100.0):
    """The rules that are broken when `b`, who had both in E, is given both again in F by a new node. A third member is
    in all the time, at a node that held both and lived, or ended before `b` came back.
    """
    holder, new = Life(0, 0, 0.0, holder_ends), Life(1, 0, 0.0)
    stays = [joined(), message(1, "a1"), message(2, "b1"), 8, gap(5, "epoch_changed", "F")]
    if holder_ends:
        stays = stays[:3]
    third = member("c", (None, stays), life=holder, sent=())
    third.traces[0].end, third.positions = "lost" if holder_ends else "over", {}
    again = [20, joined(4, "F", missed=2), gap(3, "epoch_changed", "F"), message(3, "a1", "F"), message(4, "b1", "F")]
    back = member("b", (None, [joined(), message(1, "a1"), ack(2, "b1")]), (("E", 2), again), lives=(holder, new))
    one = author(ack(1, "a1"), message(2, "b1"), 8, gap(5, "epoch_changed", "F"))
    one.traces[0].life = new
    one.traces[0].events = one.traces[0].events[:1]  # It is not asked what it saw.
    wipes = [Wipe(105.0, 106.0)] + ([Wipe(120.0, 121.0)] if wipe_later else [])
    return rules(
        one, third, back, history=FORKED, epoch="F", wipes=wipes, clear_air=lambda life, since, to=None: clear
    )


def test_what_a_client_had_is_not_repeated_behind_a_fork_that_a_living_node_knows():
    assert "once" in fork()


def test_what_a_client_had_may_be_repeated_behind_a_fork_that_nobody_knows():
    assert "once" not in fork(holder_ends=104.0)
    # What Redis knew of it went with another wipe, and could not be put back.
    assert "once" in fork(wipe_later=True)
    assert "once" not in fork(wipe_later=True, clear=0.0)


def test_a_history_that_goes_on_is_not_left():
    second = [pending(), gap(2, "epoch_changed", "F")]
    coming = member("b", (None, [joined(), message(1, "a1")]), (("E", 1), second))
    assert "forked" in rules(author(), coming)
    assert "forked" not in rules(author(), coming, wipes=[Wipe(101.5, 102.0)])
    # What came directly behind a wipe was on its way before it.
    assert "forked" not in rules(author(), coming, wipes=[Wipe(100.5, 100.8)])
    assert "forked" in rules(author(), coming, wipes=[Wipe(100.0, 100.2)])
    # Who stands at 0 may stand in an epoch that was made without Redis.
    coming = member("b", (None, [joined(0, "X")]), (("X", 0), [joined(2, missed=2), gap(1, "epoch_changed")]))
    assert "forked" not in rules(author(), coming)


def test_what_a_client_says_itself_stands_in_front_of_no_gap():
    sent = {"type": "sent", "id": "b1"}
    second = [joined(2, "F", missed=1), sent, gap(2, "epoch_changed", "F"), message(2, "a2", "F")]
    coming = member("b", (None, [joined(), message(1, "a1")]), (("E", 1), second))
    assert "resume" not in rules(author(), coming, wipes=[Wipe(101.5, 102.0)])


def test_a_confirmation_of_a_place_that_was_passed_moves_no_client():
    made = Member(None, 0, "b", [ROOM], None, None, None)
    made.trace = Trace(made, 0, Life(0, 0, 0.0), {ROOM: None}, 10.0)

    async def positions():
        confirms = [confirm(3, "a1", "F"), confirm(9, "a2", "F"), confirm(12, "a3", "E")]
        for frame in [gap(9, "epoch_changed", "F"), *confirms]:
            await made.take(dict(frame, room=ROOM), None)
            yield made.positions[ROOM]

    async def taken():
        return [position async for position in positions()]

    assert asyncio.run(taken()) == [("F", 8), ("F", 8), ("F", 9), ("F", 9)]


def test_ahead_is_said_only_to_who_is():
    stands = [joined(), message(1, "a1"), ack(2, "b1")]
    back = [joined(1), gap(2, "ahead")]
    # Redis has it all.
    assert rules(author(), member("b", (None, stands), (("E", 2), back))) == ["ahead"]
    # It was put back in time, and the node that held it lives, or not.
    wipes = [Wipe(110.0, 111.0)]
    for ended, broken in [(None, ["ahead"]), (112.0, [])]:
        holder, new = Life(0, 0, 0.0, ended), Life(1, 0, 0.0)
        coming = member("b", (None, stands), (("E", 2), [10, *back]), lives=(holder, new))
        one = author(ack(1, "a1"))
        one.traces[0].life = new
        found = rules(one, coming, wipes=wipes, history=((1, "a1"),))
        assert [rule for rule in found if rule == "ahead"] == broken


def test_who_comes_from_the_other_side_of_a_split_may_be_ahead():
    stands = [joined(), message(1, "a1"), ack(2, "b1")]
    coming = member("b", (None, stands), (("E", 2), [joined(1), gap(2, "ahead"), message(2, "b1")]))
    split = Wipe(103.0, 110.0)
    found = rules(author(), coming, wipes=[split], splits=[split])
    assert "ahead" not in found and "once" not in found


def test_who_was_rightly_ahead_may_be_given_all_again():
    holder, new = Life(0, 0, 0.0, 112.0), Life(1, 0, 0.0)
    stands = [joined(), message(1, "a1"), ack(2, "b1")]
    back = [10, joined(1), gap(2, "ahead"), message(2, "b1")]
    coming = member("b", (None, stands), (("E", 2), back), lives=(holder, new))
    one = author(ack(1, "a1"), 20, message(2, "b1"))
    one.traces[0].life = new
    assert rules(one, coming, wipes=[Wipe(110.0, 111.0)]) == []


def test_a_newcomer_is_not_given_the_past():
    late = member("c", (None, [30, joined(0) | {"pending": True}, message(1, "a1"), message(2, "b1")]), sent=())
    two = other(message(1, "a1"), ack(2, "b1"))
    late.traces[0].opened = 130.0
    assert rules(author(), two, late) == ["newcomer"]
    late.traces[0].opened = 102.0
    assert rules(author(), two, late) == []


# Not stored

def test_what_is_not_stored_may_be_behind_a_gap():
    one = author(ack(1, "a1", stored=False), message(2, "b1"))
    assert rules(one, other(gap(2, "not_stored"), ack(2, "b1")), history=((2, "b1"),), is_tiered=True) == []
    coming = member("b", (None, [joined()]), (("E", 0), [joined(2, missed=1), gap(2, "not_stored"), ack(2, "b1")]))
    assert rules(one, coming, history=((2, "b1"),), is_tiered=True) == []
    # Who was there shows it, who was not does not; and who had sent it hears of its place late.
    late = other(gap(3, "not_stored"))
    late.traces[0].events[1:1] = [(101.0, ROOM, local("b1"))]
    late.traces[0].events.append((120.0, ROOM, confirm(2, "b1")))
    assert rules(author(ack(1, "a1"), message(2, "b1")), late, newest=2, is_tiered=True) == ["lost behind a gap"]
    one = author(ack(1, "a1", stored=False), message(2, "b1"))
    both = {"x": ("E", 2, [(1, "a", "a1"), (2, "b", "b1")]), "y": ("E", 2, [(2, "b", "b1")])}
    two = other(message(1, "a1"), ack(2, "b1"))
    record = Record([one, two], [one.traces[0].life], [], lambda *_: 1000.0, {ROOM: both}, [], is_tiered=True)
    assert Checker(record).check().violations == []
    # Without a gap it is lost; and so it is when it was to be kept.
    assert "lost in silence" in rules(one, other(ack(2, "b1")), history=((2, "b1"),))
    assert rules(author(), other(gap(2, "not_stored"), ack(2, "b1")), history=((2, "b1"),)) == ["lost"]


# The end

def test_in_the_end_every_client_stands_where_the_history_ends():
    two = other(message(1, "a1"), ack(2, "b1"))
    two.positions = {ROOM: ("E", 2)}
    assert rules(author(), two) == []
    two.positions = {ROOM: ("E", 1)}
    assert rules(author(), two) == ["view"]


def test_in_the_end_every_node_has_the_same_history():
    one, two = author(), other(message(1, "a1"), ack(2, "b1"))
    right, wrong = ("E", 2, [(1, "a", "a1"), (2, "b", "b1")]), ("E", 2, [(1, "a", "a1"), (2, "b", "b2")])
    record = Record([one, two], [one.traces[0].life], [], lambda *_: 1000.0, {ROOM: {"x": right, "y": wrong}}, [])
    assert {violation.rule for violation in Checker(record).check().violations} == {"history"}


def test_in_the_end_every_node_lists_who_is_there():
    two = other(message(1, "a1"), ack(2, "b1"))
    assert rules(author(), two, users={ROOM: {"x": {"a", "b"}}}) == []
    assert rules(author(), two, users={ROOM: {"x": {"a"}}}) == ["users"]
    assert rules(author(), two, users={ROOM: {"x": {"a", "b", "c"}}}) == ["users"]


# Splits

def test_two_sides_of_a_split_may_disagree_while_it_lasts():
    one = member("a", (None, [joined(), ack(1, "a1"), gap(3, "epoch_changed", "F"), message(3, "b1", "F")]))
    two = member("b", (None, [joined(), ack(1, "b1"), gap(4, "epoch_changed", "F")]), life=Life(1, 0, 0.0))
    history = ((2, "a1"), (3, "b1"))
    assert "agreement" in rules(one, two, history=history, epoch="F")
    split = Wipe(99.0, 101.0)
    found = rules(one, two, history=history, epoch="F", wipes=[split], splits=[split])
    assert "agreement" not in found
    # So may what was sent before, and got its place then.
    at = min(time for time, _, frame in one.traces[0].events if frame["type"] == "ack")
    split = Wipe(at, at + 0.5)
    assert "agreement" not in rules(one, two, history=history, epoch="F", wipes=[split], splits=[split])
    # What has its place since before has one.
    split = Wipe(at + 50, at + 51)
    assert "agreement" in rules(one, two, history=history, epoch="F", wipes=[split], splits=[split])


# Waits and reads

@pytest.mark.parametrize(
    "pause, answer, frozen, broken",
    [
        (10, [ack(2, "b1")], 0, []),
        (20, [ack(2, "b1")], 0, ["waits"]),
        (20, [ack(2, "b1")], 8, []),
        (20, [], 0, ["waits"]),
    ],
)
def test_a_wait_without_an_end_is_found(pause, answer, frozen, broken):
    frames = [joined(), message(1, "a1"), {"type": "sent", "id": "b1"}, pause, *answer]
    again = (("E", 1), [joined(2, recovered=True, missed=1), ack(2, "b1")])
    two = member("b", (None, frames), *([] if answer else [again]))
    if not answer:
        two.traces[0].ended += pause
    assert rules(author(), two, frozen=lambda life, since, to: frozen) == broken


def test_a_connection_that_is_not_let_into_its_room_is_found():
    two = member("b", (None, [joined(), message(1, "a1"), ack(2, "b1")]), (("E", 2), []))
    two.traces[1].ended = two.traces[1].opened + 5
    assert rules(author(), two) == []
    two.traces[1].ended = two.traces[1].opened + 30
    assert rules(author(), two) == ["waits"]


def read(*entries, id="h"):
    return {"type": "history", "id": id, "epoch": "E", "entries": [(seq, name[0], name) for seq, name in entries]}


ASKED = {"type": "asked", "id": "h"}


@pytest.mark.parametrize(
    "frames, broken",
    [
        ([message(1, "a1"), ASKED, read((1, "a1")), ack(2, "b1")], []),
        ([message(1, "a1"), local("b1"), ASKED, read((1, "a1"), (None, "b1")), confirm(2, "b1")], []),
        ([message(1, "a1"), local("b1"), ASKED, read((1, "a1")), confirm(2, "b1")], ["hidden"]),
        ([message(1, "a1"), ASKED, local("b1"), read((1, "a1")), confirm(2, "b1")], []),
        ([message(1, "a1"), ASKED, read((2, "a1")), ack(2, "b1")], ["agreement"]),
        ([message(1, "a1"), ack(2, "b1"), ASKED, read((2, "b1"), (1, "a1"))], ["history"]),
        ([message(1, "a1"), ack(2, "b1"), read((1, "a1"))], ["history"]),
    ],
)
def test_a_history_shows_what_the_node_has(frames, broken):
    assert rules(author(), other(*frames)) == broken


def test_what_was_acked_and_is_gone_is_found():
    assert rules(author(), other(message(1, "a1"), ack(2, "b1")), history=((1, "a1"),)) == ["lost"]
    assert rules(author(), other(message(1, "a1"), local("b1")), history=((1, "a1"),)) == ["lost", "unconfirmed"]
    waiting = member("b", (None, [joined(), message(1, "a1")]), pending=["b1"])
    assert rules(author(), waiting) == ["answer", "lost in silence"]


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
    one = author(ack(1, "a1"), 25, gap(2, "epoch_changed", "F"))
    two = member("b", (None, [joined(), message(1, "a1"), ack(2, "b1")]), life=holder)
    wipes = [Wipe(120.0, 121.0)]
    found = rules(
        one, two, history=((1, "a1"),), epoch="F", wipes=wipes, clear_air=lambda life, since, to=None: clear
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
    assert rules(one, two, history=history, clear_air=lambda life, since, to=None: 1.0) == broken
