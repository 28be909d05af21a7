#!/usr/bin/env python3
"""Further attacks over one address, measured as those of attacks.py, which has the table of docs/threat-model.md.

    SLUICE_BIN=.build/release/sluice Tests/Measure/more_attacks.py [--only NAME …] [--seconds 6]

Each row should stay within the same bounds: 64 MB, 20 ms, tier light. It prints what does not in bold, and whether
/health was answered at the end. All of it is standard library, on 127.0.0.0/8, and ends by itself.
"""

import argparse
import contextlib
import ctypes
import http.client
import json
import random
import resource
import socket
import ssl
import struct
import tempfile
import time
import zlib

import attacks
from attacks import ATTACKER, Swarm, frame, get, nodes, post, silent, text, upgrade
from authority import Authority


def unread_room(swarm, paths):
    """Members who read nothing of a room in which one of them says all that its rate allows, in large messages."""
    large = text(type="message", content="x" * 65_000)

    def feed(peer, now):
        if peer.number > 0:
            return None
        peer.due = now + 0.1
        return large * 4

    swarm.run(1, lambda number: upgrade("/ws/loud/u0"), feed, seconds=0.3)
    swarm.run(600, lambda number: upgrade(f"/ws/loud/u{number}"), feed, buffer=4096, reads=False)
    swarm.listen()


def unread_streams(swarm, paths):
    """Event streams that nobody reads, many more than an address may have."""
    swarm.run(200, lambda _: get("/api/system/events"), silent, buffer=4096, reads=False)
    swarm.listen()


def dribbled_heads(swarm, paths):
    """Heads of nearly 16 KiB that never end, in pieces."""

    def feed(peer, now):
        peer.due = now + 0.5
        peer.state += 1
        return f"X-{peer.state}: {'x' * 960}\r\n".encode() if peer.state < 16 else b"x"

    swarm.run(900, lambda _: b"GET / HTTP/1.1\r\nHost: a\r\n", feed)


def expecting(swarm, paths):
    """Small bodies of which each asks for leave first, pipelined."""
    body = b'{"user":"u","content":"x"}'
    head = post(paths["body"], len(body))[:-2] + b"Expect: 100-continue\r\n\r\n"
    some = (head + body) * 50
    swarm.run(100, lambda _: some, lambda peer, now: some)


def bombs(swarm, paths):
    """Frames that inflate to far more than a message may have."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(b" " * 16_000_000) + packer.flush(zlib.Z_SYNC_FLUSH)
    bomb = bytearray(frame(1, packed[:-4]))
    bomb[0] |= 0x40
    offer = b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    swarm.run(
        500, lambda number: upgrade(f"/ws/base/u{number}")[:-2] + offer, lambda peer, now: bytes(bomb), rate=100
    )


def nearly_bombs(swarm, paths):
    """Frames that inflate to just what a message may have, and are no JSON, at the rate."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(b'{"type":"typing","typing":true,"pad":"' + b"x" * 65_400 + b'"}')
    packed += packer.flush(zlib.Z_SYNC_FLUSH)
    one = bytearray(frame(1, packed[:-4]))
    one[0] |= 0x40
    offer = b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"

    def feed(peer, now):
        peer.due = now + 0.2
        return bytes(one) * 10

    swarm.run(200, lambda number: upgrade(f"/ws/base/u{number}")[:-2] + offer, feed)


def fragments(swarm, paths):
    """One message in fragments of a byte, without end."""
    first = b"\x01\x81" + attacks.MASK + b"{"
    some = (b"\x00\x81" + attacks.MASK + b" ") * 2000

    def feed(peer, now):
        peer.state += 1
        return first if peer.state == 1 else some

    swarm.run(50, lambda number: upgrade(f"/ws/base/u{number}"), feed)


