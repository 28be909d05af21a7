"""Contract, sections 2 and 3: what each tier gives up, row by row, and how clients hear of it. An operator pins the
tier, so that it does not depend on how busy the machine is."""

import re

import pytest
import websockets.exceptions
from client import Client
from node import elapse, until

TIERS = ["normal", "light", "moderate", "heavy"]
# The delays that the machine has of itself must not matter.
SETTINGS = {"GOVERNOR_DRY_RUN": "0", "WORKERS": "1", "PRESENCE_GRACE_SECONDS": "0"}


class Held:
    """A node on which a test sets the tier."""

    def __init__(self, node):
        self.node = node
        self.put("normal")

    def put(self, tier):
        assert self.node.put("/api/system/tier", {"tier": tier}).status == 200
        # The word reaches the workers behind the answer; a connection that comes then has it.
        until(lambda: self.node.get("/health").json["tier"] == tier, what=tier)

    @property
    def shed(self):
        # A status may be as old as a tick: what happened just now stands in the one behind it.
        elapse(0.26)
        return self.node.get("/api/system/status").json["governor"]["shed_total"]


@pytest.fixture(scope="module")
def held():
    from node import Node

    node = Node(**SETTINGS).start()
    yield Held(node)
    node.stop()


@pytest.fixture(autouse=True)
def normal_again(request):
    yield
    if "held" in request.fixturenames:
        request.getfixturevalue("held").put("normal")


def seek_tier(client, tier, bound=6):
    """Reads until the client is notified of the tier."""
    return client.seek("tier", bound, tier=tier)


def test_every_client_is_told_of_each_change_once(held, room, name):
    clients = [Client(held.node, room, name(f"u{number}")) for number in range(20)]
    held.put("moderate")
    for client in clients:
        frame = seek_tier(client, "moderate")
        assert frame["previous"] == "normal" and frame["reason"] == "pinned"
        assert frame["suspended"] == ["typing"]
        assert frame["messages_per_second"] == 25 and frame["message_bytes"] == 16384
    held.put("normal")
    for client in clients:
        frame = seek_tier(client, "normal")
        assert frame["previous"] == "moderate" and frame["suspended"] == []
        assert frame["messages_per_second"] == 50 and frame["message_bytes"] == 65536
        assert not [late for late in client.fence() if late["type"] == "tier"]
        client.close()


@pytest.mark.parametrize("tier,limits,heartbeat", [
    ("normal", (50, 65536), 30000), ("light", (50, 65536), 30000), ("moderate", (25, 16384), 60000),
])
def test_who_comes_is_told_what_holds(held, room, name, tier, limits, heartbeat):
    held.put(tier)
    with Client(held.node, room, name("ann"), joined=False) as ann:
        welcome = ann.take("welcome", tier=tier, heartbeat_ms=heartbeat)
        assert (welcome["limits"]["messages_per_second"], welcome["limits"]["message_bytes"]) == limits
        if tier != "normal":
            assert seek_tier(ann, tier)["messages_per_second"] == limits[0]
        ann.seek("joined_room")


def test_typing(held, room, name):
    with Client(held.node, room, name("ann")) as ann, Client(held.node, room, name("bob")) as bob:
        ann.seek("joined")

        def heard(*signs):
            for sign in signs:
                bob.send("typing", typing=sign)
            bob.fence()
            return [frame["typing"] for frame in ann.fence() if frame["type"] == "typing"]

        assert heard(True, True, False) == [True, True, False]
        held.put("light")
        seek_tier(bob, "light")
        before = held.shed["typing"]
        assert heard(True, True, False, False) == [True, False], "one beginning in three seconds, and its end"
        assert held.shed["typing"] == before + 2
        held.put("moderate")
        seek_tier(bob, "moderate")
        bob.send("typing", typing=True)
        refused = bob.error("feature_suspended")
        assert refused["retry_ms"] > 0
        assert not [frame for frame in ann.fence() if frame["type"] == "typing"]
        assert held.shed["typing"] == before + 3


def test_presence(held, room, name):
    with Client(held.node, room, name("ann")) as ann:
        held.put("moderate")
        seek_tier(ann, "moderate")
        before = held.shed["presence"]
        with Client(held.node, room, name("bob"), joined=False) as bob, Client(
            held.node, room, name("eve"), joined=False
        ) as eve:
            bob.seek("joined_room")
            eve.seek("joined_room")
            counts = [ann.seek("presence", 6)["users"]]
            frames = ann.fence()
            assert not [frame for frame in frames if frame["type"] in {"joined", "left"}]
            counts += [frame["users"] for frame in frames if frame["type"] == "presence"]
            assert counts[-1] in {2, 3} and len(counts) == 1, "a count at most every ten seconds"
            assert held.shed["presence"] == before + 2
        until(lambda: held.shed["presence"] == before + 4, what="both have gone")
        held.put("normal")
        assert ann.seek("presence", users=1), "what was owed is sent when the tier is left"


