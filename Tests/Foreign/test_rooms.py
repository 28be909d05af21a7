"""Contract, section 2: what a client sends to a room and what comes back, errors by name; section 9."""

import json
import time

import pytest
from client import Client, closed_with


def test_message_reaches_all_and_is_acked(gateway, room, name):
    with Client(gateway, room, name("ann"), device="a") as ann, Client(gateway, room, name("bob")) as bob:
        ann.take("joined", room=room, user=name("bob"), users=2)
        before = time.time() * 1000
        ann.send("message", id="m1", content={"text": "hello"}, message_type="note", reply_to=7)
        ack = ann.take("ack", room=room, id="m1", seq=1, durable="memory", epoch=ann.joined["epoch"])
        assert "duplicate" not in ack and "stored" not in ack and "to" not in ack
        assert isinstance(ack["ts"], int) and before - 2000 < ack["ts"] < before + 10000
        message = bob.take("message")
        assert message == {
            "type": "message",
            "room": room,
            "epoch": ack["epoch"],
            "seq": 1,
            "id": "m1",
            "user": name("ann"),
            "device": "a",
            "message_type": "note",
            "content": {"text": "hello"},
            "ts": ack["ts"],
            "reply_to": 7,
        }
        assert ann.fence() == []


def test_defaults_of_a_message(gateway, room, name):
    """Without an id the server makes one; the type is "text"; without reply_to there is none."""
    with Client(gateway, room, name("ann"), echo=1) as ann:
        ack = ann.say("x")
        assert 1 <= len(ack["id"].encode()) <= 64
        message = ann.take("message", id=ack["id"], message_type="text", content="x")
        assert "reply_to" not in message


def test_echo_comes_after_the_ack_with_the_same_seq(gateway, room, name):
    with Client(gateway, room, name("ann"), echo=1) as ann:
        for number in range(1, 6):
            ack = ann.say(number)
            assert ann.take("message")["seq"] == ack["seq"] == number


def test_echo_is_of_the_connection(gateway, room, name):
    """Another device of the sender gets the message, the sending connection does not."""
    with Client(gateway, room, name("ann"), device="a") as one, Client(gateway, room, name("ann"), device="b") as two:
        one.seek("device", device="b", online=True)
        one.say("x", id="i")
        two.take("message", id="i", device="a")
        assert one.fence() == []


@pytest.mark.parametrize(
    "content",
    [
        "null",
        "true",
        "-1.5e+300",
        "12345678901234567890123",
        '""',
        '"\\u00e9\\ud83d\\ude00\\u0000"',
        "[ 1 , 2 ]",
        "{}",
        '{"type":"ack","b":1,"b":2,"a": [] }',
        "[" * 60 + "]" * 60,
        '"é😀"',
        "0.10",
        '"</script><b>"',
    ],
)
def test_content_is_passed_on_byte_for_byte(gateway, room, name, content):
    with Client(gateway, room, name("ann"), echo=1) as ann:
        ann.send_raw('{"type":"message","id":"c","content":' + content + "}")
        ann.take("ack", id="c")
        raw = ann.socket.recv(timeout=5)
        assert ('"content":' + content) in raw, raw
        assert json.loads(raw)["content"] == json.loads(content)


def test_nesting(gateway, room, name):
    """64 deep is taken, 65 is a bad frame."""
    with Client(gateway, room, name("ann")) as ann:
        ann.send_raw('{"type":"message","content":' + "[" * 64 + "]" * 64 + "}")
        ann.take("ack")
        ann.send_raw('{"type":"message","content":' + "[" * 65 + "]" * 65 + "}")
        ann.error("bad_frame")


