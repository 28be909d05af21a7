"""Contract, section 5: outbound links of a single node, to a WebSocket server that others wrote."""

import base64
import json

from client import Client
from event_stream import EventStream
from link_server import LinkServer
from node import until

HOSTS = "127.0.0.1"


def create(node, server, id, path="/", **fields):
    answer = node.post("/api/links", {"id": id, "name": id, "url": server.url(path), **fields})
    assert answer.status == 201, answer
    return answer.json


def state(node, id):
    return node.get(f"/api/links/{id}").json["state"]


def connected(node, server, id, path="/"):
    peer = server.one(path)
    until(lambda: state(node, id) == "connected", 10, "the state")
    return peer


def test_links_are_made_listed_disabled_enabled_and_deleted(make_node):
    with LinkServer() as server:
        node = make_node(LINK_ALLOWED_HOSTS=HOSTS, NODE_ID="node-l")
        link = create(node, server, "feed", "/a?b=c", room="news", heartbeat_seconds=5, headers={"X-Secret": "hush"})
        assert link["url"] == server.url("/a?b=c") and link["room"] == "news" and link["enabled"] is True
        assert "headers" not in link and "hush" not in json.dumps(link)
        peer = connected(node, server, "feed", "/a?b=c")
        assert peer.headers["X-Secret"] == "hush" and peer.headers["Host"] == f"127.0.0.1:{server.port}"
        shown = node.get("/api/links/feed").json
        assert shown["owner"] == "node-l" and shown["fencing_token"] > 0 and shown["last_heartbeat_at"] > 0
        assert shown["reconnects"] == 0 and shown["dropped"] == 0
        until(lambda: node.get("/api/system/status").json["links"] == {"total": 1, "owned": 1, "connected": 1})
        assert 'sluice_links{state="connected"} 1' in node.get("/metrics").body.decode()
        assert node.post("/api/links", {"id": "feed", "url": server.url()}).code == "link_exists"
        assert [each["id"] for each in node.get("/api/links").json["links"]] == ["feed"]

        disabled = node.post("/api/links/feed/disable")
        assert disabled.status == 200 and disabled.json["enabled"] is False and disabled.json["state"] == "idle"
        until(lambda: peer.end is not None, 5, "the end of the connection")
        assert peer.code == 1001 and "owner" not in node.get("/api/links/feed").json
        assert node.post("/api/links/feed/enable").json["enabled"] is True
        connected(node, server, "feed", "/a?b=c")
        assert node.delete("/api/links/feed").status == 204
        until(lambda: not server.living(), 5, "the end of the connection")
        assert node.get("/api/links/feed").code == "no_such_link"
        assert node.delete("/api/links/feed").code == "no_such_link"
        assert node.get("/api/links").json == {"links": []}
        assert "hush" not in node.log and "b=c" not in node.log


def test_what_a_link_may_be_is_checked(make_node):
    node = make_node(LINK_ALLOWED_HOSTS="example.com:443,*.example.org,localhost")
    for url, status in [
        ("http://example.com/", 400), ("wss://user:pw@example.com/", 400), ("wss://example.com/#x", 400),
        ("wss://example.com/a b", 400), ("wss://:443/", 400), ("wss://example.com:0/", 400),
        ("wss://example.com:444/", 403), ("wss://example.org/", 403), ("ws://127.0.0.1/", 403),
        ("ws://169.254.169.254/", 403), ("ws://[::1]/", 403),
    ]:
        assert node.post("/api/links", {"url": url, "enabled": False}).status == status, url
    for fields in [
        {"heartbeat_seconds": 0}, {"heartbeat_seconds": 301}, {"cooldown_seconds": -1}, {"room": "a/b"},
        {"id": "x" * 124}, {"name": ""}, {"headers": {"Host": "x"}},
        {"headers": {"X-A": "a\r\nb"}}, {"headers": {"Sec-WebSocket-Key": "x"}}, {"subprotocol": "a b"},
        {"enabled": "yes"}, {"url": 5}, {"partition": "open"}, {"partition": 1},
    ]:
        body = {"url": "wss://a.example.org/", "enabled": False, **fields}
        assert node.post("/api/links", body).code == "bad_request", fields
    assert node.post("/api/links", {"id": "ok", "url": "wss://a.b.example.org/x", "enabled": False}).status == 201
    assert node.get("/api/links").json["links"][0]["id"] == "ok"
    for id in ["a", "x"]:
        assert node.post("/api/links", {"id": id, "url": "wss://a.example.org/", "enabled": False}).status == 201
    first = node.get("/api/links?limit=2").json
    assert [link["id"] for link in first["links"]] == ["a", "ok"] and first["next_cursor"] == "ok"
    assert [link["id"] for link in node.get("/api/links?limit=2&cursor=ok").json["links"]] == ["x"]
    assert "next_cursor" not in node.get("/api/links?limit=3").json
    for query in ["limit=0", "limit=501", "cursor=a/b", "limit=1&limit=2"]:
        assert node.get(f"/api/links?{query}").code == "bad_request", query


