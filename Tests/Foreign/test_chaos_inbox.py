"""The checker of Tests/Measure/chaos.py, held to what devices saw of their users' inboxes."""

import collections

import pytest
from chaos_checker import Record
from chaos_cluster import Life, Wipe
from chaos_directs import INBOX
from chaos_inbox import check
from chaos_member import Member, Trace

NODE = Life(0, 0, 0.0)


def device(user, *connections, name=None, lives=(NODE,)):
    """A member whose connections are lists of frames of its inbox, a second after each other; a number is a pause."""
    made = Member(None, 0, user, ["r"], None, None, None)
    made.name = name or user
    at = 10.0
    for number, frames in enumerate(connections):
        trace = Trace(made, number, lives[min(number, len(lives) - 1)], {"r": None}, at)
        trace.joined_at["r"] = at
        trace.events.append((at, "r", {"type": "joined_room"}))
        at = max(at, 100.0)
        for frame in frames:
            if isinstance(frame, (int, float)):
                at += frame
                continue
            at += 1
            trace.events.append((at, INBOX, frame))
        trace.ended, trace.end = at, "over" if number == len(connections) - 1 else "dropped"
        made.traces.append(trace)
    return made


def sender(*ids, durable="redis", life=NODE, at=100.0):
    """A member who sent these directs to b, and got their acks."""
    made = device("a", [])
    made.traces[0].ended = 300.0
    for id in ids:
        made.directs.first_sent[id] = ("b", at)
        made.directs.acked[id] = ("b", at, durable, life)
    return made


def direct(seq, id, epoch="E"):
    return {"type": "direct", "from": "a", "to": "b", "id": id, "epoch": epoch, "seq": seq}


def shown(id):
    return {"type": "direct", "from": "a", "to": "b", "id": id, "provisional": True}


def confirm(seq, id, epoch="E"):
    return {"type": "confirm", "inbox": True, "epoch": epoch, "entries": [{"user": "a", "id": id, "seq": seq}]}


def done(seq, epoch="E"):
    return {"type": "inbox_ack", "epoch": epoch, "seq": seq}


def gap(next_seq, reason="epoch_changed", epoch="E"):
    return {"type": "gap", "inbox": True, "epoch": epoch, "next_seq": next_seq, "reason": reason}


def rules(*members, wipes=(), clear=1000.0, clear_air=None, inboxes=None):
    record = Record(
        members=list(members),
        lives=[],
        wipes=list(wipes),
        clear_air=clear_air or (lambda life, since, to=None: clear),
        histories={},
        faults=[],
        inboxes=inboxes or {},
    )
    return sorted({violation.rule for violation in check(record, collections.Counter())})


@pytest.mark.parametrize(
    "frames, broken",
    [
        ([direct(1, "d"), done(1), direct(3, "e"), done(3)], []),
        ([shown("d"), confirm(1, "d"), direct(2, "e")], []),
        ([direct(1, "d"), gap(1, epoch="F"), direct(1, "e", "F")], []),
        ([direct(1, "d"), direct(2, "d"), direct(3, "e")], ["direct: once"]),
        ([direct(2, "d"), direct(1, "e")], ["direct: order"]),
        ([shown("d"), direct(1, "d"), direct(2, "e")], ["direct: once"]),
        ([direct(1, "d"), shown("d"), direct(2, "e")], ["direct: once"]),
        ([shown("d"), shown("d"), confirm(1, "d"), direct(2, "e")], ["direct: once"]),
        ([shown("d"), confirm(1, "d"), confirm(1, "d"), direct(2, "e")], ["direct: confirmed twice"]),
        ([confirm(1, "d"), direct(1, "d"), direct(2, "e")], ["direct: confirm"]),
        ([shown("d") | {"seq": 1}, direct(2, "e")], ["direct: provisional"]),
        ([shown("d"), direct(2, "e")], ["direct: unconfirmed"]),
        ([direct(1, "d"), gap(2), direct(2, "e")], ["direct: gap"]),
        ([direct(1, "d")], ["direct: lost"]),
        ([direct(1, "d"), gap(3, "trimmed")], ["direct: lost"]),
    ],
)
def test_what_one_connection_is_told(frames, broken):
    found = rules(sender("d", "e"), device("b", frames))
    assert set(broken) <= set(found) and bool(broken) == bool(found), found


@pytest.mark.parametrize(
    "first, clear, wiped, broken",
    [
        # What it had not processed comes again.
        ([direct(1, "d"), 20], 1000.0, None, []),
        # What it had, does not, when the node had the time to write the cursor.
        ([direct(1, "d"), done(1), 20], 1000.0, None, ["direct: once"]),
        ([direct(1, "d"), done(1), 20], 5.0, None, []),
        # After a wipe the node that had it puts the cursor back, when the device was still there.
        ([direct(1, "d"), done(1), 20], 1000.0, 110.0, ["direct: once"]),
        ([direct(1, "d"), done(1), 2], 1000.0, 110.0, []),
    ],
)
def test_a_device_goes_on_behind_what_it_processed(first, clear, wiped, broken):
    coming = device("b", first, [30, direct(1, "d")])
    assert rules(sender("d"), coming, clear=clear, wipes=[Wipe(wiped, wiped + 1)] if wiped else []) == broken