@pytest.mark.parametrize(
    "text,code",
    [
        ("", "bad_json"),
        ("x", "bad_json"),
        ("{", "bad_json"),
        ('{"type":"ping"', "bad_json"),
        ('{"type":"ping"} x', "bad_json"),
        ('{"type":"ping",}', "bad_json"),
        ("{'type':'ping'}", "bad_json"),
        ('{"type":"ping","t":01}', "bad_json"),
        ('{"type":"ping","t":"\t"}', "bad_json"),
        ('{"type":"ping","t":NaN}', "bad_json"),
        ("[]", "bad_frame"),
        ("null", "bad_frame"),
        ('"ping"', "bad_frame"),
        ("1", "bad_frame"),
        ("{}", "bad_frame"),
        ('{"type":1}', "bad_frame"),
        ('{"type":null}', "bad_frame"),
        ('{"type":"ping","type":"ping"}', "bad_frame"),
        ('{"type":"message"}', "bad_frame"),
        ('{"type":"message","content":1,"content":2}', "bad_frame"),
        ('{"type":"message","content":1,"id":5}', "bad_frame"),
        ('{"type":"message","content":1,"id":""}', "bad_frame"),
        ('{"type":"message","content":1,"id":"' + "i" * 65 + '"}', "bad_frame"),
        ('{"type":"message","content":1,"id":"a\\u0000b"}', "bad_frame"),
        ('{"type":"message","content":1,"message_type":""}', "bad_frame"),
        ('{"type":"message","content":1,"message_type":"' + "t" * 33 + '"}', "bad_frame"),
        ('{"type":"message","content":1,"reply_to":"1"}', "bad_frame"),
        ('{"type":"message","content":1,"reply_to":-1}', "bad_frame"),
        ('{"type":"message","content":1,"room":5}', "bad_frame"),
        ('{"type":"message","content":1,"room":""}', "bad_frame"),
        ('{"type":"message","content":1,"room":"a/b"}', "bad_frame"),
        ('{"type":"message","content":"\\ud800"}', "bad_frame"),
        ('{"type":"message","content":["\\udc00x"]}', "bad_frame"),
        ('{"type":"typing"}', "bad_frame"),
        ('{"type":"typing","typing":1}', "bad_frame"),
        ('{"type":"read"}', "bad_frame"),
        ('{"type":"read","seq":"1"}', "bad_frame"),
        ('{"type":"read","seq":1.5}', "bad_frame"),
        ('{"type":"history","limit":0}', "bad_frame"),
        ('{"type":"history","limit":501}', "bad_frame"),
        ('{"type":"history","after":1,"before":5}', "bad_frame"),
        ('{"type":"history","after":"1"}', "bad_frame"),
        ('{"type":"join"}', "bad_frame"),
        ('{"type":"join","room":".."}', "bad_frame"),
        ('{"type":"join","room":"r","since":1}', "bad_frame"),
        ('{"type":"join","room":"r","epoch":"e"}', "bad_frame"),
        ('{"type":"leave"}', "bad_frame"),
        ('{"type":"direct","content":1}', "bad_frame"),
        ('{"type":"direct","to":"bob"}', "bad_frame"),
        ('{"type":"direct","to":"","content":1}', "bad_frame"),
        ('{"type":"direct","to":"a/b","content":1}', "bad_frame"),
        ('{"type":"inbox_ack","seq":1}', "bad_frame"),
        ('{"type":"inbox_ack","epoch":"e"}', "bad_frame"),
        ('{"type":"ping","t":"' + "t" * 65 + '"}', "bad_frame"),
        ('{"type":"ping","t":true}', "bad_frame"),
        ('{"type":"nothing"}', "unknown_type"),
        ('{"type":""}', "unknown_type"),
        ('{"type":"Ping"}', "unknown_type"),
    ],
)
def test_bad_frames_by_name(gateway, room, name, text, code):
    with Client(gateway, room, name("ann")) as ann:
        ann.send_raw(text)
        ann.error(code)
        assert ann.fence() == []


def test_an_error_carries_the_id_of_its_frame(gateway, room, name):
    with Client(gateway, room, name("ann")) as ann:
        ann.send("message", id="x1", content=1, room="elsewhere")
        assert ann.error("not_in_room")["id"] == "x1"
        ann.send("history", id="x2", limit=0)
        assert ann.error("bad_frame")["id"] == "x2"


