"""Contract, section 2: the connection's URL, its upgrade, `welcome` and `joined_room`; identifiers by section 1."""

import time

import pytest
import websockets.exceptions
import websockets.sync.client
from client import Client, path
from node import elapse, until


def refused(node, target, status, **more):
    """The status of an upgrade that the server refuses before it."""
    with pytest.raises(websockets.exceptions.InvalidStatus) as caught:
        websockets.sync.client.connect(node.url(target), compression=None, proxy=None, **more)
    assert caught.value.response.status_code == status, caught.value.response
    return caught.value.response


def test_welcome_and_joined_room(gateway, room, name):
    with Client(gateway, room, name("ann"), device="phone") as ann:
        welcome, joined = ann.welcome, ann.joined
        assert welcome["user"] == name("ann") and welcome["device"] == "phone"
        assert welcome["node"] and welcome["connection"]
        assert welcome["tier"] == "normal" and welcome["mode"] == "single"
        assert welcome["heartbeat_ms"] == 30000
        assert welcome["limits"] == {"message_bytes": 65536, "messages_per_second": 50}
        session = welcome["session"]
        assert session["id"] and session["resumed"] is False and session["message_count"] == 0
        inbox = welcome["inbox"]
        assert isinstance(inbox["epoch"], str) and inbox["epoch"] and inbox["seq"] == 0 and inbox["pending"] == 0
        assert 0 <= welcome["reconnect"]["min_ms"] <= welcome["reconnect"]["max_ms"]
        assert joined["room"] == room and joined["epoch"] and joined["seq"] == 0
        assert joined["recovered"] is False and joined["missed"] == 0 and joined["users"] == 1
        assert "read_seq" not in joined


def test_device_is_made_when_left_out(gateway, room, name):
    with Client(gateway, room, name("ann")) as one, Client(gateway, room, name("ann")) as two:
        assert one.welcome["device"] and one.welcome["device"] != two.welcome["device"]
        assert one.welcome["connection"] != two.welcome["connection"]


def test_subprotocol_is_echoed_when_offered(gateway, room, name):
    with Client(gateway, room, name("ann"), subprotocols=["other", "sluice.v1"]) as ann:
        assert ann.socket.subprotocol == "sluice.v1"
    with Client(gateway, room, name("ann")) as ann:
        assert ann.socket.subprotocol is None


def test_plain_get_is_426(gateway, room):
    answer = gateway.get(path(room, "ann"))
    assert answer.status == 426 and answer.headers["upgrade"].lower() == "websocket"


def test_wrong_version_is_426_with_the_right_one(gateway, room):
    answer = gateway.exchange(
        f"GET {path(room, 'ann')} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    head = answer.decode().lower()
    assert head.startswith("http/1.1 426 ") and "\r\nsec-websocket-version: 13\r\n" in head


@pytest.mark.parametrize("key", ["", "short", "dGhlIHNhbXBsZSBub25jZQ", "not base64 at all ====="])
def test_bad_key_is_400(gateway, room, key):
    answer = gateway.exchange(
        f"GET {path(room, 'ann')} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
    )
    assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "target",
    [
        "/ws/room/%01",
        "/ws/room/%7F",
        "/ws/room/%C2%85",
        "/ws/a%2Fb/ann",
        "/ws/room/%2E%2E",
        "/ws/%2E/ann",
        "/ws/room/" + "a" * 129,
        "/ws/" + "%C3%A9" * 65 + "/ann",
        "/ws/room/%FF",
        "/ws/room/%C0%AF",
        "/ws/room/%zz",
        "/ws/room/ann?device=" + "d" * 129,
        "/ws/room/ann?device=%00",
        "/ws/room/ann?device=",
        "/ws/room/ann?device_type=" + "t" * 33,
        "/ws/room/ann?device_type=",
        "/ws/room/ann?since=1",
        "/ws/room/ann?epoch=abc",
        "/ws/room/ann?since=-1&epoch=abc",
        "/ws/room/ann?since=x&epoch=abc",
    ],
)
def test_bad_identifier_or_query_is_400(gateway, target):
    refused(gateway, target, 400)


@pytest.mark.parametrize("target", ["/ws", "/ws/room", "/ws/room/ann/more", "/ws/room/ann/", "/wss/room/ann"])
def test_other_paths_are_404(gateway, target):
    refused(gateway, target, 404)


@pytest.mark.parametrize(
    "identifier", ["a", "a" * 128, "é" * 64, "with space", "per%cent", "日本", "...", "a+b", "?#&="]
)
def test_identifiers_are_taken_after_one_decoding(gateway, name, identifier):
    with Client(gateway, identifier, identifier, device=identifier) as client:
        assert client.joined["room"] == identifier
        assert client.welcome["user"] == identifier and client.welcome["device"] == identifier


def test_origin(gateway, make_node, room, name):
    """Default: the request's own host. A foreign one is refused with 403 before the upgrade."""
    with Client(gateway, room, name("ann"), origin=f"http://127.0.0.1:{gateway.port}"):
        pass
    refused(gateway, path(room, name("ann")), 403, origin="http://evil.example")
    refused(gateway, path(room, name("ann")), 403, origin="null")
    node = make_node(ALLOWED_ORIGINS="https://one.example, https://two.example:8443")
    with Client(node, room, name("ann"), origin="https://two.example:8443"):
        pass
    refused(node, path(room, name("ann")), 403, origin="https://two.example")
    anyone = make_node(ALLOWED_ORIGINS="*")
    with Client(anyone, room, name("ann"), origin="https://whoever.example"):
        pass


def test_session_is_of_the_user(make_node, room, name):
    """`resumed` when another connection is live or was within SESSION_TTL_SECONDS; counts what is committed."""
    node = make_node(SESSION_TTL_SECONDS=1)
    with Client(node, room, "ann", device="a") as first:
        first.say("one")
        first.send("direct", to="bob", content="two")
        first.take("ack")
        before = time.time() * 1000
        with Client(node, room, "ann", device="b") as second:
            session = second.welcome["session"]
            assert session["resumed"] is True and session["id"] == first.welcome["session"]["id"]
            assert session["message_count"] == 2
            assert isinstance(session["last_active_at"], int) and session["last_active_at"] <= before + 1000
    with Client(node, room, "ann") as third:
        assert third.welcome["session"]["resumed"] is True

    def forgotten():
        # Each look keeps the session for another second after it: a longer pause has to lie between two of them.
        elapse(1.5)
        with Client(node, room, "ann") as again:
            session = again.welcome["session"]
            return not session["resumed"] and session["message_count"] == 0

    until(forgotten, 15, "the session's end")
