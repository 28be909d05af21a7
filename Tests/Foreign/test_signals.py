"""Contract, section 2: signals, which members show each other and nobody keeps; and the history of one's own inbox."""

import pytest
from client import Client
from node import until


def signals(client):
    """The signals that are on their way."""
    return [frame for frame in client.fence() if frame["type"] == "signal"]


@pytest.mark.parametrize("places", [None, (0, 1, 0)])
def test_signals_reach_the_others_and_nobody_keeps_them(gateway, request, room, name, places):
    """On one node, and on two of a cluster."""
    nodes = [request.getfixturevalue("cluster")[place] for place in places] if places else [gateway] * 3
    ann, bob = name("ann"), name("bob")
    with (
        Client(nodes[0], room, ann, device="a", echo=1) as first,
        Client(nodes[1], room, bob) as second,
        Client(nodes[2], room, ann, device="b") as third,
    ):
        until(lambda: nodes[0].get(f"/api/rooms/{room}").json["users"] == 2, 5, "all members")
        # Byte for byte, line breaks too, which separate what nodes say to each other.
        data = '{"x": 1.50,\r\n "y":[ "\\u00e9", null]}'
        first.send_raw('{"type":"signal","name":"c\\u0075rsor","data":' + data + "}")
        head = '{"type":"signal","room":"%s","user":"%s","device":"a","name":"c\\u0075rsor","data":' % (room, ann)
        for one in (second, third):
            assert raw(one, "signal") == head + data + "}"
        first.send("signal", name="plain", room=room, id="x")
        for one in (second, third):
            assert one.seek("signal") == {
                "type": "signal", "room": room, "user": ann, "device": "a", "name": "plain",
            }
        assert signals(first) == []
        first.send("history")
        assert first.take("history")["messages"] == []


def raw(client, type):
    """The next frame of this type, as it came."""
    while True:
        text = client.socket.recv(timeout=10)
        if f'"type":"{type}"' in text:
            return text


def test_bad_signals(gateway, room, name):
    with Client(gateway, room, name("ann")) as ann, Client(gateway, room, name("bob")) as bob:
        ann.seek("joined")
        for frame, code in [
            ('{"type":"signal"}', "bad_frame"),
            ('{"type":"signal","name":""}', "bad_frame"),
            ('{"type":"signal","name":"%s"}' % ("n" * 33), "bad_frame"),
            ('{"type":"signal","name":1}', "bad_frame"),
            ('{"type":"signal","name":"n","data":%s}' % ("[" * 65 + "]" * 65), "bad_frame"),
            ('{"type":"signal","name":"n","data":"\\ud800"}', "bad_frame"),
            ('{"type":"signal","name":"n","data":}', "bad_json"),
            ('{"type":"signal","name":"n","room":"elsewhere"}', "not_in_room"),
        ]:
            ann.send_raw(frame)
            ann.error(code)
        ann.send("signal", name="n" * 32)
        assert bob.seek("signal")["name"] == "n" * 32


@pytest.mark.parametrize("clustered", [False, True])
def test_the_inbox_is_read_in_pages_of_what_is_for_the_device(gateway, request, room, name, clustered):
    nodes = request.getfixturevalue("cluster") if clustered else [gateway] * 2
    ann, bob = name("ann"), name("bob")
    with (
        Client(nodes[0], room, ann, device="a1") as sender,
        Client(nodes[1], room + "x", bob, device="web", device_type="web") as web,
    ):
        for number in range(1, 10):
            # 1, 4 and 7 are for all devices.
            kind = {} if number % 3 == 1 else {"device_type": "phone"}
            sender.send("direct", to=bob, content=number, **kind)
            sender.seek("ack")
        frames = [web.seek("direct", content=number) for number in (1, 4, 7)]

        def page(**fields):
            web.send("history", inbox=True, id="h", **fields)
            answer = web.seek("history", id="h")
            assert answer["inbox"] is True and "room" not in answer
            assert answer["epoch"] == web.welcome["inbox"]["epoch"]
            return answer["messages"], answer["complete"]

        assert page() == (frames, True)
        assert page(limit=2) == (frames[1:], False)
        assert page(limit=2, before=4) == (frames[:1], True)
        assert page(limit=1, after=0) == (frames[:1], False)
        assert page(limit=2, after=1) == (frames[1:], True)
        assert page(after=7) == ([], True)
        web.send("history", inbox=True, after=1, before=2)
        web.error("bad_frame")
        # One's own: what was sent to others, and nobody else's.
        sender.send("history", inbox=True)
        assert [frame["content"] for frame in sender.seek("history")["messages"]] == list(range(1, 10))
