"""Contract, sections 3, 4 and 6: each endpoint, error code and body, pages, origins, API key, OpenAPI."""

import json
import re
import time
import urllib.parse

import pytest
from client import Client
from node import until


def test_health(gateway):
    answer = gateway.get("/health")
    body = answer.json
    assert answer.status == 200 and answer.headers["content-type"].startswith("application/json")
    assert body["status"] == "ok" and body["mode"] == "single" and body["tier"] == "normal"
    assert body["node"] and body["version"] and body["uptime_seconds"] >= 0


def test_ready(gateway):
    assert gateway.get("/ready").status == 200


def test_making_and_reading_a_room(gateway, room):
    before = time.time() * 1000
    made = gateway.post("/api/rooms", {"id": room, "name": "Café", "max_users": 5, "history_size": 20, "more": 1})
    assert made.status == 201
    body = made.json
    assert body["id"] == room and body["name"] == "Café" and body["max_users"] == 5 and body["history_size"] == 20
    assert body["users"] == 0 and body["connections"] == 0 and body["seq"] == 0 and body["epoch"]
    assert abs(body["created_at"] - before) < 60000
    read = gateway.get(f"/api/rooms/{room}")
    assert read.status == 200 and read.json == body
    assert gateway.post("/api/rooms", {"id": room}).status == 409
    assert gateway.post("/api/rooms", {"id": room}).code == "room_exists"


def test_a_room_with_a_made_id(gateway):
    """POST without a body needs no content type."""
    made = gateway.request("POST", "/api/rooms")
    assert made.status == 201 and made.json["id"] and "max_users" not in made.json
    other = gateway.post("/api/rooms", {})
    assert other.status == 201 and other.json["id"] != made.json["id"]


@pytest.mark.parametrize(
    "body",
    [
        [],
        "x",
        5,
        None,
        {"id": 5},
        {"id": ""},
        {"id": "a/b"},
        {"id": ".."},
        {"id": "x" * 129},
        {"id": "a\u0000"},
        {"name": 5},
        {"max_users": 0},
        {"max_users": -1},
        {"max_users": "5"},
        {"max_users": 1.5},
        {"history_size": -1},
        {"history_size": "1"},
        {"history_size": 1000001},
    ],
)
def test_bad_room(gateway, body):
    answer = gateway.request("POST", "/api/rooms", json.dumps(body).encode(), {"Content-Type": "application/json"})
    assert answer.status == 400 and answer.code == "bad_request", answer


@pytest.mark.parametrize("body", [b"{", b"x", b'{"id":"a"', b'{"id":"\xff"}', b'{"id":"a"} x'])
def test_bodies_that_are_no_json(gateway, body):
    answer = gateway.request("POST", "/api/rooms", body, {"Content-Type": "application/json"})
    assert answer.status == 400 and answer.code == "bad_request"


def test_content_type(gateway, room):
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx"]:
        answer = gateway.request("POST", "/api/rooms", b'{"id":"never"}', {"Content-Type": kind})
        assert answer.status == 415 and answer.code == "unsupported_media_type"
    answer = gateway.request(
        "POST", "/api/rooms", json.dumps({"id": room}).encode(), {"Content-Type": "Application/JSON; charset=utf-8"}
    )
    assert answer.status == 201


def test_body_over_a_mebibyte(gateway, room):
    filler = "x" * (2**20 - 40)
    answer = gateway.post(f"/api/rooms/{room}/messages", {"user": "ann", "content": filler + "x" * 100})
    assert answer.status == 413 and answer.code == "too_large"


def test_unknown_things_are_404(gateway, room):
    for method, path in [
        ("GET", f"/api/rooms/{room}"),
        ("DELETE", f"/api/rooms/{room}"),
        ("GET", f"/api/rooms/{room}/users"),
        ("GET", f"/api/rooms/{room}/messages"),
    ]:
        answer = gateway.request(method, path)
        assert answer.status == 404 and answer.code == "no_such_room", (method, path)
    for path in [
        "/api",
        "/api/",
        "/api/rooms/",
        f"/api/rooms/{room}/",
        f"/api/rooms/{room}/nothing",
        "/nothing",
        "/health/",
        "//",
        "/api/system",
        "/api//rooms",
        "/API/rooms",
    ]:
        answer = gateway.get(path)
        assert answer.status == 404 and answer.code == "not_found", path