def empty_fragments(swarm, paths):
    """Fragments of nothing, and pongs that nobody asked for."""
    some = (b"\x00\x80" + attacks.MASK) * 1000 + frame(10, b"x" * 100) * 100

    def feed(peer, now):
        peer.state += 1
        return b"\x01\x81" + attacks.MASK + b"{" if peer.state == 1 else some

    swarm.run(50, lambda number: upgrade(f"/ws/base/u{number}"), feed)


def rooms_in_a_loop(swarm, paths):
    """The same rooms joined and left by all, at the rate."""

    def feed(peer, now):
        peer.due = now + 0.25
        return b"".join(text(type="join", room=f"l-{n}") + text(type="leave", room=f"l-{n}") for n in range(6))

    swarm.run(300, lambda number: upgrade(f"/ws/base/u{number}"), feed)


def told_to_all(**fields):
    def attack(swarm, paths):
        def feed(peer, now):
            peer.due = now + 0.25
            return text(**fields) * 12

        swarm.run(900, lambda number: upgrade(f"/ws/crowd/u{number}"), feed)

    return attack


def read_marks(swarm, paths):
    def feed(peer, now):
        peer.due = now + 0.25
        peer.state += 12
        return b"".join(text(type="read", seq=peer.state + n) for n in range(12))

    swarm.run(600, lambda number: upgrade(f"/ws/full/u{number}"), feed)


def absent_inbox(swarm, paths):
    """Directs to one user who is away."""

    def feed(peer, now):
        peer.due = now + 0.25
        return text(type="direct", to="nobody", content="x" * 2000) * 12

    swarm.run(300, lambda number: upgrade(f"/ws/base/u{number}"), feed)


def heads_pipelined(swarm, paths):
    some = (f"HEAD {paths['large']} HTTP/1.1\r\nHost: a\r\n\r\n").encode() * 50
    swarm.run(100, lambda _: some, lambda peer, now: some)


def users_pipelined(swarm, paths):
    """A crowd, and requests for the list of it."""
    swarm.run(400, lambda number: upgrade(f"/ws/crowd/u{number}"), silent, seconds=4)
    some = get("/api/rooms/crowd/users?limit=500") * 20
    swarm.run(50, lambda _: some, lambda peer, now: some)


def half_closed(swarm, paths):
    """Asks for much, ends its side, and reads nothing."""
    one = get(paths["large"]) * 40
    kept = []
    while time.monotonic() < swarm.end:
        for _ in range(40):
            with contextlib.suppress(OSError):
                sock = socket.socket()
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                sock.bind((ATTACKER, 0))
                sock.settimeout(1)
                sock.connect(("127.0.0.1", swarm.port))
                sock.sendall(one)
                sock.shutdown(socket.SHUT_WR)
                kept.append(sock)
                swarm.heard["half-closed"] += 1
        time.sleep(0.3)


def resets(swarm, paths):
    """Connections that ask for histories and reset in the middle of the answer."""
    linger = struct.pack("ii", 1, 0)
    burst = text(type="history", limit=500) * 40
    while time.monotonic() < swarm.end:
        sock = socket.socket()
        with contextlib.suppress(OSError):
            sock.bind((ATTACKER, 0))
            sock.settimeout(1)
            sock.connect(("127.0.0.1", swarm.port))
            some = upgrade(f"/ws/full/u{swarm.heard['resets']}")
            sock.sendall(some if random.random() < 0.5 else get(paths["large"]) * 40)
            sock.recv(100)
            sock.sendall(burst)
            sock.recv(100)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        sock.close()
        swarm.heard["resets"] += 1


def sockets(swarm, paths):
    """As many sockets as there can be, and more as they are closed."""
    kept = []
    while time.monotonic() < swarm.end:
        for _ in range(50):
            sock = socket.socket()
            with contextlib.suppress(OSError):
                sock.bind((ATTACKER, 0))
                sock.setblocking(False)
                sock.connect_ex(("127.0.0.1", swarm.port))
                kept.append(sock)
                swarm.heard["sockets"] += 1
        if len(kept) > 5000:
            for sock in kept[:1000]:
                sock.close()
            del kept[:1000]
        time.sleep(0.005)


