"""Contract, sections 6 and 7: one client, or one address, can't take a node from the others. Who makes the most work
bears an overload first: refused by name, while the others go on."""

import contextlib
import json
import selectors
import subprocess
import threading
import time

import pytest
from client import Client, path
from node import until
from test_closes import handshake, masked
from test_load_test import LOAD_TEST

# The tier is held, so that only the worker's own delay decides; the frame rate of a connection must not.
SETTINGS = {
    "GOVERNOR_DRY_RUN": "0",
    "WORKERS": "1",
    "MESSAGES_PER_SECOND": 1_000_000_000,
    # So the addresses of this machine count as any other's.
    "MAX_CONNECTIONS_PER_IP": "1000",
}
CONNECTIONS = 50
# Who reads in each room of the flood, so that a message costs the node more than its sender.
READERS = 12
FRAMES = masked(1, json.dumps({"type": "message", "content": "x" * 100}).encode()) * 500


class Flood:
    """Connections that send as fast as they can, and read what comes."""

    def __init__(self, node, users, rooms):
        self.node, self.users, self.rooms = node, users, rooms
        self.stopping = threading.Event()
        self.answers = b""
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()

    def run(self):
        with contextlib.ExitStack() as stack, selectors.DefaultSelector() as selector:
            for number, user in enumerate(self.users):
                room = self.rooms[number % len(self.rooms)]
                link = stack.enter_context(
                    handshake(self.node, path(room, user, device=str(number)), source="127.0.0.3")
                )
                link.setblocking(False)
                selector.register(link, selectors.EVENT_READ | selectors.EVENT_WRITE)
            sent = dict.fromkeys(selector.get_map(), 0)
            while not self.stopping.is_set():
                for key, events in selector.select(1):
                    with contextlib.suppress(BlockingIOError, ConnectionError):
                        if events & selectors.EVENT_READ:
                            self.answers = (self.answers + key.fileobj.recv(1 << 16))[-100_000:]
                        if events & selectors.EVENT_WRITE:
                            start = sent[key.fd] % len(FRAMES)
                            sent[key.fd] += key.fileobj.send(FRAMES[start:])


@contextlib.contextmanager
def readers(node):
    """Connections that only read, in rooms of their own: the rooms."""
    arguments = f"--scenario idle --connections {CONNECTIONS * READERS} --rooms {CONNECTIONS} --duration 600"
    command = [LOAD_TEST, "--url", f"ws://127.0.0.1:{node.port}", *arguments.split()]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:

        def are_there():
            rooms = node.get("/api/rooms").json["rooms"]
            return sum(room["connections"] for room in rooms) == CONNECTIONS * READERS and rooms

        yield [room["id"] for room in until(are_there, 30, "the readers")]
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    "kind, users",
    [
        ("user", ["mallory"] * CONNECTIONS),
        ("address", [f"mallory-{number}" for number in range(CONNECTIONS)]),
        ("room", [f"mallory-{number}" for number in range(CONNECTIONS)]),
    ],
)
def test_the_heaviest_source_bears_an_overload_first(make_node, room, kind, users):
    """Fifty connections of one user, of one address or in one room, beside somebody who says a little: that one is not
    refused."""
    node = make_node(**SETTINGS)
    assert node.put("/api/system/tier", {"tier": "normal"}).status == 200

    def heaviest():
        return node.get("/api/system/status").json["governor"].get("heaviest", {})

    assert heaviest() == {}
    with (
        readers(node) as rooms,
        Client(node, room, "ann", source="127.0.0.2") as ann,
        Flood(node, users, rooms[:1] if kind == "room" else rooms) as flood,
    ):
        said = 0

        def is_limited():
            nonlocal said
            said += 1
            ann.send("message", content=said, id=str(said))
            # As a message may wait; no other refusal has to do with how much ann sends.
            answer = ann.next(30)
            assert answer["type"] == "ack" or answer["code"] == "unavailable", answer
            found = heaviest()
            return found.get("kind") == kind and found["refused_total"] > 1000 and found

        # Fair turns alone keep the delay low where the machine gives the flood too little: then nobody is limited.
        deadline = time.monotonic() + 30
        while not (found := is_limited()):
            if time.monotonic() > deadline:
                pytest.skip(f"the flood did not overload the node: {found or heaviest()}")
        assert found[kind] == {"user": "mallory", "address": "127.0.0.3", "room": rooms[0]}[kind]
        assert 0.1 <= found["share"] <= 1 and 0 < found["admitted"] <= 1
        until(lambda: b'"rate_limited"' in flood.answers, what="a refusal")
    lines = [line for line in node.log.splitlines() if "the heaviest source is rate limited" in line]
    assert any(f"kind={kind}" in line and "share=" in line for line in lines), lines
    # When the flood is over, its source is as good as any.
    until(lambda: heaviest()["admitted"] == 1, 30, "the end of the limit")