@pytest.mark.parametrize(
    "method,path,allowed",
    [
        ("DELETE", "/health", {"GET", "HEAD"}),
        ("POST", "/ready", {"GET", "HEAD"}),
        ("PUT", "/api/rooms", {"GET", "HEAD", "POST"}),
        ("POST", "/api/rooms/x", {"GET", "HEAD", "DELETE"}),
        ("DELETE", "/api/rooms/x/users", {"GET", "HEAD"}),
        ("PATCH", "/api/rooms/x/messages", {"GET", "HEAD", "POST"}),
        ("GET", "/api/users/x/messages", {"POST"}),
        ("GET", "/api/users/x/connections", {"DELETE"}),
        ("POST", "/openapi.json", {"GET", "HEAD"}),
        ("POST", "/", {"GET", "HEAD"}),
    ],
)
def test_method_not_allowed(gateway, method, path, allowed):
    answer = gateway.request(method, path)
    assert answer.status == 405 and answer.code == "method_not_allowed"
    assert {name.strip() for name in answer.headers["allow"].split(",")} - {"OPTIONS"} == allowed


def test_unknown_method(gateway):
    assert gateway.request("BREW", "/health").status in {405, 501}


def test_deleting_a_room(gateway, room):
    gateway.post("/api/rooms", {"id": room})
    answer = gateway.delete(f"/api/rooms/{room}")
    assert answer.status == 204 and answer.body == b""
    assert gateway.get(f"/api/rooms/{room}").status == 404


def test_rooms_by_id_ascending_in_pages(make_node):
    node = make_node()
    names = sorted(["b", "a", "é", "z", "a b", "%41", "日本", "B", "a1", "a10", "a2"], key=lambda text: text.encode())
    for text in reversed(names):
        assert node.post("/api/rooms", {"id": text}).status == 201
    for limit in (1, 2, 4, 11, 500):
        seen, cursor, pages = [], None, 0
        while True:
            query = f"?limit={limit}" + (f"&cursor={urllib.parse.quote(cursor)}" if cursor else "")
            body = node.get("/api/rooms" + query).json
            assert len(body["rooms"]) <= limit
            seen += [room["id"] for room in body["rooms"]]
            pages += 1
            if "next_cursor" not in body:
                break
            cursor = body["next_cursor"]
        assert seen == names and pages in {-(-len(names) // limit), len(names) // limit + 1}
    assert [room["id"] for room in node.get("/api/rooms").json["rooms"]] == names


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "limit=x", "limit=", "limit=-1", "limit=1.5", "cursor=%FF", "cursor=%00"]
)
def test_bad_paging(gateway, query):
    answer = gateway.get("/api/rooms?" + query)
    assert answer.status == 400 and answer.code == "bad_request"


def test_users_of_a_room_in_pages(gateway, room):
    clients = [Client(gateway, room, f"u{number:02}", device="d") for number in range(7)]
    try:
        body = gateway.get(f"/api/rooms/{room}/users").json
        assert body["room"] == room and body["count"] == 7 and "next_cursor" not in body
        assert sorted(user["user"] for user in body["users"]) == [f"u{number:02}" for number in range(7)]
        device = body["users"][0]["devices"][0]
        assert device["device"] == "d" and device["node"] and isinstance(device["since_at"], int)
        seen, cursor = [], None
        while True:
            page = gateway.get(f"/api/rooms/{room}/users?limit=3" + (f"&cursor={cursor}" if cursor else "")).json
            assert page["count"] == 7 and len(page["users"]) <= 3
            seen += [user["user"] for user in page["users"]]
            cursor = page.get("next_cursor")
            if cursor is None:
                break
        assert sorted(seen) == [f"u{number:02}" for number in range(7)]
        info = gateway.get(f"/api/rooms/{room}").json
        assert info["users"] == 7 and info["connections"] == 7
    finally:
        for client in clients:
            client.close()