def crowds(swarm, paths):
    """As many rooms as people in each, and all talk within their rates."""

    def feed(peer, now):
        peer.due = now + 0.25
        return text(type="message", content="x" * 100) * 12

    swarm.run(900, lambda number: upgrade(f"/ws/crowd-{number % 30}/u{number}"), feed)


def directs_in_pairs(swarm, paths):
    """Directs to each other, within the rate."""

    def feed(peer, now):
        peer.due = now + 0.25
        return text(type="direct", to=f"u{peer.number ^ 1}", content="x" * 100) * 12

    swarm.run(600, lambda number: upgrade(f"/ws/base/u{number}"), feed)


def replays(swarm, paths):
    """Comes back to the beginning of a history, takes all of it, goes, and comes again."""
    page = json.loads(ask(swarm.port, paths["large"]))
    path = f"/ws/full/{{}}?since=0&epoch={page['epoch']}"
    while time.monotonic() < swarm.end:
        swarm.run(100, lambda number: upgrade(path.format(f"u{number}")), silent, rate=100, burst=20, seconds=1)
        for sock in list(swarm.peers):
            swarm.selector.unregister(sock)
            sock.close()
        swarm.peers.clear()


def comings_and_goings(swarm, paths):
    """A crowd, and connections that come into it and go."""
    swarm.run(500, lambda number: upgrade(f"/ws/crowd/u{number}"), silent, seconds=4)
    while time.monotonic() < swarm.end:
        kept = []
        for number in range(100):
            with contextlib.suppress(OSError):
                sock = socket.create_connection(("127.0.0.1", swarm.port), 1, (ATTACKER, 0))
                sock.sendall(upgrade(f"/ws/crowd/c{number}"))
                kept.append(sock)
        time.sleep(1)
        for sock in kept:
            sock.close()
        swarm.heard["came and went"] += len(kept)


def small_reads(swarm, paths):
    """Histories of one message, as often as may be."""

    def feed(peer, now):
        peer.due = now + 0.25
        return text(type="history", limit=1) * 12

    swarm.run(600, lambda number: upgrade(f"/ws/full/u{number}"), feed)


def own_inboxes(swarm, paths):
    """Directs to oneself, and histories of the inbox."""

    def feed(peer, now):
        peer.due = now + 0.25
        one = text(type="direct", to=f"u{peer.number}", content="x" * 8000)
        return one * 4 + text(type="history", inbox=True, limit=500) * 8

    swarm.run(100, lambda number: upgrade(f"/ws/base/u{number}"), feed)


def unknown_positions(swarm, paths):
    """Comes back to histories that there never were."""
    while time.monotonic() < swarm.end:
        swarm.run(
            100, lambda number: upgrade(f"/ws/full/u{number}?since=5&epoch=made-up"), silent, burst=20, seconds=1
        )
        for sock in list(swarm.peers):
            swarm.selector.unregister(sock)
            sock.close()
        swarm.peers.clear()


def ask(port, path):
    link = http.client.HTTPConnection("127.0.0.1", port, 5, ("127.0.0.31", 0))
    with contextlib.closing(link):
        link.request("GET", path)
        return link.getresponse().read()


# Over TLS: `paths["trust"]` is a client's context.


def secure(swarm, version=None, buffer=None):
    """A connection whose handshake is through; None when it failed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if version:
        context.maximum_version = version
    sock = socket.socket()
    try:
        if buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        sock.bind((ATTACKER, 0))
        sock.settimeout(2)
        sock.connect(("127.0.0.1", swarm.port))
        return context.wrap_socket(sock)
    except OSError as error:
        swarm.heard[type(error).__name__] += 1
        sock.close()
        return None


def hello():
    """The first bytes of a client."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    outgoing = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing).do_handshake()
    return outgoing.read()


