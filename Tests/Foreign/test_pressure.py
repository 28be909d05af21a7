"""Contract, section 3, "one request at a time", and section 2, 4102: no more work for a connection whose output is not
out, and one connection takes at most its share of its worker's time."""

import contextlib
import json
import pathlib
import signal
import socket
import threading
import time
import zlib

import pytest
from client import Client, path
from node import elapse, until
from test_closes import gone, handshake, masked

MEGABYTE = 1_000_000


def memory(node, field="VmRSS"):
    """Resident memory of the process in bytes; `VmHWM`: the most since `forget_peak`."""
    for line in pathlib.Path(f"/proc/{node.process.pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise AssertionError(field)


def forget_peak(node):
    pathlib.Path(f"/proc/{node.process.pid}/clear_refs").write_text("5")


def silent(node):
    """A connection that reads nothing, with a small buffer in the kernel."""
    link = socket.socket()
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    link.connect(("127.0.0.1", node.port))
    return link


def pour(link, data, most):
    """Sends `data` again and again, at most `most` bytes, until the other side has taken nothing for a second."""
    sent, since = 0, time.monotonic()
    link.setblocking(False)
    while sent < most and time.monotonic() - since < 1:
        try:
            start = sent % len(data)
            sent += link.send(data[start:])
            since = time.monotonic()
        except BlockingIOError:
            elapse(0.005)
    return sent


def fill(node, room):
    """Puts half a megabyte into a room's history."""
    for number in range(10):
        node.post(f"/api/rooms/{room}/messages", {"user": "ann", "content": "x" * 60_000, "id": str(number)})


def test_pipelined_requests_that_nobody_reads_are_left_in_the_kernel(make_node):
    node = make_node()
    with silent(node) as link:
        before = memory(node)
        sent = pour(link, b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2000, 20 * MEGABYTE)
        assert sent < 20 * MEGABYTE, "all was taken"
        assert memory(node) - before < 32 * MEGABYTE
        assert node.get("/health").status == 200


def test_a_pipeline_is_answered_whole_once_it_is_read(make_node, room):
    """What waited for the output to go goes on: 40 answers of a page, over one connection."""
    node = make_node()
    fill(node, room)
    request = f"GET /api/rooms/{room}/messages?limit=500 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    last = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with silent(node) as link:
        link.settimeout(30)
        link.sendall(request * 40 + last)
        data = b""
        while part := link.recv(1 << 20):
            data += part
    assert data.count(b"HTTP/1.1 200 OK\r\n") == 41 and data.endswith(b"}")


@pytest.mark.parametrize("frame", [{"type": "history", "limit": 500}, {"type": "history", "inbox": True}])
def test_reads_that_nobody_reads_wait(make_node, room, frame):
    """A hundred reads in one burst: one of them is worked on, the next ones wait for its answer to go."""
    node = make_node()
    fill(node, room)
    for number in range(10):
        node.post("/api/users/ann/messages", {"from": "bob", "content": "x" * 60_000, "id": str(number)})
    links = [handshake(node, path(room, "ann"), receive_buffer=4096) for _ in range(5)]
    with contextlib.ExitStack() as stack:
        for link in links:
            stack.callback(link.close)
        until(lambda: node.get(f"/api/rooms/{room}").json["connections"] == 5, what="five members")
        elapse(0.5)
        forget_peak(node)
        before = memory(node, "VmHWM")
        for link in links:
            link.sendall(masked(1, json.dumps(frame).encode()) * 100)
        elapse(2)
        assert memory(node, "VmHWM") - before < 16 * MEGABYTE


def test_a_burst_within_one_turn_leaves_no_more_than_the_queue(make_node, room):
    """One burst of 8 MB to readers that do not read: none of it is kept for them beyond SEND_QUEUE_BYTES."""
    node = make_node(SEND_QUEUE_BYTES=100_000, MESSAGES_PER_SECOND=1_000_000, WORKERS=1)
    with Client(node, room, "ann") as ann, contextlib.ExitStack() as stack:
        for number in range(40):
            stack.enter_context(handshake(node, path(room, f"slow-{number}"), receive_buffer=4096))
        until(lambda: node.get(f"/api/rooms/{room}").json["connections"] == 41, what="all members")
        forget_peak(node)
        before = memory(node, "VmHWM")
        message = masked(1, json.dumps({"type": "message", "content": "x" * 8000}).encode())
        ann.socket.socket.sendall(message * 1000)
        until(lambda: gone(node, room, 1), what="the end of the slow readers")
        # The history of 8 MB, ann's own acks, and at most the queues of 40.
        assert memory(node, "VmHWM") - before < 40 * MEGABYTE


@pytest.mark.parametrize(
    "opcode, text", [(9, b""), (1, b'{"type":"ping"}'), (1, b"no JSON"), (1, b'{"type":"typing"}')]
)
def test_a_flood_costs_others_a_share(make_node, room, opcode, text):
    """While one connection sends as fast as it can, another one's pings are answered soon."""
    node = make_node(WORKERS=1, MESSAGES_PER_SECOND=1_000_000_000)
    stop = threading.Event()
    frames = masked(opcode, text) * 20_000

    def flood():
        while not stop.is_set():
            with contextlib.suppress(OSError), handshake(node, path(room, "mallory")) as link:
                link.settimeout(1)
                while not stop.is_set():
                    with contextlib.suppress(TimeoutError):
                        link.send(frames)
                    link.setblocking(False)
                    with contextlib.suppress(BlockingIOError):
                        while link.recv(1 << 20):
                            pass
                    link.settimeout(1)

    thread = threading.Thread(target=flood)
    with Client(node, room, "ann") as ann:
        thread.start()
        try:
            took = []
            for _ in range(100):
                started = time.monotonic()
                ann.send("ping")
                ann.seek("pong")
                took.append(time.monotonic() - started)
        finally:
            stop.set()
            thread.join()
    took.sort()
    # Python itself, and the machine, take most of it.
    assert took[90] < 0.25, took[80:]


def deflated(text):
    """A client's frame with a compressed message (RFC 7692), by a compressor of its own."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    frame = bytearray(masked(1, (packer.compress(text) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]))
    frame[0] |= 0x40
    return bytes(frame)


def test_an_address_with_many_connections_has_one_turn_of_many(make_node, room):
    """Thirty connections of one address say much that is dear, and then one word; another address says a word behind
    them all. The node finds everything at once, and the room's order is that in which it came to the words."""
    limits = {"MAX_CONNECTIONS_PER_IP": 100, "MAX_MESSAGE_BYTES": 262_144, "MESSAGES_PER_SECOND": 1_000_000}
    node = make_node(WORKERS=1, COMPRESSION="on", **limits)
    dear = deflated(b'{"type":"ping","pad":"' + b"x" * 260_000 + b'"}')
    word = masked(1, b'{"type":"message","content":"mallory"}')
    offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
    with Client(node, room, "ann", source="127.0.0.3") as ann, contextlib.ExitStack() as stack:
        links = [
            stack.enter_context(handshake(node, path(room, f"m{number}"), headers=offer, source="127.0.0.2"))
            for number in range(30)
        ]
        until(lambda: node.get(f"/api/rooms/{room}").json["connections"] == 31, what="all members")
        node.process.send_signal(signal.SIGSTOP)
        try:
            for link in links:
                link.sendall(dear * 12 + word)
            ann.send("message", content="ann")
        finally:
            node.process.send_signal(signal.SIGCONT)
        # Twelve dear messages are more than a connection's share of a turn.
        assert ann.seek("ack")["seq"] == 1
        seen = {ann.seek("message")["seq"] for _ in links}
        assert seen == set(range(2, 32)), "each word has come"
