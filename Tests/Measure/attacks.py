#!/usr/bin/env python3
"""Twelve attacks over one address, on a node with defaults: what each costs, and what a bystander notices of it.

    SLUICE_BIN=.build/release/sluice Tests/Measure/attacks.py [--table] [--only NAME …] [--seconds 8] [--nginx]

Each attack has a node of its own. The attacker has one address (127.0.0.5) and a process; bystanders have others, and
send 160 pings a second, before the attack ("alone") and during it. Answers that come late count as often as pings were
due meanwhile. Limits of an address don't count on loopback unless they are set, so they are set, to their defaults.
`--table` prints the table of docs/threat-model.md; `--nginx` asks an Nginx the same where it can be asked. All of it
is standard library, on 127.0.0.0/8, and ends by itself.
"""

import argparse
import base64
import collections
import contextlib
import http.client
import json
import multiprocessing
import os
import pathlib
import re
import resource
import selectors
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Support"))
import node as nodes  # noqa: E402

ATTACKER = "127.0.0.5"
BYSTANDERS = [f"127.0.0.{number}" for number in range(11, 15)]
PING_EVERY = 0.025
MEMORY_MAX = 64.0
PING_MAX = 20.0
TIERS = ["normal", "light", "moderate", "heavy"]
MASK = b"\0\0\0\0"
# What an address may open at once, and then per second: the default of HTTP_REQUESTS_PER_SECOND.
BURST, RATE = 200, 100


def frame(opcode, payload):
    """A masked frame; a mask of zeros leaves the payload as it is."""
    length = len(payload)
    if length < 126:
        head = bytes([0x80 | opcode, 0x80 | length])
    elif length < 65536:
        head = bytes([0x80 | opcode, 0xFE]) + struct.pack(">H", length)
    else:
        head = bytes([0x80 | opcode, 0xFF]) + struct.pack(">Q", length)
    return head + MASK + payload


def text(**fields):
    return frame(1, json.dumps(fields).encode())


def upgrade(path):
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET {path} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    ).encode()


def get(path):
    return f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()


def post(path, length, body=b""):
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    return head.encode() + body


def reach(port, address, trust=None):
    """A connection from `address`; over TLS when `trust` is a client's context."""
    sock = socket.create_connection(("127.0.0.1", port), 10, (address, 0))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return trust.wrap_socket(sock, server_hostname="127.0.0.1") if trust else sock


def received(sock):
    """What has come, with all of it that a TLS socket has read already."""
    data = sock.recv(262144)
    while data and isinstance(sock, ssl.SSLSocket) and sock.pending():
        data += sock.recv(262144)
    return data


class Peer:
    """One connection of the attacker. `out` is what is still to be sent."""

    def __init__(self, number, first):
        self.number = number
        self.out = bytearray(first)
        self.tail = b""
        self.is_open = False
        self.reads = True
        self.state = 0
        # When it has more to send, and whether it waits for that.
        self.due = 0.0
        self.sleeps = False


