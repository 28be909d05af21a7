"""Contract, section 2: close codes, limits of rate and size, slow readers, heartbeats, caps per user and address."""

import base64
import json
import os
import signal
import socket
import struct
import threading
import time

import pytest
from client import Client, Closed, closed_with, path
from node import elapse, seconds, until


def handshake(node, target, bound=10.0, receive_buffer=None, headers="", source=None):
    """A bare socket after the upgrade, and what the server has sent already."""
    link = socket.socket()
    if receive_buffer:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    link.settimeout(seconds(bound))
    if source:
        link.bind((source, 0))
    link.connect(("127.0.0.1", node.port))
    key = base64.b64encode(os.urandom(16)).decode()
    link.sendall(
        f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{node.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{headers}\r\n".encode()
    )
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += link.recv(1)
    assert answer.startswith(b"HTTP/1.1 101 "), answer
    return link


def masked(opcode, payload, final=True):
    """A client's frame (RFC 6455, section 5.2), masked with zeros."""
    head = bytes([(0x80 if final else 0) | opcode])
    if len(payload) < 126:
        head += bytes([0x80 | len(payload)])
    elif len(payload) < 65536:
        head += b"\xfe" + struct.pack("!H", len(payload))
    else:
        head += b"\xff" + struct.pack("!Q", len(payload))
    return head + bytes(4) + payload


def take_frame(data, heads=False):
    """The first frame of `data` and what follows it: (opcode, payload), rest. None when it is not whole.

    With `heads` the whole first byte stands in the opcode's place."""
    if len(data) < 2:
        return None
    length, start = data[1] & 127, 2
    if length == 126:
        length, start = int.from_bytes(data[2:4], "big"), 4
    elif length == 127:
        length, start = int.from_bytes(data[2:10], "big"), 10
    if len(data) < start + length:
        return None
    return (data[0] if heads else data[0] & 15, data[start : start + length]), data[start + length :]


def read_frames(link, last=lambda opcode, payload: False, heads=False):
    """The server's frames up to its close frame, to the end of the TCP connection, or to one that is the `last`."""
    frames, data = [], b""
    while True:
        while found := take_frame(data, heads):
            frame, data = found
            frames.append(frame)
            if frame[0] & 15 == 8 or last(*frame):
                return frames
        try:
            part = link.recv(65536)
        except ConnectionResetError:
            return frames
        if not part:
            return frames
        data += part


def close_code(frames):
    code = [struct.unpack("!H", payload[:2])[0] for opcode, payload in frames if opcode == 8]
    assert len(code) == 1, frames
    return code[0]


def test_binary_closes_1003(gateway, room, name):
    with Client(gateway, room, name("ann")) as ann:
        ann.send_raw(b"\x00\x01")
        closed_with(1003, ann)


def test_nothing_follows_a_close_frame(gateway, room, name):
    """RFC 6455, section 5.5.1: an ack under way when its sender was closed is not sent behind the close frame."""
    link = handshake(gateway, path(room, name("ann"), echo=1))
    with link:
        message = masked(1, b'{"type":"message","content":"x"}')
        # One write, so that all of it is read in one turn, at the end of which the ack would leave.
        link.sendall(message + 20 * masked(1, b"[]"))
        data = b""
        while part := link.recv(65536):
            data += part
            rest = data
            while found := take_frame(rest):
                frame, rest = found
                if frame[0] == 8:
                    link.sendall(masked(8, frame[1][:2]))
                    break
            else:
                continue
            break
        while part := link.recv(65536):
            rest += part
    assert frame[0] == 8 and struct.unpack("!H", frame[1][:2])[0] == 1008
    assert rest == b""


def test_invalid_utf8_closes_1007(gateway, room, name):
    with handshake(gateway, path(room, name("ann"))) as link:
        link.sendall(masked(1, b'{"type":"ping","t":"\xff"}'))
        assert close_code(read_frames(link)) == 1007


def test_unmasked_frame_closes_1002(gateway, room, name):
    with handshake(gateway, path(room, name("ann"))) as link:
        link.sendall(b"\x81\x02{}")
        assert close_code(read_frames(link)) == 1002


@pytest.mark.parametrize("fragments", [1, 3])
def test_size_of_a_message(make_node, room, fragments):
    """MAX_MESSAGE_BYTES is taken, one byte more closes 1009, also in fragments."""
    node = make_node(MAX_MESSAGE_BYTES=1000)

    def message(size):
        head = '{"type":"message","id":"m","content":"'
        return (head + "x" * (size - len(head) - 2) + '"}').encode()

    def send(link, data):
        step = len(data) // fragments + 1
        parts = [data[start : start + step] for start in range(0, len(data), step)]
        for number, part in enumerate(parts):
            link.sendall(masked(1 if number == 0 else 0, part, final=number == len(parts) - 1))

    with handshake(node, path(room, "ann")) as link:
        send(link, message(1000))
        # Comes after welcome and joined_room; fails when the connection ends before.
        frames = read_frames(link, last=lambda opcode, payload: b'"ack"' in payload)
        assert json.loads(frames[-1][1])["type"] == "ack"
    with handshake(node, path(room, "ann")) as link:
        send(link, message(1001))
        assert close_code(read_frames(link)) == 1009


def test_client_close_is_answered_with_its_code(gateway, room, name):
    for code in (1000, 1001, 3000, 4999):
        with handshake(gateway, path(room, name("ann"))) as link:
            link.sendall(masked(8, struct.pack("!H", code) + b"bye"))
            assert close_code(read_frames(link)) == code


def test_rate_limited(make_node, room):
    """Rate MESSAGES_PER_SECOND, burst twice that; `rate_limited` with `retry_ms`, after which it goes on."""
    node = make_node(MESSAGES_PER_SECOND=5)
    with Client(node, room, "ann") as ann:
        for number in range(14):
            ann.send("message", content=number, id=f"i{number}")
        frames = [ann.next() for _ in range(14)]
        acked = [frame["id"] for frame in frames if frame["type"] == "ack"]
        refused = [frame for frame in frames if frame["type"] == "error"]
        # Ten at once; a slow machine may have earned one or two more meanwhile.
        assert 10 <= len(acked) <= 13 and len(acked) + len(refused) == 14
        assert acked == [f"i{number}" for number in range(len(acked))]
        for frame in refused:
            assert frame["code"] == "rate_limited" and frame["id"] and 0 < frame["retry_ms"] <= 1000

        def goes_on():
            ann.send("message", content="later")
            return ann.next()["type"] == "ack"

        until(goes_on, 5, "the next token")
    with Client(node, room, "bob") as bob:
        # Pings, acks of the inbox and bad frames have a bucket of their own: ten, and perhaps one or two more.
        answers = []
        for _ in range(7):
            bob.send("ping")
            bob.send_raw("x")
            answers += [bob.next(), bob.next()]
        refused = [frame for frame in answers if frame.get("code") == "rate_limited"]
        assert 1 <= len(refused) <= 4 and all(0 < frame["retry_ms"] <= 1000 for frame in refused)
        assert [frame.get("code", "pong") for frame in answers[:10]] == ["pong", "bad_json"] * 5
        for number in range(10):
            bob.say(number)


def test_flooding_closes_4101(make_node, room):
    """More than ten times the rate refused within 10 s."""
    node = make_node(MESSAGES_PER_SECOND=5)
    with Client(node, room, "ann") as ann:
        for _ in range(9):
            ann.send("typing", typing=True)
        for _ in range(45):
            ann.send("typing", typing=True)
        refused = [frame for frame in ann.fence() if frame["type"] == "error"]
        assert 40 <= len(refused) <= 50
        ann.flood(40, "typing", typing=True)
        closed_with(4101, ann)


def test_slow_reader_closes_4102_and_resumes(make_node, room):
    """A reader that never reads is closed; the others go on; it resumes from its last seq."""
    node = make_node(SEND_QUEUE_BYTES=65536, MESSAGES_PER_SECOND=100000)
    with Client(node, room, "ann") as ann, Client(node, room, "bob") as bob:
        ann.take("joined")
        slow = handshake(node, path(room, "slow"), receive_buffer=4096)
        with slow:
            ann.seek("joined", user="slow")
            content = "x" * 8000
            sent = 0
            refusals = 0

            def closed_by_the_node():
                status = node.get("/api/rooms/" + room).json
                return status["connections"] == 2

            deadline = time.monotonic() + seconds(30)
            while not closed_by_the_node():
                assert time.monotonic() < deadline, "the slow reader was not closed"
                for _ in range(50):
                    sent += 1
                    ann.send("message", content=content, id=f"i{sent}")
                    ann.seek("ack", id=f"i{sent}")
            del refusals
            # The others have lost nothing.
            seqs = []
            while len(seqs) < sent:
                frame = bob.next()
                if frame["type"] == "message":
                    seqs.append(frame["seq"])
            assert seqs == list(range(1, sent + 1))
            # What the slow one has received is a beginning of the order, and after it 4102 where there was room for it.
            frames = read_frames(slow)
        texts = [json.loads(payload) for opcode, payload in frames if opcode == 1]
        seen = [frame["seq"] for frame in texts if frame["type"] == "message"]
        assert seen == list(range(1, len(seen) + 1)) and len(seen) < sent
        closes = [payload for opcode, payload in frames if opcode == 8]
        if closes:
            assert struct.unpack("!H", closes[0][:2])[0] == 4102
        with Client(node, room, "slow", since=len(seen), epoch=ann.joined["epoch"]) as back:
            assert back.joined["recovered"] is True and back.joined["missed"] == sent - len(seen)
            got = []
            while len(got) < sent - len(seen):
                frame = back.next()
                if frame["type"] == "message":
                    got.append(frame["seq"])
            assert got == list(range(len(seen) + 1, sent + 1))


def test_slow_reader_is_told_4102(make_node, room):
    """The close frame reaches a reader that begins to read again."""
    node = make_node(SEND_QUEUE_BYTES=65536, MESSAGES_PER_SECOND=100000)
    with Client(node, room, "ann") as ann:
        slow = handshake(node, path(room, "slow"), receive_buffer=4096)
        with slow:
            ann.seek("joined", user="slow")
            stop = threading.Event()
            frames = []

            def read_late():
                stop.wait(seconds(30))
                frames.extend(read_frames(slow))

            reader = threading.Thread(target=read_late)
            reader.start()
            try:
                number = 0
                deadline = time.monotonic() + seconds(30)
                while not gone(node, room, 1):
                    assert time.monotonic() < deadline
                    for _ in range(50):
                        number += 1
                        ann.send("message", content="x" * 8000)
                        ann.seek("ack")
            finally:
                stop.set()
                reader.join(seconds(20))
            status = node.get("/api/system/status")
            assert status.status == 200
            assert not reader.is_alive()
            codes = [struct.unpack("!H", payload[:2])[0] for opcode, payload in frames if opcode == 8]
            assert codes == [4102], codes


def gone(node, room, left):
    return node.get("/api/rooms/" + room).json["connections"] == left


def test_silence_closes_4201(make_node, room):
    """A protocol ping each interval; silent for the timeout: 4201. An answer keeps the connection."""
    node = make_node(HEARTBEAT_INTERVAL_SECONDS=1, HEARTBEAT_TIMEOUT_SECONDS=3)
    with Client(node, room, "alive") as alive, handshake(node, path(room, "silent")) as link:
        assert alive.welcome["heartbeat_ms"] == 1000
        started = time.monotonic()
        frames = read_frames(link)
        took = time.monotonic() - started
        assert [opcode for opcode, _ in frames].count(9) >= 1
        assert close_code(frames) == 4201
        assert 2.5 < took < seconds(8)
        # The other one's library answers pings.
        alive.send("message", content="still here")
        alive.seek("ack")


def test_a_stall_of_the_node_closes_nobody_who_talks(make_node, room):
    """What has come meanwhile is read before anybody is judged by the time that has passed."""
    node = make_node(HEARTBEAT_INTERVAL_SECONDS=2, HEARTBEAT_TIMEOUT_SECONDS=5, WORKERS=1, PRESENCE_GRACE_SECONDS=1)
    clients = [Client(node, room, f"u{number}") for number in range(200)]
    for client in clients:
        client.fence()
    node.process.send_signal(signal.SIGSTOP)
    try:
        end = time.monotonic() + 6.5
        while time.monotonic() < end:
            for client in clients:
                client.send("ping", t="meanwhile")
            elapse(0.25)
    finally:
        node.process.send_signal(signal.SIGCONT)
    elapse(2)
    for client in clients:
        client.send("ping", t="after")
        client.seek("pong", t="after", bound=10)
    assert "4201" not in node.log
    for client in clients:
        client.close()


def test_connections_per_user(make_node, room):
    node = make_node(MAX_CONNECTIONS_PER_USER=2)
    with Client(node, room, "ann"), Client(node, room, "ann", device="d"):
        with Client(node, room, "ann", joined=False) as third:
            closed_with(4006, third)
        # A device that is connected already replaces its connection.
        with Client(node, room, "ann", device="d"), Client(node, room, "bob"):
            pass

    def free():
        try:
            with Client(node, room, "ann"):
                return True
        except Closed:
            return False

    until(free, 5, "a free place")


def test_connections_per_address(make_node, room):
    """Also behind a trusted proxy, by the right-most untrusted address of X-Forwarded-For."""
    node = make_node(MAX_CONNECTIONS_PER_IP=2, TRUSTED_PROXIES="127.0.0.1")

    def behind(address, user):
        return Client(node, room, user, headers={"X-Forwarded-For": address}, joined=False)

    with behind("192.0.2.1", "a") as a, behind("203.0.113.9, 192.0.2.1", "b") as b:
        a.take("welcome")
        b.take("welcome")
        with behind("198.51.100.7, 192.0.2.1, 127.0.0.1", "c") as c:
            closed_with(4006, c)
        with behind("192.0.2.2", "d") as d:
            d.take("welcome")
    # An address that is no trusted proxy can't name another.
    with (
        Client(node, room, "e", source="127.0.0.2", headers={"X-Forwarded-For": "192.0.2.50"}),
        Client(node, room, "f", source="127.0.0.2", headers={"X-Forwarded-For": "192.0.2.51"}),
    ):
        with Client(node, room, "g", source="127.0.0.2", headers={"X-Forwarded-For": "192.0.2.52"}, joined=False) as g:
            closed_with(4006, g)


def test_x_real_ip(make_node, room):
    node = make_node(MAX_CONNECTIONS_PER_IP=1)
    with (
        Client(node, room, "a", headers={"X-Real-IP": "192.0.2.1"}),
        Client(node, room, "b", headers={"X-Real-IP": "192.0.2.2"}),
    ):
        with Client(node, room, "c", headers={"X-Real-IP": "192.0.2.1"}, joined=False) as c:
            closed_with(4006, c)


def test_connections_of_the_node(make_node, room):
    """Over the cap: the upgrade is completed, then closed with 4100 and a time to wait."""
    node = make_node(MAX_CONNECTIONS=3)
    with Client(node, room, "a"), Client(node, room, "b"), Client(node, room, "c") as c:
        with Client(node, room, "d", joined=False) as d:
            closed = closed_with(4100, d)
            assert closed.details["retry_ms"] > 0
        c.say("unharmed")
        status = node.get("/api/system/status").json["connections"]
        assert status["current"] == 3 and status["max"] == 3 and sum(status["refused_total"].values()) >= 1


def test_pings_are_answered_in_bounded_memory(gateway, room, name):
    """RFC 6455, section 5.5.2: a pong carries the ping's data; of many pings the last has to be answered."""
    with handshake(gateway, path(room, name("ann"))) as link:
        for number in range(2000):
            link.sendall(masked(9, b"%d" % number))
        link.sendall(masked(8, struct.pack("!H", 1000)))
        pongs = [payload for opcode, payload in read_frames(link) if opcode == 10]
        assert pongs and pongs[-1] == b"1999"
        assert [int(pong) for pong in pongs] == sorted(int(pong) for pong in pongs)