def test_read_marks(held, room, name):
    with Client(held.node, room, name("ann")) as ann, Client(held.node, room, name("bob")) as bob:
        ann.seek("joined")
        for number in range(4):
            bob.say(number)
        held.put("moderate")
        seek_tier(bob, "moderate")
        seek_tier(ann, "moderate")
        bob.send("read", seq=1)
        assert ann.seek("read", 6)["marks"] == [{"user": bob.user, "seq": 1}]
        for seq in (2, 3):
            bob.send("read", seq=seq)
        bob.fence()
        assert not [frame for frame in ann.fence() if frame["type"] == "read"], "the next ones in ten seconds"
        held.put("heavy")
        seek_tier(ann, "heavy")
        assert not [frame for frame in ann.fence() if frame["type"] == "read"]
        assert held.shed["read_marks"] >= 3
        held.put("normal")
        assert ann.seek("read", 6)["marks"] == [{"user": bob.user, "seq": 3}], "the latest, once"


def test_reads(held, room, name):
    with Client(held.node, room, name("ann")) as ann:
        for number in range(30):
            ann.say(number)
        held.put("moderate")
        seek_tier(ann, "moderate")
        ann.send("history", limit=30, id="h")
        answer = ann.take("history", id="h")
        assert len(answer["messages"]) == 20 and not answer["complete"]
        assert len(held.node.get(f"/api/rooms/{room}/messages?limit=30").json["messages"]) == 20
        assert held.shed["history"] >= 2
        held.put("heavy")
        seek_tier(ann, "heavy")
        for type in ("history", "users"):
            ann.send(type, id=type)
            refused = ann.error("feature_suspended")
            assert refused["id"] == type and refused["retry_ms"] > 0
        epoch = ann.joined["epoch"]
        with Client(held.node, room, name("bob"), since=25, epoch=epoch, joined=False) as bob:
            assert bob.seek("joined_room")["recovered"]
            assert [bob.seek("message")["seq"] for _ in range(5)] == [26, 27, 28, 29, 30]


def test_large_messages(held, room, name):
    with Client(held.node, room, name("ann")) as ann:
        held.put("moderate")
        seek_tier(ann, "moderate")
        ann.say("x" * (16384 - 2), id="fits")
        ann.send("message", id="large", content="x" * (16384 - 1))
        assert ann.error("too_large")["id"] == "large"
        ann.say("x", id="small")
        assert held.shed["large_messages"] == 1


def test_rate(held, room, name):
    with Client(held.node, room, name("ann")) as ann:
        held.put("heavy")
        assert seek_tier(ann, "heavy")["messages_per_second"] == 5
        for number in range(10):
            ann.send("message", content=number)
        ann.send("message", content="one more", id="one more")
        # Acks come with the round of the room, the error at once.
        frames = [ann.next() for _ in range(11)]
        assert [frame["type"] for frame in frames].count("ack") == 10
        assert [frame["code"] for frame in frames if frame["type"] == "error"] == ["rate_limited"]


def upgrade(room, user):
    head = f"GET /ws/{room}/{user} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    return (head + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n").encode()


def test_light_refuses_nobody(held, room, name):
    held.put("light")
    before = held.shed["connections"]
    links = [held.node.connect() for _ in range(150)]
    for number, link in enumerate(links):
        link.sendall(upgrade(room, name(f"u{number}")))
    for link in links:
        data = b""
        while b'"type":"welcome"' not in data:
            part = link.recv(65536)
            assert part and b'"retry_ms":' not in data, data
            data += part
        link.close()
    assert held.shed["connections"] == before


def test_new_connections_at_moderate(held, room, name):
    """A share of the usual rate: of many at once some are closed behind the upgrade, with a time to come back."""
    held.put("moderate")
    links = [held.node.connect() for _ in range(150)]
    for number, link in enumerate(links):
        link.sendall(upgrade(room, name(f"u{number}")))
    admitted = refused = 0
    for link in links:
        data = b""
        while b'"type":"welcome"' not in data and b'"retry_ms":' not in data:
            part = link.recv(65536)
            assert part, data
            data += part
        assert data.startswith(b"HTTP/1.1 101 ")
        if b'"type":"welcome"' in data:
            admitted += 1
        else:
            # A close frame with the code 1013 and its reason.
            reason = re.search(rb'\x88.\x03\xf5\{"reason":"shed","retry_ms":(\d+)\}', data, re.DOTALL)
            assert reason and 1000 <= int(reason[1]) <= 31000, data
            refused += 1
        link.close()
    assert admitted >= 20 and refused >= 20, (admitted, refused)
    assert held.shed["connections"] >= refused