class Swarm:
    """The attacker's connections. `heard` counts what the server said."""

    def __init__(self, port, seconds):
        self.port = port
        self.end = time.monotonic() + seconds
        self.selector = selectors.DefaultSelector()
        self.peers = {}
        self.heard = collections.Counter()
        self.opened = 0

    def open(self, first, buffer=None):
        sock = socket.socket()
        if buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        sock.setblocking(False)
        sock.bind((ATTACKER, 0))
        sock.connect_ex(("127.0.0.1", self.port))
        peer = Peer(self.opened, first)
        self.opened += 1
        self.peers[sock] = peer
        self.selector.register(sock, selectors.EVENT_READ | selectors.EVENT_WRITE, peer)
        return peer

    def run(self, count, first, feed, buffer=None, rate=RATE, burst=BURST, seconds=None, reads=True):
        """Opens `count` connections, as fast as `rate` lets, and drives them until the end.

        `first(number)` is what a connection begins with, `feed(peer, now)` what it sends when all before is sent.
        """
        start = time.monotonic()
        end = min(self.end, start + (seconds or 1e9))
        base = self.opened
        while (now := time.monotonic()) < end:
            while self.opened - base < min(count, burst + rate * (now - start)):
                number = self.opened - base
                self.open(first(number), buffer).reads = reads
            for key, mask in self.selector.select(0.01):
                if mask & selectors.EVENT_READ:
                    self.read(key.fileobj, key.data)
                if mask & selectors.EVENT_WRITE and key.fileobj in self.peers:
                    self.write(key.fileobj, key.data, feed, now)
            for sock, peer in list(self.peers.items()):
                if peer.sleeps and peer.due <= now:
                    peer.sleeps = False
                    self.watch(sock, peer, True)

    def watch(self, sock, peer, writes):
        events = (selectors.EVENT_READ if peer.reads or not peer.is_open else 0) | (
            selectors.EVENT_WRITE if writes else 0
        )
        with contextlib.suppress(KeyError):
            self.selector.unregister(sock)
        if events:
            self.selector.register(sock, events, peer)

    def write(self, sock, peer, feed, now):
        if not peer.out and peer.is_open and peer.due <= now:
            peer.due = 0.0
            peer.out += feed(peer, now) or b""
        if not peer.out:
            # Nothing now. `feed` has said when there is more, by `due`; else it is soon asked again.
            peer.due = peer.due or now + 0.02
            peer.sleeps = True
            return self.watch(sock, peer, False)
        try:
            sent = sock.send(memoryview(peer.out)[:262144])
        except BlockingIOError:
            return
        except OSError as error:
            return self.closed(sock, peer, type(error).__name__)
        del peer.out[:sent]
        if not peer.reads and not peer.out:
            peer.is_open = True

    def read(self, sock, peer):
        try:
            data = sock.recv(262144)
        except BlockingIOError:
            return
        except OSError:
            return self.closed(sock, peer, "reset")
        if not data:
            return self.closed(sock, peer, None)
        peer.is_open = True
        self.note(data)
        peer.tail = (peer.tail + data)[-160:]
        if not peer.reads:
            self.watch(sock, peer, True)

    def note(self, data):
        for status in re.findall(rb"HTTP/1\.1 (\d\d\d)", data):
            if status != b"101":
                self.heard[status.decode()] += 1
        for code in re.findall(rb'"type":"error","code":"([a-z_]+)"', data):
            self.heard[code.decode()] += 1
        if joined := data.count(b'"type":"joined_room","room":"r-'):
            self.heard["rooms made"] += joined

    def closed(self, sock, peer, why):
        # The close frame is the last that comes.
        found = re.search(rb"\x88[\x02-\x7d]([\x03-\x13].)", peer.tail, re.S)
        if found:
            self.heard[f"close {struct.unpack('>H', found[1])[0]}"] += 1
        elif why:
            self.heard[why] += 1
        with contextlib.suppress(KeyError):
            self.selector.unregister(sock)
        del self.peers[sock]
        sock.close()

    def listen(self, seconds=0.5):
        """Reads a little of what was left unread, for what it says."""
        for sock, peer in list(self.peers.items()):
            self.read(sock, peer)


# The attacks. Each drives a swarm until its end.


def silent(peer, now):
    return None


def pipelined_reads(swarm, paths):
    swarm.run(500, lambda _: get(paths["large"]) * 40, silent, buffer=4096, reads=False)
    swarm.listen()


def pipelined_metrics(swarm, paths):
    some = get(paths["small"]) * 50
    swarm.run(50, lambda _: some, lambda peer, now: some)


def rooms_listed(swarm, paths):
    """Joins and leaves up to 100,000 rooms, which stay, then lists all of them again and again."""

    def feed(peer, now):
        peer.due = now + 1
        if swarm.heard["rooms made"] >= 100_000:
            return None
        out = bytearray()
        # Up to 31 rooms besides the first, then one is left for each that is joined. A token for each frame,
        # of which there are half as many at tier light.
        for _ in range(36 if peer.state == 0 else 11):
            peer.state += 1
            if peer.state > 31:
                out += text(type="leave", room=f"r-{peer.number}-{peer.state - 31}")
            out += text(type="join", room=f"r-{peer.number}-{peer.state}")
        return out

    swarm.run(960, lambda number: upgrade(f"/ws/base/u{number}"), feed, seconds=18)
    for sock in list(swarm.peers):
        swarm.selector.unregister(sock)
        sock.close()
    swarm.peers.clear()
    some = get("/api/rooms?limit=500") * 20
    swarm.run(20, lambda _: some, lambda peer, now: some)