def test_twentieth_bad_frame_in_a_row_closes_1008(gateway, room, name):
    """A good frame resets the count."""
    with Client(gateway, room, name("ann")) as ann:
        for _ in range(2):
            for _ in range(19):
                ann.send_raw("x")
                ann.error("bad_json")
            ann.send("ping", t=1)
            ann.take("pong", t=1)
        for number in range(20):
            ann.send_raw('{"type":"nothing"}' if number % 2 else "[]")
            ann.error("unknown_type" if number % 2 else "bad_frame")
        closed_with(1008, ann)


def test_unknown_fields_are_ignored(gateway, room, name):
    with Client(gateway, room, name("ann")) as ann:
        ann.send("ping", t="a", more={"x": [1]}, content=None)
        ann.take("pong", t="a")


@pytest.mark.parametrize("mark", ["", "t" * 64, 0, -1, 1.5, 1700000000000])
def test_ping(gateway, room, name, mark):
    with Client(gateway, room, name("ann")) as ann:
        ann.send("ping", t=mark)
        pong = ann.take("pong", t=mark)
        assert abs(pong["ts"] - time.time() * 1000) < 60000
        ann.send("ping")
        assert "t" not in ann.take("pong")


def test_dedupe_by_id(gateway, room, name):
    """The same id commits nothing, whatever the content, and is answered with the first position."""
    with Client(gateway, room, name("ann")) as ann, Client(gateway, room, name("bob")) as bob:
        ann.take("joined")
        first = ann.say("one", id="k")
        assert bob.take("message")["seq"] == 1
        again = ann.say("two", id="k")
        assert again == first | {"duplicate": True}
        # It is known by room and user: the same id of another user is a new message.
        bob.send("message", id="k", content="three")
        ack = bob.take("ack", seq=2)
        assert "duplicate" not in ack
        assert ann.take("message", seq=2)["user"] == name("bob")
        assert ann.fence() == [] and bob.fence() == []


def test_dedupe_over_connections_and_http(gateway, room, name):
    with Client(gateway, room, name("ann")) as ann:
        first = ann.say("one", id="k")
    with Client(gateway, room, name("ann")) as ann:
        again = ann.say("one", id="k")
        assert again["duplicate"] is True and (again["seq"], again["ts"]) == (first["seq"], first["ts"])
    answer = gateway.post(f"/api/rooms/{room}/messages", {"user": name("ann"), "content": "x", "id": "k"})
    assert answer.status == 200 and answer.json["duplicate"] is True and answer.json["seq"] == first["seq"]


def test_typing_is_told_to_others_and_not_stored(gateway, room, name):
    with (
        Client(gateway, room, name("ann"), device="a") as ann,
        Client(gateway, room, name("bob")) as bob,
        Client(gateway, room, name("ann"), device="b") as other,
    ):
        ann.send("typing", typing=True)
        for one in (bob, other):
            assert one.seek("typing") == {"type": "typing", "room": room, "user": name("ann"), "typing": True}
        ann.send("typing", typing=False)
        bob.seek("typing", typing=False)
        assert not [frame for frame in ann.fence() if frame["type"] == "typing"]
        ann.send("history")
        assert ann.take("history")["messages"] == []


def test_read_mark_only_rises_and_is_clamped(gateway, room, name):
    with Client(gateway, room, name("ann")) as ann, Client(gateway, room, name("bob")) as bob:
        ann.take("joined")
        for number in range(5):
            ann.say(number)

        def mark_read(seq):
            ann.send("read", seq=seq)

        mark_read(3)
        frame = bob.seek("read")
        assert frame == {"type": "read", "room": room, "marks": [{"user": name("ann"), "seq": 3}]}
        mark_read(2)
        mark_read(99)
        assert bob.seek("read")["marks"] == [{"user": name("ann"), "seq": 5}]
        ann.send("users")
        users = {user["user"]: user for user in ann.seek("users")["users"]}
        assert users[name("ann")]["read_seq"] == 5 and "read_seq" not in users[name("bob")]
        assert not [frame for frame in bob.fence() if frame["type"] == "read"]
    with Client(gateway, room, name("ann")) as ann:
        assert ann.joined["read_seq"] == 5


