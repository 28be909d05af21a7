"""Contract, section 3: who is online, many messages in one request, and users that an operator brings into rooms."""

import pytest
from client import Client, closed_with
from node import Node, until
from tokens import SECRET, token


@pytest.fixture(scope="module")
def single():
    """One node whose users go at once."""
    node = Node(PRESENCE_GRACE_SECONDS=0, MAX_ROOMS_PER_CONNECTION=2).start()
    yield node
    node.stop()


@pytest.fixture(params=["single", "cluster"])
def places(request):
    """A node by itself, twice; and two nodes of a cluster."""
    if request.param == "cluster":
        return request.getfixturevalue("cluster")[:2]
    return [request.getfixturevalue("single")] * 2


def listed(node, prefix, limit=500):
    """The users that are online whose names begin so, over all pages."""
    found, cursor = [], None
    while True:
        page = node.get(f"/api/users?limit={limit}" + (f"&cursor={cursor}" if cursor else "")).json
        assert len(page["users"]) <= limit and "missing_nodes" not in page
        found += page["users"]
        cursor = page.get("next_cursor")
        if cursor is None:
            names = [user["user"] for user in found]
            assert names == sorted(names) and len(set(names)) == len(names)
            return [user for user in found if user["user"].startswith(prefix)]
        assert cursor == page["users"][-1]["user"]


def test_users_online_are_listed_by_name_in_pages(places, room, name):
    near, far = places
    prefix = name("online")
    users = [f"{prefix}-{number}" for number in range(5)]
    clients = [Client(places[number % 2], room, user) for number, user in enumerate(users)]
    clients.append(Client(far, room + "x", users[0], device="second"))
    names = {node.get("/health").json["node"] for node in places}
    for node in places:
        found = until(lambda: (f := listed(node, prefix, 2)) and len(f) == 5 and f[0]["devices"] == 2 and f, 10, "all")
        assert [user["user"] for user in found] == users
        assert set(found[0]["nodes"]) == names and found[0]["nodes"] == sorted(found[0]["nodes"])
        assert all(user["devices"] == 1 and len(user["nodes"]) == 1 for user in found[1:])
    for client in clients:
        client.close()
    for node in places:
        until(lambda: listed(node, prefix) == [], 15, "that all are gone")
    for query in ("limit=0", "limit=501", "cursor=a%01b"):
        assert near.get(f"/api/users?{query}").code == "bad_request"


def test_a_lost_user_is_online_within_the_grace(make_node, room):
    node = make_node(PRESENCE_GRACE_SECONDS=300)
    Client(node, room, "ann").abort()
    until(lambda: node.get(f"/api/rooms/{room}").json["connections"] == 0, 5, "the loss")
    assert listed(node, "") == [{"user": "ann", "devices": 1, "nodes": [node.get("/health").json["node"]]}]


# Many messages in one request


def test_a_batch_keeps_the_order_of_a_room_and_says_what_became_of_each(places, room, name):
    near, far = places
    bob = name("bob")
    with Client(far, room, name("reader")) as reader, Client(far, room + "x", bob) as receiver:
        messages = []
        for number in range(250):
            messages.append({"room": room, "user": name("bot"), "content": number, "id": f"m{number}"})
        messages[100:100] = [
            {"room": room, "user": name("bot")},
            {"to": bob, "from": name("bot"), "content": "psst", "id": "d"},
            {"room": "a/b", "user": name("bot"), "content": 1},
            {"room": room, "user": name("bot"), "content": "again", "id": "m7"},
            "no message",
        ]
        answer = near.post("/api/publish", {"messages": messages}, bound=20)
        assert answer.status == 200
        results = answer.json["results"]
        assert [result["status"] for result in results] == [201] * 100 + [400, 201, 400, 200, 400] + [201] * 150
        acks = [result["ack"] for result in results if result["status"] == 201 and "room" in result["ack"]]
        assert [ack["seq"] for ack in acks] == list(range(1, 251)) and {ack["room"] for ack in acks} == {room}
        assert [ack["id"] for ack in acks] == [f"m{number}" for number in range(250)]
        again = results[103]["ack"]
        assert again["duplicate"] and again["seq"] == 8
        assert results[101]["ack"]["to"] == bob
        for place in (100, 102, 104):
            assert set(results[place]) == {"status", "error"}
            assert results[place]["error"]["code"] == "bad_request" and results[place]["error"]["message"]
        assert [reader.seek("message")["content"] for _ in range(250)] == list(range(250))
        assert receiver.seek("direct", id="d")["content"] == "psst"


