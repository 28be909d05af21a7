"""Contract, section 3: /api/system/events, and the alerts that it publishes."""

import time

from client import Client
from event_stream import EventStream
from node import Node, seconds, until


def test_it_begins_with_the_present_state(gateway):
    with EventStream(gateway) as stream:
        assert stream.status == 200 and stream.answer.headers["content-type"] == "text/event-stream"
        assert stream.answer.headers["cache-control"] == "no-store"
        tier, mode = stream.seek("tier"), stream.seek("mode")
        assert tier["from"] == tier["to"] and tier["reason"]
        assert mode["from"] == mode["to"] == "single"
        assert tier["node"] == gateway.get("/health").json["node"]
        assert abs(tier["at"] - time.time() * 1000) < 60000
        assert len(stream.events) == 2 and stream.retry > 0 and stream.id
    head = gateway.request("HEAD", "/api/system/events")
    assert head.status == 200 and head.body == b"" and head.headers["content-type"] == "text/event-stream"


def test_comments_keep_it_alive(gateway):
    with EventStream(gateway) as stream:
        until(lambda: stream.comments >= 1, 25, "a comment")
        assert not stream.ended.is_set()


def test_who_may_listen(make_node):
    node = make_node(API_KEY="a-key", ALLOWED_ORIGINS="https://one.example")
    assert node.get("/api/system/events").code == "unauthorized"
    with EventStream(node, X_API_Key="a-key", Origin="https://one.example") as stream:
        stream.seek("mode")
        assert stream.answer.headers["access-control-allow-origin"] == "https://one.example"
    asked = node.request(
        "OPTIONS",
        "/api/system/events",
        headers={"Origin": "https://one.example", "Access-Control-Request-Headers": "last-event-id"},
    )
    assert "last-event-id" in asked.headers["access-control-allow-headers"].lower()


def test_streams_have_a_bound(make_node):
    node = make_node()
    links = []
    try:
        for _ in range(256):
            link = node.connect()
            links.append(link)
            link.sendall(b"GET /api/system/events HTTP/1.1\r\nHost: x\r\n\r\n")
            assert link.recv(12) == b"HTTP/1.1 200"
        refused = node.get("/api/system/events")
        assert refused.status == 503 and refused.code == "unavailable" and int(refused.headers["retry-after"]) > 0
        assert b"sluice_event_streams 256\n" in node.get("/metrics").body
        links.pop().close()
        with_room = until(lambda: (stream := EventStream(node)).status == 200 and stream, what="room for another")
        with_room.close()
    finally:
        for link in links:
            link.close()
    until(lambda: b"sluice_event_streams 0\n" in node.get("/metrics").body, what="the end of all")


def test_the_end_of_the_node_ends_it(make_node):
    node = make_node(DRAIN_SECONDS=1)
    with EventStream(node) as stream:
        stream.seek("mode")
        node.stop()
        stream.seek("node", state="draining")
        assert stream.ended.wait(seconds(10))


def test_modes_nodes_and_missed_events(redis, make_node):
    """What one node of two sees: the other come, silent and go, Redis go and come back; and again from an id."""
    settings = {"REDIS_URL": redis.url, "NODE_HEARTBEAT_SECONDS": 1, "NODE_EXPIRY_SECONDS": 4}
    node = make_node(NODE_ID="a", WORKERS=3, **settings)
    until(lambda: node.get("/health").json["mode"] == "cluster", what="the cluster")
    # Several connections, and so probably on several workers.
    streams = [EventStream(node) for _ in range(6)]
    other = Node(NODE_ID="b", **settings).start()
    try:
        for stream in streams:
            came = stream.seek("node", node="b", state="up")
            assert came["seen_by"] == "a"
    finally:
        other.stop()
    streams[0].seek("node", node="b", state="gone")
    before = streams[0].id
    seen = len(streams[0].events)
    redis.kill()
    streams[0].seek("mode", **{"from": "cluster", "to": "degraded"}, bound=20)
    streams[0].seek("alert", name="redis_lost", active=True, bound=20)
    redis.start()
    streams[0].seek("mode", **{"from": "degraded", "to": "cluster"}, bound=30)
    streams[0].seek("alert", name="redis_lost", active=False, bound=30)
    for stream in streams[1:]:
        until(
            lambda stream=stream: stream.events[2:] == streams[0].events[2:], what="the same events in the same order"
        )
    with EventStream(node, last=before) as again:
        until(lambda: len(again.events) >= len(streams[0].events) - seen + 2, what="what was missed")
        assert again.events[:-2] == streams[0].events[seen:]
        assert [kind for kind, _ in again.events[-2:]] == ["tier", "mode"]
        assert again.id == streams[0].id
    with EventStream(node, last="another-5") as stranger:
        stranger.seek("node", node="b", state="up")
    for stream in streams:
        stream.close()
    assert "an alert is on" in node.log and "an alert is over" in node.log


def test_tiers_are_told(make_node):
    node = make_node()
    with EventStream(node) as stream:
        for tier in ["moderate", "heavy", "normal", "heavy"]:
            assert node.put("/api/system/tier", {"tier": tier}).status == 200
        stream.seek("tier", **{"from": "moderate", "to": "heavy", "reason": "pinned"})
        stream.seek("tier", **{"from": "heavy", "to": "normal", "reason": "pinned"})
        assert stream.seek("alert", name="tier_heavy", active=True)["value"] == 3
        with EventStream(node) as later:
            assert later.seek("tier")["to"] == "heavy" and later.seek("alert", name="tier_heavy")["active"]
        assert node.put("/api/system/tier", {"tier": "moderate"}).status == 200
        stream.seek("alert", name="tier_heavy", active=False)


def test_alerts_come_and_go(make_node, room):
    """Connections near the cap: an event, a line in the log, a gauge, the status; once each way."""
    node = make_node(MAX_CONNECTIONS=10, PRESENCE_GRACE_SECONDS=0)
    gauge = b'sluice_alert_active{name="connections_near_cap"} '
    with EventStream(node) as stream:
        # The stream counts, too.
        clients = [Client(node, room, f"user-{number}") for number in range(8)]
        raised = stream.seek("alert", name="connections_near_cap", active=True)
        assert raised["value"] == 0.9
        assert gauge + b"1\n" in node.get("/metrics").body
        (alert,) = node.get("/api/system/status").json["alerts"]
        assert alert["name"] == "connections_near_cap" and alert["value"] == 0.9 and alert["since_at"] <= raised["at"]
        with EventStream(node) as later:
            later.seek("alert", name="connections_near_cap", active=True)
        for client in clients:
            client.close()
        stream.seek("alert", name="connections_near_cap", active=False)
        until(lambda: gauge + b"0\n" in node.get("/metrics").body, what="the gauge")
        assert node.get("/api/system/status").json["alerts"] == []
        assert len([1 for kind, _ in stream.events if kind == "alert"]) == 2
    assert node.log.count("an alert is on") == 1 and node.log.count("an alert is over") == 1


def test_refusals_are_an_alert(make_node, room):
    node = make_node(MESSAGES_PER_SECOND=100000)
    with EventStream(node) as stream, Client(node, room, "ann") as ann:
        for number in range(600):
            ann.send("typing", typing=True)
            if number % 50 == 0:
                ann.send("nothing")
        raised = stream.seek("alert", name="error_share", active=True)
        assert 0.01 < raised["value"] < 0.05