@pytest.mark.parametrize("trouble, broken", [((90.0, 95.0), ["direct: once"]), ((140.0, 160.0), [])])
def test_a_device_may_get_again_what_it_processed_from_a_node_that_can_not_read_the_cursor(trouble, broken):
    def clear_air(life, since, to=None):
        to = 1000.0 if to is None else to
        if to <= trouble[0] or since >= trouble[1]:
            return to - since
        return max(trouble[0] - since, to - trouble[1])

    # It came at 102, processed it, went, and came again at 150 to another node.
    coming = device("b", [direct(1, "d"), done(1)], [direct(1, "d")], lives=(NODE, Life(1, 0, 0.0)))
    coming.traces[1].opened = 149.0
    coming.traces[1].events = [(150.0 + at % 1, room, frame) for at, room, frame in coming.traces[1].events]
    coming.traces[1].ended = 151.0
    assert rules(sender("d"), coming, clear_air=clear_air) == broken


def test_a_direct_comes_to_every_device_that_was_there_before():
    first, second = device("b", [direct(1, "d")], name="b1"), device("b", [], name="b2")
    assert rules(sender("d"), first, second) == ["direct: lost"]
    # A device that comes later goes on where another one has processed the inbox.
    second.traces[0].joined_at["r"], second.traces[0].ended = 200.0, 210.0
    assert rules(sender("d"), first, second) == []
    # The first device of all gets what waits.
    assert rules(sender("d"), second) == ["direct: lost"]


def test_a_device_has_a_cursor_only_where_one_could_be_written_and_stays():
    first, second = device("b", [direct(1, "d")], name="b1"), device("b", [], [], name="b2")
    second.traces[0].ended, second.traces[1].opened = 50.0, 150.0
    assert rules(sender("d"), first, second) == ["direct: lost"]
    # It never met Redis; or it was away when Redis was wiped.
    assert rules(sender("d"), first, second, clear=1.0) == []
    assert rules(sender("d"), first, second, wipes=[Wipe(60.0, 61.0)]) == []


def test_the_senders_other_devices_get_a_copy():
    other = device("a", [], name="a2")
    assert rules(sender("d"), device("b", [direct(1, "d")]), other) == ["direct: lost"]
    other = device("a", [direct(1, "d")], name="a2")
    assert rules(sender("d"), device("b", [direct(1, "d")]), other) == []


def test_a_direct_that_was_never_answered_is_found():
    one = sender()
    one.directs.pending["d"] = "b"
    assert rules(one, device("b", [])) == ["direct: no answer"]


@pytest.mark.parametrize(
    "durable, ended, clear, wiped, is_there, broken",
    [
        ("redis", None, 1000.0, None, True, []),
        ("redis", None, 1000.0, None, False, ["direct: lost"]),
        # Redis has it, whatever becomes of the node.
        ("redis", 150.0, 0.0, None, False, ["direct: lost"]),
        # The node that took it held it at the wipe, and lived, or ended.
        ("redis", None, 1000.0, 105.0, False, ["direct: lost"]),
        ("redis", 106.0, 0.0, 105.0, False, []),
        ("local", None, 1000.0, None, False, ["direct: lost"]),
        ("local", 150.0, 1.0, None, False, []),
        ("local", 150.0, 50.0, None, False, ["direct: lost"]),
    ],
)
def test_a_direct_that_was_acked_is_lost_only_with_all_who_held_it(durable, ended, clear, wiped, is_there, broken):
    one = sender("d", durable=durable, life=Life(1, 0, 0.0, ended))
    two = device("b", [direct(1, "d")] if is_there else [], lives=(Life(2, 0, 0.0, ended),))
    assert rules(one, two, clear=clear, wipes=[Wipe(wiped, wiped + 1)] if wiped else []) == broken


def test_a_node_of_the_receiver_holds_what_was_there_before_the_wipe():
    one = sender("d", life=Life(1, 0, 0.0, 106.0))
    two = device("b", [5])
    assert rules(one, two, clear=0.0, wipes=[Wipe(104.0, 105.0)]) == ["direct: lost"]
    # It may not have heard of it yet.
    assert rules(one, two, clear=0.0, wipes=[Wipe(101.0, 102.0)]) == []


def test_all_devices_are_shown_the_same_inbox():
    first, second = device("b", [direct(1, "d")], name="b1"), device("b", [direct(1, "d")], name="b2")
    one = sender("d")
    inbox, other = ("E", [(1, "a", "d", "b")]), ("E", [(2, "a", "d", "b")])
    twice = ("E", [(1, "a", "d", "b"), (2, "a", "d", "b")])

    def found(*inboxes):
        return rules(one, first, second, inboxes=dict(zip((one, first, second), inboxes)))

    assert found(inbox, inbox, inbox) == []
    assert found(inbox, inbox, other) == ["direct: inbox"]
    assert found(inbox, twice, twice) == ["direct: inbox"]
    assert found(inbox, inbox) == ["direct: inbox"]