def test_history(gateway, room, name):
    with Client(gateway, room, name("ann"), device="a") as ann:
        acks = [ann.say(number, id=f"i{number}") for number in range(1, 8)]

        def history(**query):
            ann.send("history", **query)
            return ann.take("history", room=room, epoch=ann.joined["epoch"])

        def seqs(**query):
            return [message["seq"] for message in history(**query)["messages"]]

        whole = history(id="h1")
        assert whole["id"] == "h1" and whole["complete"] is True
        assert [message["seq"] for message in whole["messages"]] == [1, 2, 3, 4, 5, 6, 7]
        assert "id" not in history()
        assert whole["messages"][2] == {
            "type": "message",
            "room": room,
            "epoch": ann.joined["epoch"],
            "seq": 3,
            "id": "i3",
            "user": name("ann"),
            "device": "a",
            "message_type": "text",
            "content": 3,
            "ts": acks[2]["ts"],
        }
        assert seqs(limit=2) == [6, 7] and history(limit=2)["complete"] is False
        assert history(limit=7)["complete"] is True and history(limit=6)["complete"] is False
        assert seqs(before=6, limit=2) == [4, 5] and history(before=6, limit=2)["complete"] is False
        assert seqs(before=3) == [1, 2] and history(before=3)["complete"] is True
        assert seqs(before=1) == [] and history(before=1)["complete"] is True
        assert seqs(after=0, limit=3) == [1, 2, 3] and history(after=0, limit=3)["complete"] is False
        assert seqs(after=4) == [5, 6, 7] and history(after=4)["complete"] is True
        assert seqs(after=7) == [] and history(after=7)["complete"] is True
        assert seqs(after=100) == []


def test_history_keeps_at_least_its_size_and_at_most_twice(make_node, room):
    node = make_node(HISTORY_SIZE=10, MESSAGES_PER_SECOND=1000)
    with Client(node, room, "ann") as ann:
        for number in range(1, 51):
            ann.say(number)
        ann.send("history", limit=500)
        frame = ann.take("history")
        kept = [message["seq"] for message in frame["messages"]]
        assert kept == list(range(51 - len(kept), 51)) and 10 <= len(kept) <= 20
        assert frame["complete"] is True


def test_users(gateway, room, name):
    with (
        Client(gateway, room, name("bob"), device="b1", device_type="web"),
        Client(gateway, room, name("bob"), device="b2"),
        Client(gateway, room, name("ann"), device="a") as ann,
    ):
        ann.send("users", id="u")
        frame = ann.seek("users", id="u", room=room, count=2, complete=True)
        users = {user["user"]: user for user in frame["users"]}
        assert set(users) == {name("ann"), name("bob")}
        devices = {device["device"]: device for device in users[name("bob")]["devices"]}
        assert set(devices) == {"b1", "b2"}
        assert devices["b1"]["device_type"] == "web" and "device_type" not in devices["b2"]
        for device in devices.values():
            assert device["node"] == ann.welcome["node"] and abs(device["since_at"] - time.time() * 1000) < 60000