def bursts(swarm, count, path, sent):
    def feed(peer, now):
        peer.due = now + 1
        peer.state += 1
        return sent * (48 if peer.state == 1 else 24)

    swarm.run(count, lambda number: upgrade(path(number)), feed)


def history_bursts(swarm, paths):
    bursts(swarm, 200, lambda number: f"/ws/full/u{number}", text(type="history", limit=500))


def users_bursts(swarm, paths):
    bursts(swarm, 400, lambda number: f"/ws/crowd/u{number}", text(type="users"))


def ping_flood(swarm, paths):
    some = frame(9, b"x" * 125) * 100 + text(type="ping") * 100
    swarm.run(50, lambda number: upgrade(f"/ws/base/u{number}"), lambda peer, now: some)


def bad_frames(swarm, paths):
    some = (frame(1, b'{"type":') * 19 + text(type="ping")) * 10
    swarm.run(50, lambda number: upgrade(f"/ws/base/u{number}"), lambda peer, now: some)


def large_bodies(swarm, paths):
    head = b'{"user":"u","content":"'
    body = head + b"x" * (2**20 - len(head) - 2) + b'"}'
    one = post(paths["body"], len(body), body)
    swarm.run(100, lambda _: one, lambda peer, now: one)


def slow_bodies(swarm, paths):
    length = 2**20
    piece = b" " * 131072

    def feed(peer, now):
        peer.due = now + 1
        peer.state += 1
        return piece if peer.state < 8 else piece[:-1] if peer.state == 8 else None

    swarm.run(500, lambda _: post(paths["body"], length), feed, reads=False)
    swarm.listen()


def unfinished_frames(swarm, paths):
    unfinished = frame(1, b"x" * 65536)[:-1]

    def feed(peer, now):
        peer.state += 1
        return unfinished if peer.state == 1 else None

    swarm.run(1000, lambda number: upgrade(f"/ws/base/u{number}"), feed)


def many_devices(swarm, paths):
    swarm.run(3000, lambda number: upgrade(f"/ws/base/many?device=d{number}"), silent, rate=330)


def churn(swarm, paths):
    def feed(peer, now):
        peer.due = now + 1
        out = bytearray()
        for _ in range(16 if peer.state == 0 else 8):
            peer.state += 1
            room = f"c-{peer.number}-{peer.state}"
            out += text(type="join", room=room) + text(type="leave", room=room)
            out += text(type="direct", to=f"nobody-{peer.number}-{peer.state}", content="x" * 200)
        return out

    swarm.run(300, lambda number: upgrade(f"/ws/base/u{number}"), feed)


ATTACKS = {
    "pipelined reads, unread": (pipelined_reads, 0),
    "pipelined /metrics": (pipelined_metrics, 0),
    "100,000 rooms listed": (rooms_listed, 18),
    "history bursts": (history_bursts, 0),
    "users bursts": (users_bursts, 3),
    "ping flood": (ping_flood, 0),
    "bad-frame flood": (bad_frames, 0),
    "1 MiB bodies": (large_bodies, 0),
    "500 slow bodies": (slow_bodies, 4),
    "1,000 unfinished frames": (unfinished_frames, 3),
    "one user, 3,000 devices": (many_devices, 2),
    "room and inbox churn": (churn, 0),
}
OF_NGINX = ["pipelined reads, unread", "pipelined /metrics", "1 MiB bodies", "500 slow bodies"]


# Bystanders