def test_publishing(gateway, room, name):
    """201 as the ack, 200 for a duplicate; makes the room; delivered without a device."""
    user = name("svc")
    made = gateway.post(
        f"/api/rooms/{room}/messages", {"user": user, "content": {"a": 1}, "id": "p", "message_type": "note"}
    )
    assert made.status == 201
    ack = made.json
    assert ack["room"] == room and ack["id"] == "p" and ack["seq"] == 1 and ack["durable"] == "memory"
    with Client(gateway, room, name("ann")) as ann:
        assert ann.joined["seq"] == 1 and ann.joined["epoch"] == ack["epoch"]
        again = gateway.post(f"/api/rooms/{room}/messages", {"user": user, "content": "other", "id": "p"})
        assert again.status == 200 and again.json == ack | {"duplicate": True}
        second = gateway.post(f"/api/rooms/{room}/messages", {"user": user, "content": 2, "reply_to": 1}).json
        message = ann.take("message", seq=2, content=2, reply_to=1, user=user, id=second["id"], ts=second["ts"])
        assert "device" not in message
    body = gateway.get(f"/api/rooms/{room}/messages").json
    assert body["room"] == room and body["complete"] is True and [m["seq"] for m in body["messages"]] == [1, 2]
    assert body["messages"][0]["content"] == {"a": 1} and body["messages"][0]["message_type"] == "note"
    assert "device" not in body["messages"][0]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"user": "ann"},
        {"content": 1},
        {"user": "", "content": 1},
        {"user": "a/b", "content": 1},
        {"user": 1, "content": 1},
        {"user": "ann", "content": 1, "id": ""},
        {"user": "ann", "content": 1, "id": "i" * 65},
        {"user": "ann", "content": 1, "id": 5},
        {"user": "ann", "content": 1, "message_type": ""},
        {"user": "ann", "content": 1, "message_type": "t" * 33},
        {"user": "ann", "content": 1, "reply_to": "1"},
    ],
)
def test_bad_publishing(gateway, room, body):
    answer = gateway.post(f"/api/rooms/{room}/messages", body)
    assert answer.status == 400 and answer.code == "bad_request"
    assert gateway.get(f"/api/rooms/{room}").status == 404


def test_reading_messages(gateway, room):
    for number in range(1, 8):
        gateway.post(f"/api/rooms/{room}/messages", {"user": "svc", "content": number})

    def seqs(query):
        body = gateway.get(f"/api/rooms/{room}/messages{query}").json
        return [message["seq"] for message in body["messages"]], body["complete"]

    assert seqs("") == ([1, 2, 3, 4, 5, 6, 7], True)
    assert seqs("?limit=2") == ([6, 7], False)
    assert seqs("?after=2&limit=2") == ([3, 4], False)
    assert seqs("?after=5") == ([6, 7], True)
    assert seqs("?before=3") == ([1, 2], True)
    assert seqs("?before=7&limit=3") == ([4, 5, 6], False)
    for query in ["?after=1&before=5", "?after=x", "?before=-1", "?limit=0", "?limit=501"]:
        answer = gateway.get(f"/api/rooms/{room}/messages{query}")
        assert answer.status == 400 and answer.code == "bad_request", query


def test_direct_by_http(gateway, room, name):
    bob = name("bob")
    with Client(gateway, room, bob, device="b") as client:
        made = gateway.post(f"/api/users/{bob}/messages", {"from": "svc", "content": "hello", "id": "d"})
        assert made.status == 201
        ack = made.json
        assert ack["to"] == bob and ack["id"] == "d" and ack["seq"] == 1 and ack["durable"] == "memory"
        frame = client.take("direct", id="d", to=bob, content="hello", seq=1)
        assert frame["from"] == "svc" and "device" not in frame
        again = gateway.post(f"/api/users/{bob}/messages", {"from": "svc", "content": "x", "id": "d"})
        assert again.status == 200 and again.json["duplicate"] is True
    for body in [
        {},
        {"from": "svc"},
        {"content": 1},
        {"from": "", "content": 1},
        {"from": "svc", "content": 1, "device_type": ""},
    ]:
        assert gateway.post(f"/api/users/{bob}/messages", body).status == 400