def tls_slow(swarm, paths):
    """Handshakes of which a byte comes ten times a second."""
    first = hello()

    def feed(peer, now):
        peer.due = now + 0.1
        peer.state += 1
        return first[peer.state : peer.state + 1]

    swarm.run(900, lambda _: first[:1], feed)


def tls_halves(swarm, paths):
    """Handshakes that the client leaves when the server has done its part."""
    first = hello()
    swarm.run(100_000, lambda _: first, silent, rate=300)


def tls_early_close(swarm, paths):
    """Whole handshakes, and then nothing: the socket is closed without a word."""
    while time.monotonic() < swarm.end:
        if sock := secure(swarm):
            sock.close()
            swarm.heard["handshakes"] += 1


def tls_unread(swarm, paths):
    """Pipelined reads over TLS, unread."""
    kept = []
    while time.monotonic() < swarm.end and len(kept) < 400:
        if sock := secure(swarm, buffer=4096):
            with contextlib.suppress(OSError):
                sock.sendall(get(paths["large"]) * 40)
            kept.append(sock)
    swarm.heard["connections"] = len(kept)
    time.sleep(max(0, swarm.end - time.monotonic()))


def tls_tiny_records(swarm, paths):
    """A message in fragments of a byte, each in a record of its own."""
    socks = [sock for sock in (secure(swarm) for _ in range(20)) if sock]
    for number, sock in enumerate(socks):
        sock.sendall(upgrade(f"/ws/base/u{number}"))
        sock.recv(65536)
        sock.sendall(b"\x01\x81" + attacks.MASK + b"{")
    while time.monotonic() < swarm.end and socks:
        for sock in list(socks):
            try:
                for _ in range(50):
                    sock.sendall(b"\x00\x81" + attacks.MASK + b" ")
                swarm.heard["records"] += 50
            except OSError as error:
                swarm.heard[type(error).__name__] += 1
                socks.remove(sock)


class OpenSSL:
    """The library's own calls, for what Python's `ssl` has no words for."""

    def __init__(self):
        self.library = ctypes.CDLL("libssl.so.3")
        for name in ["TLS_client_method", "SSL_CTX_new", "SSL_new"]:
            getattr(self.library, name).restype = ctypes.c_void_p

    def connect(self, swarm, version):
        """A socket and its SSL, connected; `version`: 0x0303 or 0x0304."""
        call = self.library
        context = ctypes.c_void_p(call.SSL_CTX_new(ctypes.c_void_p(call.TLS_client_method())))
        for bound in (123, 124):
            call.SSL_CTX_ctrl(context, bound, ctypes.c_long(version), None)
        sock = socket.socket()
        sock.bind((ATTACKER, 0))
        sock.connect(("127.0.0.1", swarm.port))
        tie = ctypes.c_void_p(call.SSL_new(context))
        call.SSL_set_fd(tie, sock.fileno())
        if call.SSL_connect(tie) != 1:
            swarm.heard["no handshake"] += 1
        return sock, tie


def tls_key_updates(swarm, paths):
    """New keys, each with a wish for new ones of the server."""
    openssl = OpenSSL()
    ends = [openssl.connect(swarm, 0x0304) for _ in range(20)]
    while time.monotonic() < swarm.end and ends:
        for end in list(ends):
            for _ in range(50):
                openssl.library.SSL_key_update(end[1], 1)
                if openssl.library.SSL_do_handshake(end[1]) != 1:
                    swarm.heard["ended"] += 1
                    ends.remove(end)
                    break
                swarm.heard["key updates"] += 1


def tls_renegotiation(swarm, paths):
    """TLS 1.2, and another handshake within the connection."""
    openssl = OpenSSL()
    while time.monotonic() < swarm.end:
        sock, tie = openssl.connect(swarm, 0x0303)
        sock.settimeout(None)
        openssl.library.SSL_renegotiate(tie)
        done = openssl.library.SSL_do_handshake(tie)
        is_done = done == 1 and openssl.library.SSL_renegotiate_pending(tie) == 0
        swarm.heard["renegotiated" if is_done else "refused"] += 1
        sock.close()