def test_without_listed_hosts_there_are_no_links(make_node):
    node = make_node()
    assert node.post("/api/links", {"url": "wss://example.com/"}).code == "forbidden"


def test_a_name_that_leads_to_an_unlisted_address_is_not_dialled(make_node):
    with LinkServer() as server:
        node = make_node(LINK_ALLOWED_HOSTS="*.localhost", LOG_LEVEL="DEBUG")
        url = f"ws://sluice.localhost:{server.port}/"
        assert node.post("/api/links", {"id": "inner", "url": url}).status == 201
        until(lambda: state(node, "inner") == "cooldown", 10, "the failure")
        assert not server.peers and "a link can't be dialled" in node.log


def test_messages_are_bridged_both_ways_and_never_echoed(make_node, room):
    with LinkServer() as server:
        node = make_node(LINK_ALLOWED_HOSTS=HOSTS)
        create(node, server, "bot", room=room)
        peer = connected(node, server, "bot")
        with Client(node, room, "ann") as ann:
            peer.send('{"price": 12.50}')
            peer.send("not json")
            peer.send(bytes(range(256)))
            first = ann.seek("message")
            assert first["user"] == "link:bot" and first["content"] == {"price": 12.50}
            assert first["message_type"] == "text" and "device" not in first
            assert ann.seek("message")["content"] == "not json"
            third = ann.seek("message")
            assert third["message_type"] == "binary"
            assert base64.b64decode(third["content"]) == bytes(range(256))
            ann.say("hello")
            until(lambda: peer.texts, 5, "the message at the remote")
            said = json.loads(peer.texts[0])
            assert said["type"] == "message" and said["user"] == "ann" and said["content"] == "hello"
            assert said["seq"] == 4 and len(peer.texts) == 1


def test_what_passes_while_the_link_is_down_is_counted_or_replayed(make_node, room):
    with LinkServer() as server:
        node = make_node(LINK_ALLOWED_HOSTS=HOSTS)
        create(node, server, "plain", "/plain", room=room)
        create(node, server, "again", "/again", room=room, replay=True)
        plain, again = connected(node, server, "plain", "/plain"), connected(node, server, "again", "/again")
        with Client(node, room, "ann") as ann:
            ann.say("one")
            until(lambda: len(plain.texts) == len(again.texts) == 1, 5, "the first message")
            server.accept = lambda path: False
            plain.close(1013)
            again.close(1013)
            until(lambda: state(node, "plain") == state(node, "again") == "cooldown", 10, "the ends")
            for text in ["two", "three"]:
                ann.say(text)
            until(lambda: node.get("/api/links/plain").json["dropped"] == 2, 10, "the count")
            server.accept = lambda path: True
            plain = server.one("/plain", 30)
            again = server.one("/again", 30)
            until(lambda: state(node, "plain") == state(node, "again") == "connected", 10, "the states")
            ann.say("four")
            until(lambda: plain.texts and len(again.texts) == 3, 10, "what was missed")
        assert [json.loads(text)["content"] for text in plain.texts] == ["four"]
        assert [json.loads(text)["content"] for text in again.texts] == ["two", "three", "four"]
        assert node.get("/api/links/plain").json["reconnects"] == 1
        assert node.get("/api/links/again").json["dropped"] == 0


def test_a_flood_of_the_remote_server_waits_there_and_is_not_lost(make_node, room):
    with LinkServer() as server:
        node = make_node(LINK_ALLOWED_HOSTS=HOSTS, HISTORY_SIZE=5000)
        create(node, server, "flood", room=room)
        peer = connected(node, server, "flood")
        for number in range(3000):
            peer.send(str(number))

        def newest():
            return node.get(f"/api/rooms/{room}/messages?limit=1").json["messages"][0]["content"]

        until(lambda: newest() == 2999, 30, "the last message")
        seqs = node.get(f"/api/rooms/{room}/messages?limit=1").json["messages"][0]["seq"]
        assert seqs == 3000


def test_events_say_how_links_stand(make_node):
    with LinkServer() as server:
        node = make_node(LINK_ALLOWED_HOSTS=HOSTS, NODE_ID="node-e")
        with EventStream(node) as events:
            create(node, server, "seen")
            said = until(lambda: [data for kind, data in events.events if kind == "link"], 10, "an event")
            assert said[0]["id"] == "seen" and said[0]["owner"] == "node-e" and said[0]["state"] == "connecting"
