"""Contract, section 2: what was acked is committed, and what was committed is acked before the server closes."""

import contextlib
import itertools
import json
import signal
import struct
import threading

import pytest
from client import Client, path
from node import Node, until
from test_closes import handshake, masked, read_frames

FLOODS = {"MESSAGES_PER_SECOND": 10}
STREAMS = {"MESSAGES_PER_SECOND": 1_000_000, "HISTORY_SIZE": 1_000_000, "INBOX_SIZE": 1_000_000, "DRAIN_SECONDS": 1}
# With so many rooms some are at home on the other worker.
ROOMS = 4


@pytest.fixture(params=["single", "cluster"])
def start(request, redis):
    """Starts a node with two workers, alone or with a Redis."""
    with contextlib.ExitStack() as stack:

        def start(**settings):
            url = redis.url if request.param == "cluster" else None
            node = Node(REDIS_URL=url, PRESENCE_GRACE_SECONDS=0, **settings)
            stack.callback(node.stop)
            node.start()
            if url:
                until(lambda: node.get("/health").json["mode"] == "cluster", what="the cluster")
            return node

        yield start


def frame(**fields):
    return masked(1, json.dumps(fields).encode())


def bad_frames():
    return 20 * frame(type="nothing")


def too_large():
    return masked(1, b'"' + b"x" * 70_000 + b'"')


def flood():
    return b"".join(frame(type="message", id=f"late-{number}", content=number) for number in range(400))


def committed(node, room):
    """The ids of all messages of a room, in order."""
    ids, after = [], 0
    while True:
        page = node.get(f"/api/rooms/{room}/messages?after={after}&limit=500").json
        ids += [message["id"] for message in page["messages"]]
        if page["complete"]:
            return ids
        after = page["messages"][-1]["seq"]


def acked_before_close(frames, code):
    """The ids that were acked, in order; the last frame has to close with this code."""
    assert frames[-1][0] == 8 and struct.unpack("!H", frames[-1][1][:2])[0] == code, frames[-1]
    texts = [json.loads(payload) for opcode, payload in frames if opcode == 1]
    return [text["id"] for text in texts if text["type"] == "ack"]


def in_rooms(node, room, count=ROOMS):
    """A connection in several rooms, and their names, the URL's first."""
    link = handshake(node, path(room, "ann", device="d"))
    rooms = [room] + [f"{room}-{number}" for number in range(1, count)]
    for other in rooms[1:]:
        link.sendall(frame(type="join", room=other))
        read_frames(link, last=lambda _, payload, other=other: b"joined_room" in payload and other.encode() in payload)
    return link, rooms


@pytest.mark.parametrize(
    "ending, code, settings",
    [(bad_frames, 1008, STREAMS), (too_large, 1009, STREAMS), (flood, 4101, FLOODS)],
    ids=["bad_frames", "too_large", "flood"],
)
def test_what_the_client_did_wrong(start, room, ending, code, settings):
    """Messages and the reason for the close come in one write: not one ack is there when the close is decided."""
    node = start(**settings)
    # No other room's ack is missing when the token bucket is empty.
    link, rooms = in_rooms(node, room, ROOMS if settings is STREAMS else 1)
    with link:
        sent = [(rooms[number % len(rooms)], f"id-{number}") for number in range(12)]
        messages = b"".join(frame(type="message", room=to, id=name, content="x") for to, name in sent)
        direct = frame(type="direct", to="bob", id="direct", content="x")
        late = frame(type="message", id="too-late", content="x")
        link.sendall(direct + messages + ending() + late)
        acked = acked_before_close(read_frames(link), code)
    kept = {other: committed(node, other) for other in rooms}
    assert sorted(acked) == sorted(["direct"] + [name for names in kept.values() for name in names])
    for other, names in kept.items():
        assert [name for name in acked if name in set(names)] == names, other
    # Nothing is taken behind the decision.
    assert {name for _, name in sent} <= set(acked) and "too-late" not in acked


def removed(node, _):
    assert node.delete("/api/users/ann/connections").json["closed"] == 1


def replaced(node, room):
    Client(node, f"{room}-other", "ann", device="d").close()


@pytest.mark.parametrize("end, code", [(removed, 4004), (replaced, 4005)], ids=["removed", "replaced"])
def test_what_others_do_while_messages_stream(start, room, end, code):
    """Of a client that sends without a pause, all that is in the histories was acked before the close."""
    node = start(**STREAMS)
    link, rooms = in_rooms(node, room)
    with link:
        numbers, half = itertools.count(), threading.Event()

        def send():
            with contextlib.suppress(OSError):
                for number in numbers:
                    link.sendall(frame(type="message", room=rooms[number % ROOMS], id=f"id-{number}", content="x"))
                    if number == 2_000:
                        half.set()

        sender = threading.Thread(target=send)
        sender.start()
        ending = threading.Thread(target=lambda: half.wait(30) and end(node, room))
        ending.start()
        acked = acked_before_close(read_frames(link), code)
        link.shutdown(2)
        sender.join()
        ending.join()
    for other in rooms:
        names = committed(node, other)
        assert [name for name in acked if name in set(names)] == names, other


def test_a_drain_while_messages_stream(start, room):
    """What another member saw was acked before its author was closed, whoever of the two is closed first."""
    node = start(**STREAMS)
    link, rooms = in_rooms(node, room)
    with link, contextlib.ExitStack() as stack:
        watchers = [stack.enter_context(handshake(node, path(other, "bob"))) for other in rooms]
        seen = {other: [] for other in rooms}

        def watch(other, watcher):
            def is_last(opcode, payload):
                text = json.loads(payload) if opcode == 1 else {}
                if text.get("type") == "message":
                    seen[other].append(text["id"])
                return False

            read_frames(watcher, is_last)

        threads = [threading.Thread(target=watch, args=pair) for pair in zip(rooms, watchers, strict=True)]

        def send():
            with contextlib.suppress(OSError):
                for number in itertools.count():
                    link.sendall(frame(type="message", room=rooms[number % ROOMS], id=f"id-{number}", content="x"))

        threads.append(threading.Thread(target=send))
        for thread in threads:
            thread.start()
        until(lambda: all(len(names) > 100 for names in seen.values()), 30, "a hundred messages in each room")
        node.process.send_signal(signal.SIGTERM)
        acked = acked_before_close(read_frames(link), 1012)
        link.shutdown(2)
        for thread in threads:
            thread.join()
    assert node.wait() == 0
    for other in rooms:
        assert not set(seen[other]) - set(acked), other