def bystanders(port, paths, pipe):
    """Pings until a word in the pipe ends it; each word begins a new phase, whose times it answers."""
    asks = paths.get("ask")
    socks, times, tiers, said = [], [], [], collections.Counter()
    for number, address in enumerate(BYSTANDERS):
        sock = reach(port, address, paths.get("trust"))
        if not asks:
            sock.sendall(upgrade(f"/ws/calm/b{number}"))
            welcome = b""
            while b'"joined_room"' not in welcome:
                welcome += sock.recv(65536)
            tiers += re.findall(rb'"tier":"([a-z]+)"', welcome)
        socks.append(sock)
    question = asks or text(type="ping", t="1")
    mark = b"HTTP/1.1 200" if asks else b'"pong"'
    sent = [0.0] * len(socks)
    due = [time.monotonic() + number * PING_EVERY / len(socks) for number in range(len(socks))]
    pipe.send("ready")
    while True:
        if pipe.poll(0):
            word = pipe.recv()
            pipe.send((times, [tier.decode() for tier in tiers], dict(said)))
            times, tiers = [], []
            if word == "end":
                return
        now = time.monotonic()
        for index, sock in enumerate(socks):
            if sock and not sent[index] and due[index] <= now:
                with contextlib.suppress(OSError):
                    sock.sendall(question)
                sent[index] = time.monotonic()
                due[index] = max(due[index] + PING_EVERY, now)
        live = [sock for sock in socks if sock]
        selector = selectors.DefaultSelector()
        for sock in live:
            selector.register(sock, selectors.EVENT_READ)
        wait = min([max(0, due[i] - now) for i in range(len(socks)) if socks[i] and not sent[i]] or [0.01])
        for key, _ in selector.select(min(wait, 0.01)):
            index = socks.index(key.fileobj)
            try:
                data = received(key.fileobj)
            except OSError:
                data = b""
            if not data:
                said["closed"] += 1
                socks[index] = None
                continue
            tiers += re.findall(rb'"type":"tier","tier":"([a-z]+)"', data)
            for code in re.findall(rb'"type":"error","code":"([a-z_]+)"', data):
                said[code.decode()] += 1
            if mark in data and sent[index]:
                took = time.monotonic() - sent[index]
                sent[index] = 0.0
                # Those that were due meanwhile would have waited, too.
                while took > 0:
                    times.append(took)
                    took -= PING_EVERY
        selector.close()


def attacker(attack, port, seconds, paths, pipe):
    os.nice(5)
    swarm = Swarm(port, seconds)
    attack(swarm, paths)
    pipe.send(dict(swarm.heard))
    pipe.recv()


def resident(pids):
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError), open(f"/proc/{pid}/statm") as file:
            total += int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
    return total / 2**20


def p99(times):
    times = sorted(times)
    return 1000 * times[min(len(times) - 1, int(len(times) * 0.99))] if times else float("inf")


def measure(name, port, pids, seconds, paths):
    """One attack: a row of the table, as a dictionary."""
    attack, more = ATTACKS[name]
    context = multiprocessing.get_context("fork")
    mine, theirs = context.Pipe()
    watcher = context.Process(target=bystanders, args=(port, paths, theirs))
    watcher.start()
    try:
        assert mine.recv() == "ready"
        time.sleep(3)
        mine.send("attack")
        alone, before, _ = mine.recv()
        start = peak = resident(pids)
        ours, at_attacker = context.Pipe()
        process = context.Process(target=attacker, args=(attack, port, seconds + more, paths, at_attacker))
        process.start()
        deadline = time.monotonic() + seconds + more + 10
        try:
            while not ours.poll(0.02) and time.monotonic() < deadline:
                peak = max(peak, resident(pids))
            heard = ours.recv() if ours.poll() else {"the attacker did not end": 1}
            mine.send("end")
            under, tiers, said = mine.recv()
            peak = max(peak, resident(pids))
        finally:
            process.kill()
            process.join()
    finally:
        watcher.join(5)
        watcher.kill()
    seen = [tier for tier in tiers + before[-1:] if tier in TIERS]
    return {
        "attack": name,
        "memory": peak - start,
        "alone": p99(alone),
        "ping": p99(under),
        "pings": len(under),
        "tier": max(seen, key=TIERS.index, default="-"),
        "heard": heard,
        "bystander": said,
    }


def fill(port, room, trust=None):
    """A history of 800 messages of a kilobyte, from addresses of its own: each may ask 200 times at once."""
    body = json.dumps({"user": "u", "content": "x" * 1000}).encode()
    for number in range(20, 25):
        link = http.client.HTTPConnection("127.0.0.1", port, 10)
        link.sock = reach(port, f"127.0.0.{number}", trust)
        for _ in range(160):
            link.request("POST", f"/api/rooms/{room}/messages", body, {"Content-Type": "application/json"})
            answer = link.getresponse()
            assert answer.status == 201, answer.read()
            answer.read()
        link.close()