def test_join_and_leave_of_further_rooms(gateway, room, name):
    second = room + "-second"
    with Client(gateway, room, name("ann")) as ann, Client(gateway, second, name("bob")) as bob:
        ann.send("message", room=second, content="too early", id="e")
        ann.error("not_in_room")
        ann.send("join", room=second)
        joined = ann.take("joined_room", room=second, users=2, recovered=False, missed=0)
        assert joined["epoch"] != ann.joined["epoch"]
        bob.take("joined", room=second, user=name("ann"), users=2)
        ann.send("message", room=second, content="hello")
        ann.take("ack", room=second, seq=1)
        bob.take("message", room=second, content="hello")
        bob.send("message", content="back")
        bob.take("ack")
        ann.take("message", room=second, content="back")
        # Joining where one is in already answers joined_room alone, without replay.
        ann.send("join", room=second, since=0, epoch=joined["epoch"])
        ann.take("joined_room", room=second, seq=2)
        assert ann.fence() == [] and bob.fence() == []
        ann.send("leave", room=second)
        ann.take("left_room", room=second, reason="left")
        bob.take("left", room=second, user=name("ann"), users=1)
        ann.send("leave", room=second)
        ann.error("not_in_room")
        # The connection lives even in no room.
        ann.send("leave", room=room)
        ann.take("left_room", room=room, reason="left")
        for type, fields in [
            ("message", {"content": 1}),
            ("typing", {"typing": True}),
            ("signal", {"name": "s"}),
            ("read", {"seq": 1}),
            ("history", {}),
            ("users", {}),
        ]:
            ann.send(type, **fields)
            assert ann.error("not_in_room").get("room", room) == room
        ann.send("join", room=room)
        ann.take("joined_room", room=room)


def test_room_limit(make_node, room):
    """MAX_ROOMS_PER_CONNECTION counts the URL's room."""
    node = make_node(MAX_ROOMS_PER_CONNECTION=3)
    with Client(node, room, "ann") as ann:
        for number in (2, 3):
            ann.send("join", room=f"{room}-{number}")
            ann.take("joined_room")
        ann.send("join", room=f"{room}-4")
        ann.error("room_limit")
        ann.send("leave", room=f"{room}-2")
        ann.take("left_room")
        ann.send("join", room=f"{room}-4")
        ann.take("joined_room")


def test_full_room(gateway, room, name):
    """`room_full`, then 4100 when it is the URL's room; a user who is in takes no further place with another device."""
    assert gateway.post("/api/rooms", {"id": room, "max_users": 1}).status == 201
    with Client(gateway, room, name("ann"), device="a"), Client(gateway, room, name("ann"), device="b"):
        with Client(gateway, room, name("bob"), joined=False) as bob:
            bob.seek("error", code="room_full")
            closed_with(4100, bob)
        with Client(gateway, room + "-other", name("bob")) as bob:
            bob.send("join", room=room)
            assert bob.error("room_full")["room"] == room
            assert bob.fence() == []


def test_joined_and_left_are_told_to_others_once(make_node, room):
    """A user's first connection, and the last after the grace; not to the connection itself."""
    node = make_node(PRESENCE_GRACE_SECONDS=0)
    with Client(node, room, "ann") as ann:
        with Client(node, room, "bob", device="1"):
            assert ann.take("joined") == {"type": "joined", "room": room, "user": "bob", "users": 2}
            with Client(node, room, "bob", device="2"):
                pass
            assert ann.fence() == []
        assert ann.take("left") == {"type": "left", "room": room, "user": "bob", "users": 1}


def test_back_within_the_grace_is_not_told(make_node, room):
    node = make_node(PRESENCE_GRACE_SECONDS=2)
    with Client(node, room, "ann") as ann:
        with Client(node, room, "bob", device="1"):
            ann.take("joined", user="bob", users=2)
        # The lost connection still counts.
        ann.send("users")
        assert ann.take("users")["count"] == 2
        with Client(node, room, "bob", device="1") as bob:
            assert bob.joined["users"] == 2
            assert ann.fence() == []
            started = time.monotonic()
        ann.take("left", user="bob", users=1, bound=10)
        assert time.monotonic() - started > 1.5


def test_leave_takes_effect_at_once(gateway, room, name):
    """The grace is 5 s here, and an explicit leave does not wait for it."""
    with Client(gateway, room, name("ann")) as ann, Client(gateway, room, name("bob")) as bob:
        ann.take("joined")
        started = time.monotonic()
        bob.send("leave", room=room)
        bob.take("left_room")
        ann.take("left", user=name("bob"), users=1)
        assert time.monotonic() - started < 4