def test_bad_identifiers_in_paths(gateway):
    for path in [
        "/api/rooms/%01",
        "/api/rooms/a%2Fb",
        "/api/rooms/" + "x" * 129,
        "/api/users/%FF",
        "/api/users/%2E%2E",
    ]:
        answer = gateway.get(path)
        assert answer.status == 400 and answer.code == "bad_request", path


def test_status(gateway, room, name):
    with Client(gateway, room, name("ann")) as ann:
        ann.say("x")

        def counted():
            # Gauges are sampled with the loop's tick.
            body = gateway.get("/api/system/status").json
            return body if body["rooms"] >= 1 else None

        body = until(counted, 5, "the count of rooms")
    assert body["node"] and body["version"] and body["uptime_seconds"] >= 0 and body["mode"] == "single"
    assert len(body["workers"]) == 2
    for worker in body["workers"]:
        assert {"connections", "loop_lag_ms", "queued_bytes", "messages_in", "messages_out"} <= set(worker)
    connections = body["connections"]
    assert connections["current"] >= 1 and connections["max"] > 0 and connections["accepted_total"] >= 1
    assert isinstance(connections["refused_total"], dict)
    assert body["messages"]["committed_total"] >= 1
    for counter in ["delivered_total", "provisional_total", "refused_total", "per_second_in", "per_second_out"]:
        assert isinstance(body["messages"][counter], (int, float)), counter
    process = body["process"]
    assert process["rss_bytes"] > 0 and process["open_files"] > 0 and process["open_files_max"] >= process["open_files"]
    assert process["cpu_percent"] >= 0


def test_loopback_rule(make_node, room):
    """Without an API key every DELETE answers only a client whose effective address is loopback."""
    node = make_node()
    node.post("/api/rooms", {"id": room})
    for path in [f"/api/rooms/{room}", "/api/users/ann/connections"]:
        answer = node.delete(path, headers={"X-Forwarded-For": "192.0.2.1"})
        assert answer.status == 403 and answer.code == "forbidden"
    assert node.delete(f"/api/rooms/{room}", headers={"X-Forwarded-For": "127.0.0.1"}).status == 204


def test_api_key(make_node, room):
    node = make_node(API_KEY="secret-key")
    good = [{"X-API-Key": "secret-key"}, {"Authorization": "Bearer secret-key"}]
    bad = [
        {},
        {"X-API-Key": "secret"},
        {"X-API-Key": ""},
        {"Authorization": "Bearer x"},
        {"Authorization": "Basic secret-key"},
    ]
    for headers in bad:
        for method, path in [
            ("GET", "/api/rooms"),
            ("POST", "/api/rooms"),
            ("GET", "/api/system/status"),
            ("DELETE", f"/api/rooms/{room}"),
            ("GET", "/api/users/ann"),
        ]:
            answer = node.request(method, path, headers=headers)
            assert answer.status == 401 and answer.code == "unauthorized", (headers, path)
    for headers in good:
        assert node.get("/api/rooms", headers=headers).status == 200
    # With the key a DELETE works from everywhere, and what is not under /api/ needs none.
    node.post("/api/rooms", {"id": room}, headers=good[0])
    answer = node.delete(f"/api/rooms/{room}", headers=good[0] | {"X-Forwarded-For": "192.0.2.1"})
    assert answer.status == 204
    for path in ["/health", "/ready", "/", "/openapi.json"]:
        assert node.get(path).status == 200
    with Client(node, room, "ann"):
        pass
    assert "secret-key" not in node.log