OVER_TLS = {
    "TLS: slow handshakes": (tls_slow, 4),
    "TLS: halves of handshakes": (tls_halves, 0),
    "TLS: handshakes, early close": (tls_early_close, 0),
    "TLS: pipelined reads, unread": (tls_unread, 0),
    "TLS: tiny records": (tls_tiny_records, 0),
    "TLS: key updates": (tls_key_updates, 0),
    "TLS: renegotiation": (tls_renegotiation, 0),
}
MORE = {
    "a loud room, unread": (unread_room, 4),
    "event streams, unread": (unread_streams, 0),
    "heads in pieces": (dribbled_heads, 4),
    "bodies that ask for leave": (expecting, 0),
    "deflate bombs": (bombs, 2),
    "deflated to the bound": (nearly_bombs, 0),
    "fragments of a byte": (fragments, 0),
    "empty fragments and pongs": (empty_fragments, 0),
    "rooms in a loop": (rooms_in_a_loop, 1),
    "typing in a crowd": (told_to_all(type="typing", typing=True), 6),
    "messages in a crowd": (told_to_all(type="message", content="x" * 100), 6),
    "read marks": (read_marks, 4),
    "one absent inbox": (absent_inbox, 1),
    "HEAD pipelined": (heads_pipelined, 0),
    "users pipelined": (users_pipelined, 4),
    "half-closed, unread": (half_closed, 0),
    "resets in an answer": (resets, 0),
    "sockets": (sockets, 0),
    "crowds that talk": (crowds, 6),
    "directs in pairs": (directs_in_pairs, 4),
    "replays from the beginning": (replays, 0),
    "comings and goings in a crowd": (comings_and_goings, 4),
    "histories of one message": (small_reads, 4),
    "one's own inbox": (own_inboxes, 0),
    "positions of no history": (unknown_positions, 0),
    **OVER_TLS,
}


def of_node(name, seconds):
    limits = {"MAX_CONNECTIONS_PER_IP": 1000, "HTTP_REQUESTS_PER_SECOND": 100, "COMPRESSION": "on"}
    folder = tempfile.TemporaryDirectory(prefix="sluice-attacks-")
    trust = None
    if name in OVER_TLS:
        authority = Authority(folder.name)
        limits |= authority.issue("node").settings
        trust = authority.trust()
    node = nodes.Node(**limits, WORKERS=None, GOVERNOR_DRY_RUN=None, LOG_LEVEL="WARNING")
    node.trust = trust
    node.start()
    try:
        attacks.fill(node.port, "full", trust)
        paths = {
            "large": "/api/rooms/full/messages?limit=500",
            "small": "/metrics",
            "body": "/api/rooms/base/messages",
            "trust": trust,
        }
        time.sleep(1)
        row = attacks.measure(name, node.port, [node.process.pid], seconds, paths)
        link = http.client.HTTPConnection("127.0.0.1", node.port, 5)
        link.sock = attacks.reach(node.port, "127.0.0.30", trust)
        with contextlib.closing(link):
            link.request("GET", "/health")
            row["bystander"][f"/health {link.getresponse().status}"] = 1
        return row
    finally:
        node.stop()
        folder.cleanup()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="+", default=[], help="parts of names of attacks")
    parser.add_argument("--seconds", type=float, default=6, help="of each attack, besides what it takes to connect")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    attacks.ATTACKS.update(MORE)
    print("| attack | memory over the start | ping p99 alone | ping p99 | tier | what the attacker heard |")
    print("|---|---|---|---|---|---|")
    for name in MORE:
        if not options.only or any(part in name for part in options.only):
            attacks.print_row(of_node(name, options.seconds), "")


if __name__ == "__main__":
    main()
