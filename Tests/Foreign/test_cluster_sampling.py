"""Under load a cluster keeps a sample of what is said: all of it is delivered, and what is not kept is said."""


import pytest
from client import Client
from node import until


@pytest.fixture
def make_loaded(make_node, redis):
    """Makes nodes whose tier is held: at normal to begin with."""

    def make():
        node = make_node(REDIS_URL=redis.url, WORKERS=1, MESSAGES_PER_SECOND=100_000, GOVERNOR_DRY_RUN=0)
        node.put("/api/system/tier", {"tier": "normal"})
        return node

    return make


@pytest.fixture
def make_normal(make_node, redis):
    """Makes nodes of the same cluster that stay at tier normal, however busy the machine is."""
    return lambda: make_node(REDIS_URL=redis.url, MESSAGES_PER_SECOND=100_000)


def hold(node, tier, client):
    """Holds the node at a tier; from now on it acts on it."""
    assert node.put("/api/system/tier", {"tier": tier}).json == {"tier": tier, "pinned": True}
    client.seek("tier", tier=tier)


def say(client, count, first=1):
    """Says numbers one after the other, and gives their acks by seq; what others say meanwhile is passed over."""
    acks = {}
    for number in range(first, first + count):
        ack = None
        while ack is None:
            client.send("message", content=number, id=f"i{number}")
            answer = client.next()
            while answer["type"] not in {"ack", "error"}:
                answer = client.next()
            # A node that is as busy as the machine may ask for another try.
            assert answer["type"] == "ack" or answer["code"] == "unavailable", answer
            ack = answer if answer["type"] == "ack" else None
        acks[ack["seq"]] = ack
    return acks


def committed(frames):
    """What a client saw of the room's order: the seqs of messages, and of gaps where they lead to."""
    seen = []
    for frame in frames:
        if frame["type"] == "message":
            seen.append(frame["seq"])
        elif frame["type"] == "gap":
            assert frame["reason"] == "not_stored", frame
            seen.append(f"gap to {frame['next_seq']}")
    return seen


def take_messages(client, count):
    """Frames up to the message of this number, the last one of these."""
    frames = []
    while sum(frame["type"] == "message" for frame in frames) < count:
        frames.append(client.next())
    return frames


def test_all_is_delivered_and_the_ack_says_what_is_not_kept(make_loaded, make_normal, room):
    heavy, normal = make_loaded(), make_normal()
    ann, bob, eve = Client(heavy, room, "ann"), Client(heavy, room, "bob"), Client(normal, room, "eve")
    hold(heavy, "heavy", ann)
    acks = say(ann, 25)
    assert sorted(acks) == list(range(1, 26))
    assert [seq for seq, ack in acks.items() if "stored" not in ack] == [10, 20]
    assert all(ack["stored"] is False for seq, ack in acks.items() if seq not in {10, 20})
    for client in (bob, eve):
        assert committed(take_messages(client, 25)) == list(range(1, 26))
    # A status may be as old as a tick.
    until(lambda: heavy.get("/api/system/status").json["governor"]["shed_total"]["storage"] == 23, what="the count")
    # What the other node says is kept, and what is said to a user.
    assert "stored" not in say(eve, 1, first=26)[26]
    ann.send("direct", to="eve", content="hello")
    assert "stored" not in ann.seek("ack", to="eve")


def test_a_node_that_was_not_there_says_each_hole_to_who_resumes(make_loaded, make_normal, room):
    heavy, normal, late = make_loaded(), make_normal(), make_normal()
    ann, eve = Client(heavy, room, "ann"), Client(normal, room, "eve")
    hold(heavy, "heavy", ann)
    epoch = say(ann, 25)[25]["epoch"]
    eve.seek("message", seq=25)
    # Who followed has it all.
    there = Client(normal, room, "bob", since=3, epoch=epoch)
    assert there.joined["recovered"] is True and there.joined["missed"] == 22
    assert committed(take_messages(there, 22)) == list(range(4, 26))
    # A node that comes later has what was kept.
    with Client(late, room, "zoe", since=3, epoch=epoch) as zoe:
        assert zoe.joined["recovered"] is False and zoe.joined["missed"] == 2 and zoe.joined["seq"] == 25
        say(eve, 1, first=26)
        assert committed(take_messages(zoe, 3)) == ["gap to 10", 10, "gap to 20", 20, "gap to 26", 26]
        zoe.send("history")
        assert [message["seq"] for message in zoe.seek("history")["messages"]] == [10, 20, 26]
        zoe.send("history", before=20, limit=5)
        before = zoe.seek("history")
        assert [message["seq"] for message in before["messages"]] == [10] and before["complete"] is True
        zoe.send("history", after=10, limit=1)
        after = zoe.seek("history")
        assert [message["seq"] for message in after["messages"]] == [20] and after["complete"] is False
    with Client(late, room, "zoe", since=22, epoch=epoch) as zoe:
        assert zoe.joined["recovered"] is False
        assert committed(take_messages(zoe, 1)) == ["gap to 26", 26]
    # A position behind the holes misses nothing.
    with Client(late, room, "zoe", since=26, epoch=epoch) as zoe:
        assert zoe.joined["recovered"] is True and zoe.joined["missed"] == 0


def test_an_id_that_was_not_kept_is_known_all_the_same(make_loaded, make_normal, room):
    heavy, normal = make_loaded(), make_normal()
    ann, again = Client(heavy, room, "ann", device="a"), Client(normal, room, "ann", device="b")
    hold(heavy, "heavy", ann)
    say(ann, 3)
    again.seek("message", seq=3)
    again.send("message", content="other", id="i2")
    ack = again.seek("ack")
    assert ack["seq"] == 2 and ack["duplicate"] is True and ack["stored"] is False
    assert not [frame for frame in ann.fence() if frame["type"] == "message"]


def test_what_living_nodes_hold_outlives_a_wiped_redis_whole(make_loaded, make_normal, redis, room):
    heavy, normal, late = make_loaded(), make_normal(), make_normal()
    ann, eve = Client(heavy, room, "ann"), Client(normal, room, "eve")
    hold(heavy, "heavy", ann)
    say(ann, 12)
    eve.seek("message", seq=12)
    redis.command("FLUSHALL")
    ann.send("message", content="after", id="after")
    # What is new to her may be shown before it has its place, as it stands before what she has.
    frames = [eve.seek("message", content="after", bound=10)]
    while "epoch" not in frames[-1] or frames[-1]["type"] == "gap":
        frames.append(eve.next(bound=10))
    kinds = [frame["type"] for frame in frames if frame["type"] not in ("mode", "tier")]
    assert kinds in (["message"], ["message", "gap", "confirm"]), frames
    epoch = frames[-1]["epoch"]
    zoe = Client(late, room, "zoe", since=0, epoch=epoch)
    found = [frame["content"] for frame in zoe.fence() if frame["type"] == "message"]
    assert [content for content in found if content != "after"] == list(range(1, 13))


def test_what_waits_gets_its_place_when_the_node_drains(make_loaded, make_normal, room):
    node, other = make_loaded(), make_normal()
    ann, eve = Client(node, room, "ann"), Client(other, room, "eve")
    hold(node, "moderate", ann)
    for number in range(5):
        ann.send("message", content=number)
    ann.fence()
    node.stop()
    assert [frame["content"] for frame in take_messages(eve, 5) if frame["type"] == "message"] == list(range(5))
