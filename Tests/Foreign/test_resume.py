"""Contract, section 2, "What is promised" 3 to 5: resume with since and epoch, gaps, epochs."""

import pytest
from client import Client, closed_with
from node import elapse, until


def resume(node, room, user, since, epoch, **more):
    return Client(node, room, user, since=since, epoch=epoch, **more)


def replay(client):
    return [frame for frame in client.fence() if frame["type"] in {"gap", "message", "confirm"}]


@pytest.fixture
def five(gateway, room, name):
    """A room with five messages, two of them of the one who resumes: its epoch."""
    with Client(gateway, room, name("ann")) as ann, Client(gateway, room, name("bob")) as bob:
        ann.take("joined")
        for number in range(1, 6):
            (bob if number in (2, 4) else ann).send("message", content=number, id=f"i{number}")
            (bob if number in (2, 4) else ann).seek("ack")
        return ann.joined["epoch"]


@pytest.mark.parametrize("since", [0, 1, 3, 5])
def test_all_that_was_missed_comes_in_order(gateway, room, name, five, since):
    """My own messages are included; nothing missed is recovered as well."""
    with resume(gateway, room, name("bob"), since, five) as bob:
        assert bob.joined["recovered"] is True and bob.joined["missed"] == 5 - since
        assert bob.joined["seq"] == 5 and bob.joined["epoch"] == five
        frames = replay(bob)
        assert [frame["seq"] for frame in frames] == list(range(since + 1, 6))
        assert all(frame["type"] == "message" and frame["id"] == f"i{frame['seq']}" for frame in frames)


def test_replay_comes_before_anything_live(gateway, room, name, five):
    with Client(gateway, room, name("ann")) as ann:
        clients = []
        try:
            for number in range(6, 36):
                ann.send("message", content=number, id=f"i{number}")
                if number % 5 == 0:
                    clients.append(resume(gateway, room, name(f"late{number}"), 2, five))
            for client in clients:
                seqs = []
                while not seqs or seqs[-1] < 35:
                    frame = client.next()
                    assert frame["type"] != "gap"
                    if frame["type"] == "message":
                        seqs.append(frame["seq"])
                assert seqs == list(range(3, 36))
        finally:
            for client in clients:
                client.close()


def test_without_a_position_there_is_no_replay(gateway, room, name, five):
    with Client(gateway, room, name("bob")) as bob:
        assert bob.joined["recovered"] is False and bob.joined["missed"] == 0 and bob.joined["seq"] == 5
        assert replay(bob) == []


def test_ahead(gateway, room, name, five):
    with resume(gateway, room, name("bob"), 6, five) as bob:
        assert bob.joined["recovered"] is False and bob.joined["missed"] == 0
        assert replay(bob) == [{"type": "gap", "room": room, "epoch": five, "next_seq": 6, "reason": "ahead"}]
        assert bob.say("next")["seq"] == 6


def test_epoch_changed(gateway, room, name, five):
    """A position of another epoch: a gap, then what is held of this one."""
    with resume(gateway, room, name("bob"), 2, "of-another-time") as bob:
        assert bob.joined["recovered"] is False
        gap, *frames = replay(bob)
        assert (
            gap["type"] == "gap" and gap["reason"] == "epoch_changed" and gap["room"] == room and gap["epoch"] == five
        )
        seqs = [frame["seq"] for frame in frames]
        assert bob.joined["missed"] == len(seqs)
        assert seqs == list(range(gap["next_seq"], 6))


def test_trimmed(make_node, room):
    node = make_node(HISTORY_SIZE=5, MESSAGES_PER_SECOND=1000)
    with Client(node, room, "ann") as ann:
        for number in range(1, 31):
            ann.say(number)
        with resume(node, room, "bob", 2, ann.joined["epoch"]) as bob:
            assert bob.joined["recovered"] is False
            gap, *frames = replay(bob)
            assert gap["type"] == "gap" and gap["reason"] == "trimmed"
            seqs = [frame["seq"] for frame in frames]
            assert seqs == list(range(gap["next_seq"], 31)) and 5 <= len(seqs) <= 10
            assert bob.joined["missed"] == len(seqs)


def test_resume_by_join(gateway, room, name, five):
    with Client(gateway, room + "-home", name("bob")) as bob:
        bob.send("join", room=room, since=3, epoch=five)
        joined = bob.take("joined_room", room=room, recovered=True, missed=2)
        assert joined["seq"] == 5
        assert [frame["seq"] for frame in replay(bob)] == [4, 5]


def test_a_deleted_room_has_a_new_epoch(gateway, room, name, five):
    """Members of other rooms live on; the connection whose URL named the room is closed with 4004."""
    with Client(gateway, room, name("ann")) as ann, Client(gateway, room + "-home", name("bob")) as bob:
        bob.send("join", room=room)
        bob.take("joined_room")
        assert gateway.delete(f"/api/rooms/{room}").status == 204
        ann.seek("left_room", room=room, reason="deleted")
        closed_with(4004, ann)
        bob.seek("left_room", room=room, reason="deleted")
        assert bob.fence() == []
        bob.send("join", room=room, since=5, epoch=five)
        joined = bob.take("joined_room", room=room, recovered=False)
        assert joined["epoch"] != five and joined["seq"] == 0
        gap = bob.take("gap", room=room, reason="epoch_changed")
        assert gap["next_seq"] == 1 and gap["epoch"] == joined["epoch"]


def test_history_expires_with_the_empty_room(make_node, room):
    """HISTORY_TTL_SECONDS after the last message, when the room is empty."""
    node = make_node(HISTORY_TTL_SECONDS=1, PRESENCE_GRACE_SECONDS=0)
    with Client(node, room, "ann") as ann:
        epoch = ann.joined["epoch"]
        ann.say("x")

    def expired():
        elapse(1.5)
        with Client(node, room, "ann") as ann:
            return ann.joined["epoch"] != epoch and ann.joined["seq"] == 0

    until(expired, 15, "the end of the history")