def of_node(name, seconds):
    limits = {"MAX_CONNECTIONS_PER_IP": 1000, "HTTP_REQUESTS_PER_SECOND": 100}
    node = nodes.Node(**limits, WORKERS=None, GOVERNOR_DRY_RUN=None, LOG_LEVEL="WARNING")
    node.start()
    try:
        fill(node.port, "full")
        paths = {
            "large": "/api/rooms/full/messages?limit=500",
            "small": "/metrics",
            "body": "/api/rooms/base/messages",
        }
        time.sleep(1)
        return measure(name, node.port, [node.process.pid], seconds, paths)
    finally:
        node.stop()


NGINX = """
worker_processes 2; daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 8192; }}
http {{
    access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
    uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; client_max_body_size 1m;
    server {{
        listen 127.0.0.1:{port}; root {folder};
        location /body {{ proxy_pass http://127.0.0.1:{inner}; }}
    }}
    server {{ listen 127.0.0.1:{inner}; location / {{ return 201; }} }}
}}
"""


def of_nginx(name, seconds):
    with tempfile.TemporaryDirectory(prefix="sluice-attacks-") as folder:
        os.chmod(folder, 0o755)
        pathlib.Path(folder, "large").write_bytes(b"x" * 512 * 1024)
        pathlib.Path(folder, "small").write_bytes(b"x" * 12 * 1024)
        port, inner = nodes.free_port(), nodes.free_port()
        pathlib.Path(folder, "conf").write_text(NGINX.format(folder=folder, port=port, inner=inner))
        process = subprocess.Popen(["nginx", "-c", f"{folder}/conf"], stderr=subprocess.DEVNULL)
        try:
            nodes.until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, what="Nginx")
            time.sleep(0.5)
            children = f"/proc/{process.pid}/task/{process.pid}/children"
            pids = [process.pid, *map(int, pathlib.Path(children).read_text().split())]
            paths = {"large": "/large", "small": "/small", "body": "/body", "ask": get("/small")}
            return measure(name, port, pids, seconds, paths)
        finally:
            process.terminate()
            process.wait(10)


def shown(number, most, unit):
    text = f"{number:.1f} {unit}" if number < 10 else f"{number:.0f} {unit}"
    return text if number <= most else f"**{text}**"


def heard_of(row):
    parts = [f"{what} × {count:,}" for what, count in sorted(row["heard"].items(), key=lambda item: -item[1])[:5]]
    parts += [f"bystander: {what} × {count}" for what, count in row["bystander"].items()]
    return ", ".join(parts) or "nothing"


def print_row(row, server):
    tier = row["tier"]
    if tier in ("moderate", "heavy"):
        tier = f"**{tier}**"
    alone = shown(row["alone"], float("inf"), "ms")
    cells = [row["attack"] + server, shown(row["memory"], MEMORY_MAX, "MB"), alone, shown(row["ping"], PING_MAX, "ms")]
    print("| " + " | ".join([*cells, tier, heard_of(row)]) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--table", action="store_true", help="all attacks, as the table of docs/threat-model.md")
    parser.add_argument("--only", nargs="+", default=[], help="parts of names of attacks")
    parser.add_argument("--seconds", type=float, default=8, help="of each attack, besides what it takes to connect")
    parser.add_argument("--nginx", action="store_true", help="also an Nginx with its defaults, where it can be asked")
    options = parser.parse_args()
    if not options.table and not options.only:
        parser.error("--table, or --only NAME …")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    names = [name for name in ATTACKS if not options.only or any(part in name for part in options.only)]
    print("| attack | memory over the start | ping p99 alone | ping p99 | tier | what the attacker heard |")
    print("|---|---|---|---|---|---|")
    for name in names:
        print_row(of_node(name, options.seconds), "")
    for name in names:
        if options.nginx and name in OF_NGINX:
            print_row(of_nginx(name, options.seconds), " (Nginx)")


if __name__ == "__main__":
    main()