def test_a_batch_is_bounded(gateway, room):
    message = {"room": room, "user": "u", "content": 1}
    for body in ({}, {"messages": []}, {"messages": [message] * 1001}, {"messages": 7}, []):
        assert gateway.post("/api/publish", body).code == "bad_request", str(body)[:40]
    large = gateway.post("/api/publish", {"messages": [message | {"content": "x" * 1_100_000}]})
    assert large.status == 413
    one = gateway.post("/api/publish", {"messages": [message | {"content": "x" * 65_536}, message]}).json["results"]
    assert [result["status"] for result in one] == [413, 201] and one[0]["error"]["code"] == "too_large"
    assert gateway.request("GET", "/api/publish").status == 405


def test_a_batch_while_redis_is_away(redis, nodes, room):
    redis.freeze()
    until(lambda: nodes[0].get("/health").json["mode"] == "degraded", 6, "degraded")
    messages = [{"room": room, "user": "u", "content": number, "id": f"m{number}"} for number in range(3)]
    results = nodes[0].post("/api/publish", {"messages": messages}).json["results"]
    assert [(result["status"], result["ack"]["durable"]) for result in results] == [(202, "local")] * 3
    # Neither an order to all nodes nor a list of all is whole without it.
    assert nodes[0].put("/api/users/u/rooms/r").status == 503
    assert nodes[0].get("/api/users").json["missing_nodes"] == ["node-1", "node-2"]
    redis.thaw()
    until(lambda: nodes[1].get(f"/api/rooms/{room}").status == 200, 20, "the room")
    kept = nodes[1].get(f"/api/rooms/{room}/messages").json["messages"]
    assert [message["content"] for message in kept] == [0, 1, 2]


# Users and rooms


def test_an_operator_brings_a_user_into_a_room_and_out_of_it(places, room, name):
    near, far = places
    ann, other = name("ann"), room + "-other"
    path = f"/api/users/{ann}/rooms/{other}"
    with (
        Client(near, room, ann, device="one") as one,
        Client(far, room, ann, device="two") as two,
        Client(far, other, name("bob")) as bob,
    ):
        until(lambda: len(near.get(f"/api/users/{ann}").json["devices"]) == 2, 5, "both devices")
        assert near.put(path).json == {"connections": 2}
        for client in (one, two):
            assert client.seek("joined_room", room=other)["seq"] == 0
        bob.seek("joined", user=ann)
        one.send("message", room=other, content="here")
        one.seek("ack")
        assert [client.seek("message")["content"] for client in (two, bob)] == ["here"] * 2
        # Who is in is in.
        assert far.put(path).json == {"connections": 2}
        assert far.delete(path).json == {"connections": 2}
        for client in (one, two):
            client.seek("left_room", room=other, reason="removed")
            client.send("message", room=other, content="gone")
            assert client.seek("error")["code"] == "not_in_room"
        bob.seek("left", user=ann)
        assert near.delete(path).json == {"connections": 0}
        # Out of the URL's room a connection is closed: one that came back would be in it again.
        assert near.delete(f"/api/users/{ann}/rooms/{room}").json == {"connections": 2}
        for client in (one, two):
            client.seek("left_room", room=room, reason="removed")
            assert closed_with(4004, client).details["reason"] == "removed"
    assert near.put(f"/api/users/{name('nobody')}/rooms/{other}").json == {"connections": 0}
    assert near.put(f"/api/users/a%01b/rooms/{other}").code == "bad_request"
    assert near.delete(f"/api/users/{ann}/rooms/a%01b").code == "bad_request"


def test_full_rooms_and_a_connections_own_limit_hold(single, room, name):
    ann = name("ann")
    full = room + "-full"
    assert single.post("/api/rooms", {"id": full, "max_users": 1}).status == 201
    with Client(single, full, name("bob")), Client(single, room, ann) as client:
        assert single.put(f"/api/users/{ann}/rooms/{full}").json == {"connections": 0}
        assert single.put(f"/api/users/{ann}/rooms/{room}-2").json == {"connections": 1}
        # MAX_ROOMS_PER_CONNECTION counts the URL's room.
        assert single.put(f"/api/users/{ann}/rooms/{room}-3").json == {"connections": 0}
        assert [frame["type"] for frame in client.fence() if frame["type"] in {"joined_room", "error"}] == [
            "joined_room"
        ]


def test_a_token_keeps_its_rooms(make_node, room):
    """Neither an operator's key nor this machine leads a user where the token does not let it."""
    node = make_node(JWT_SECRET=SECRET, API_KEY="0123456789abcdef")
    key = {"X-API-Key": "0123456789abcdef"}
    with Client(node, "a", "ann", token=token("ann", rooms=["a", "b-*"])) as client:
        assert node.put("/api/users/ann/rooms/b-1").code == "unauthorized"
        assert node.put("/api/users/ann/rooms/c", headers=key).json == {"connections": 0}
        assert node.put("/api/users/ann/rooms/b-1", headers=key).json == {"connections": 1}
        assert [frame["room"] for frame in client.fence() if frame["type"] == "joined_room"] == ["b-1"]
    assert "operating request" in node.log and "/api/users/ann/rooms/b-1" in node.log