def test_origin_of_writes(gateway, make_node, room):
    """Other than GET and HEAD with an Origin outside the allowed ones: 403. Allowed foreign ones get CORS answers."""
    own = f"http://127.0.0.1:{gateway.port}"
    assert gateway.post("/api/rooms", {"id": room}, headers={"Origin": own}).status == 201
    answer = gateway.post("/api/rooms", {"id": room + "2"}, headers={"Origin": "https://evil.example"})
    assert answer.status == 403 and answer.code == "forbidden"
    assert gateway.delete(f"/api/rooms/{room}", headers={"Origin": "https://evil.example"}).status == 403
    read = gateway.get("/api/rooms", headers={"Origin": "https://evil.example"})
    assert read.status == 200 and "access-control-allow-origin" not in read.headers

    node = make_node(ALLOWED_ORIGINS="https://one.example")
    origin = {"Origin": "https://one.example"}
    read = node.get("/api/rooms", headers=origin)
    assert read.headers["access-control-allow-origin"] == "https://one.example"
    assert "origin" in read.headers["vary"].lower()
    assert (
        node.post("/api/rooms", {"id": room}, headers=origin).headers["access-control-allow-origin"]
        == "https://one.example"
    )
    asked = node.request(
        "OPTIONS",
        f"/api/rooms/{room}",
        headers=origin
        | {"Access-Control-Request-Method": "DELETE", "Access-Control-Request-Headers": "content-type,x-api-key"},
    )
    assert asked.status in {200, 204}
    assert asked.headers["access-control-allow-origin"] == "https://one.example"
    assert "DELETE" in asked.headers["access-control-allow-methods"]
    assert {"content-type", "x-api-key"} <= {
        name.strip().lower() for name in asked.headers["access-control-allow-headers"].split(",")
    }
    foreign = node.request(
        "OPTIONS",
        f"/api/rooms/{room}",
        headers={"Origin": "https://two.example", "Access-Control-Request-Method": "DELETE"},
    )
    assert foreign.status == 403 and "access-control-allow-origin" not in foreign.headers


def test_pages_need_no_network(gateway):
    for path, kind in [
        ("/", "text/html"),
        ("/chat/lobby", "text/html"),
        ("/status", "text/html"),
        ("/docs", "text/html"),
        ("/openapi.json", "application/json"),
        ("/client.js", "text/javascript"),
    ]:
        answer = gateway.get(path)
        assert answer.status == 200 and answer.headers["content-type"].split(";")[0] == kind, path
        assert answer.headers["x-content-type-options"] == "nosniff"
        if kind != "application/json":
            assert not re.search(rb"(src|href)=[\"']?(https?:)?//", answer.body), path


def operations(gateway):
    document = gateway.get("/openapi.json").json
    assert document["openapi"].startswith("3.1.")
    for path, item in document["paths"].items():
        for method in item:
            if method in {"get", "put", "post", "delete", "patch"}:
                yield method.upper(), path, item[method]


def test_openapi_is_the_truth(gateway, room):
    """Each operation it lists is there; a method it does not list is refused."""
    listed = {}
    for method, path, operation in operations(gateway):
        listed.setdefault(path, set()).add(method)
        assert operation["responses"], path
        assert operation.get("summary") or operation.get("description"), path
    for path in [
        "/health",
        "/ready",
        "/api/rooms",
        "/api/rooms/{room_id}",
        "/api/rooms/{room_id}/users",
        "/api/rooms/{room_id}/messages",
        "/api/users/{user_id}",
        "/api/users/{user_id}/messages",
        "/api/users/{user_id}/connections",
        "/api/links",
        "/api/links/{id}",
        "/api/nodes",
        "/api/system/status",
        "/api/system/tier",
        "/api/system/events",
        "/api/system/governor/trace",
        "/metrics",
    ]:
        assert path in listed, path
    for path, methods in listed.items():
        target = path.replace("{room_id}", room + "-o").replace("{user_id}", "nobody-here")
        target = target.replace("{file}", "style.css").replace("{id}", "no-link")
        assert "{" not in target, path
        if path.startswith(("/ws/", "/echo")):
            continue
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH"]:
            answer = gateway.request(
                # A stream has no end; its head says as much.
                "HEAD" if (method, path) == ("GET", "/api/system/events") else method,
                target,
                b"[]" if method in {"POST", "PUT", "PATCH"} else None,
                {"Content-Type": "application/json"},
            )
            if method in methods:
                assert answer.status not in {405, 501}, (method, path)
                if answer.status == 404:
                    missing = "no_such_link" if path.startswith("/api/links") else "no_such_room"
                    assert answer.code == missing, (method, path, answer)
            else:
                assert answer.status == 405, (method, path, answer)