def test_new_connections_at_heavy(held, room, name):
    with Client(held.node, room, name("ann")) as ann:
        ann.say(1)
        epoch = ann.joined["epoch"]
    held.put("heavy")
    with pytest.raises(websockets.exceptions.InvalidStatus) as refusal:
        Client(held.node, room, name("bob"))
    assert refusal.value.response.status_code == 503
    assert int(refusal.value.response.headers["Retry-After"]) >= 1
    with Client(held.node, room, name("ann"), since=0, epoch=epoch, joined=False) as back:
        assert back.seek("joined_room")["recovered"]
        back.seek("message", seq=1)


def test_http_at_light_and_moderate(held, name):
    held.put("light")
    first = held.node.get("/api/rooms").json
    made = name("made")
    assert held.node.post("/api/rooms", {"id": made}).status == 201
    assert held.node.get("/api/rooms").json == first, "a copy, up to five seconds old"
    assert held.node.get("/api/rooms?limit=500").json != first
    assert held.shed["http"] >= 1
    assert held.node.get(f"/api/rooms/{made}").status == 200
    elapse(5.2)
    assert made in [room["id"] for room in held.node.get("/api/rooms").json["rooms"]]
    held.put("moderate")
    before = held.shed["http"]
    assert held.node.get("/docs").body == held.node.get("/docs").body
    assert held.shed["http"] == before + 1


def test_http_at_heavy(held, room):
    assert held.node.post(f"/api/rooms/{room}/messages", {"user": "app", "content": 1}).status == 201
    held.put("heavy")
    for path in ("/", "/docs", "/api/rooms", f"/api/rooms/{room}", f"/api/rooms/{room}/messages", "/api/nodes"):
        refused = held.node.get(path)
        assert refused.status == 503 and refused.code == "unavailable", path
        assert int(refused.headers["retry-after"]) >= 1
    for path in ("/health", "/api/system/status", "/metrics"):
        assert held.node.get(path).status == 200, path
    assert held.node.post(f"/api/rooms/{room}/messages", {"user": "app", "content": 2}).status == 201
    assert held.node.post("/api/users/ann/messages", {"from": "app", "content": 2}).status == 201
    assert held.node.post("/api/rooms", {"id": "no"}).status == 503
    assert held.node.delete(f"/api/rooms/{room}").status == 204
    assert held.shed["http"] >= 7


def test_the_send_queue_shrinks(make_node, room, name):
    """A reader who falls behind is closed sooner: at a sixteenth of SEND_QUEUE_BYTES."""
    node = make_node(**SETTINGS, SEND_QUEUE_BYTES=64 << 20, MESSAGES_PER_SECOND=100000)
    held = Held(node)
    with Client(node, room, name("ann")) as ann, node.connect() as slow:
        slow.sendall(upgrade(room, "slow"))
        ann.seek("joined")
        held.put("heavy")
        seek_tier(ann, "heavy")
        sent = 0
        # What the kernels of both ends take is some megabytes; with those, it is still far from 64 MiB.
        while sent < 40 << 20 and not slow_readers_closed(node):
            for _ in range(200):
                ann.send("message", content="x" * 4000)
            for _ in range(200):
                ann.seek("ack")
            sent += 200 * 4000
        assert slow_readers_closed(node) == 1


def slow_readers_closed(node):
    lines = node.get("/metrics").body.decode().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("sluice_slow_consumers_closed_total")))


def test_a_dry_run_gives_nothing_up(make_node, room, name):
    node = make_node(**SETTINGS | {"GOVERNOR_DRY_RUN": "1"})
    assert node.put("/api/system/tier", {"tier": "heavy"}).json == {"tier": "heavy", "pinned": True}
    with Client(node, room, name("ann")) as ann:
        assert ann.welcome["tier"] == "normal"
        ann.send("history")
        ann.take("history")
        assert node.get("/api/rooms").status == 200
        assert not [frame for frame in ann.fence() if frame["type"] == "tier"]
        assert not any(node.get("/api/system/status").json["governor"]["shed_total"].values())
