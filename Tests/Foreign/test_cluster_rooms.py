"""Rooms of several nodes besides their messages: typing, read marks, settings, lists, deletion, reads over HTTP."""

from client import Client, closed_with
from node import until


def test_typing_and_read_marks_are_told_on_every_node(cluster, room, name):
    with (
        Client(cluster[0], room, "ann") as ann,
        Client(cluster[1], room, "bob") as bob,
        Client(cluster[0], room, "carol") as carol,
    ):
        until(lambda: cluster[0].get(f"/api/rooms/{room}").json["users"] == 3, 5, "all members")
        ann.send("message", content=1)
        ann.seek("ack")
        bob.seek("message")
        ann.send("typing", typing=True)
        for other in (bob, carol):
            assert other.seek("typing") == {"type": "typing", "room": room, "user": "ann", "typing": True}
        bob.send("read", seq=9)
        for other in (ann, carol):
            assert other.seek("read")["marks"] == [{"user": "bob", "seq": 1}]
        assert [frame for frame in bob.fence() if frame["type"] == "read"] == []
    with Client(cluster[2], room, "bob") as bob:
        assert bob.joined["read_seq"] == 1
        bob.send("users")
        marks = {user["user"]: user.get("read_seq") for user in bob.seek("users")["users"]}
        assert marks["bob"] == 1


def test_read_marks_set_without_redis_are_kept_for_it(redis, nodes, room):
    here, there = Client(nodes[0], room, "here"), Client(nodes[1], room, "there")
    here.send("message", content=1)
    here.seek("ack")
    there.seek("message")
    redis.freeze()
    until(lambda: nodes[0].get("/health").json["mode"] == "degraded", 6, "degraded")
    here.send("read", seq=1)
    here.fence()
    redis.thaw()
    assert there.seek("read", bound=20)["marks"] == [{"user": "here", "seq": 1}]


def test_rooms_are_found_on_every_node(cluster, room):
    made = cluster[0].post(
        "/api/rooms", {"id": room, "name": "A room", "max_users": 2, "history_size": 5})
    assert made.status == 201
    assert cluster[1].post("/api/rooms", {"id": room}).status == 409
    shown = cluster[2].get(f"/api/rooms/{room}").json
    assert shown == made.json | {"epoch": shown["epoch"]}
    assert (shown["name"], shown["max_users"], shown["history_size"]) == ("A room", 2, 5)
    with Client(cluster[0], room, "ann") as ann, Client(cluster[1], room, "bob"):
        closed_with(4100, Client(cluster[2], room, "carol", joined=False))
        ann.send("message", content="hello")
        ann.seek("ack")
        for node in cluster:
            assert [message["content"] for message in node.get(f"/api/rooms/{room}/messages").json["messages"]] == [
                "hello"
            ]
            until(lambda: node.get(f"/api/rooms/{room}").json["connections"] == 2, 5, "both connections")
            users = node.get(f"/api/rooms/{room}/users").json
            assert users["count"] == 2
            assert {user["user"]: user["devices"][0]["node"] for user in users["users"]} == {
                "ann": "node-0", "bob": "node-1",
            }
    for node in cluster:
        assert node.get(f"/api/rooms/{room}-not").status == 404
        assert node.get(f"/api/rooms/{room}-not/users").status == 404
        assert node.get(f"/api/rooms/{room}-not/messages").status == 404
        assert node.delete(f"/api/rooms/{room}-not").status == 404


def test_the_list_of_rooms_is_the_same_on_every_node(cluster, name):
    rooms = sorted(name(f"list-{number}") for number in range(7))
    clients = [Client(cluster[number % 3], room, "ann") for number, room in enumerate(rooms)]
    for node in cluster:
        found, cursor = [], None
        while True:
            page = node.get("/api/rooms?limit=3" + (f"&cursor={cursor}" if cursor else "")).json
            assert len(page["rooms"]) <= 3
            found += page["rooms"]
            cursor = page.get("next_cursor")
            if cursor is None:
                break
        ids = [entry["id"] for entry in found]
        assert ids == sorted(ids)
        assert [entry["id"] for entry in found if entry["id"] in rooms] == rooms
        assert {entry["users"] for entry in found if entry["id"] in rooms} == {1}
    for client in clients:
        client.close()


def test_a_room_is_deleted_on_every_node(cluster, room):
    ann = Client(cluster[0], room, "ann")
    bob = Client(cluster[1], room + "-own", "bob")
    bob.send("join", room=room)
    bob.seek("joined_room", room=room)
    ann.send("message", content="gone")
    ack = ann.seek("ack")
    assert cluster[2].delete(f"/api/rooms/{room}").status == 204
    closed_with(4004, ann)
    assert bob.seek("left_room", room=room)["reason"] == "deleted"
    for node in cluster:
        assert node.get(f"/api/rooms/{room}").status == 404
        assert room not in [entry["id"] for entry in node.get("/api/rooms?limit=500").json["rooms"]]
    with Client(cluster[1], room, "ann", since=ack["seq"], epoch=ack["epoch"]) as again:
        assert again.joined["epoch"] != ack["epoch"] and again.joined["seq"] == 0
        assert again.next()["reason"] == "epoch_changed"
        assert cluster[0].get(f"/api/rooms/{room}").status == 200
    bob.close()


def test_a_node_that_did_not_hear_of_a_deletion_restores_nothing(redis, nodes, room):
    ann = Client(nodes[0], room, "ann")
    ann.send("message", content="gone")
    epoch = ann.seek("ack")["epoch"]
    # As another node would, unheard.
    keys = [f"sluice:{{room:{room}}}:{part}" for part in ("place", "log")]
    redis.command("DEL", *keys)
    redis.command("HSET", keys[0], "epoch", "e-new", "seq", "0", "deleted", epoch)
    ann.send("message", content="late", id="late")
    assert ann.seek("error", id="late")["code"] == "unavailable"
    closed_with(4004, ann)
    assert nodes[1].get(f"/api/rooms/{room}/messages").json["messages"] == []


def test_what_needs_all_nodes_is_refused_without_redis(redis, nodes, room):
    ann = Client(nodes[0], room, "ann")
    redis.kill()
    until(lambda: nodes[0].get("/health").json["mode"] == "degraded", 2, "degraded")
    answer = nodes[0].delete(f"/api/rooms/{room}")
    assert answer.status == 503 and answer.json["error"]["code"] == "unavailable"
    # A room that is made meanwhile is known to all when Redis is back.
    assert nodes[0].post("/api/rooms", {"id": room + "-new", "name": "Made alone"}).status == 201
    assert nodes[0].post("/api/rooms", {"id": room}).status == 409
    redis.restart(empty=True)
    until(lambda: nodes[1].get(f"/api/rooms/{room}-new").status == 200, 15, "the new room")
    assert nodes[1].get(f"/api/rooms/{room}-new").json["name"] == "Made alone"
    ann.close()


def test_a_room_with_many_members_is_counted_in_parts(redis, nodes, room):
    """More than one script counts; some users are in on two nodes, each with one connection."""
    assert nodes[0].post("/api/rooms", {"id": room}).status == 201
    beats = redis.command("HGETALL", "sluice:{nodes}:beats")
    boots = [key for key, value in zip(beats[::2], beats[1::2], strict=True) if b"node-0" not in value]
    assert len(boots) == 2
    entries = [(boots[0], number) for number in range(1500)] + [(boots[1], number) for number in range(1000, 1600)]
    for start in range(0, len(entries), 300):
        words = []
        for boot, number in entries[start : start + 300]:
            words += [boot + b"\nu%d" % number, b"1\nnode\nd%d\n\n1" % number]
        redis.command("HSET", f"sluice:{{room:{room}}}:members", *words)
    listed = nodes[2].get("/api/rooms").json["rooms"]
    assert [(one["users"], one["connections"]) for one in listed if one["id"] == room] == [(1600, 2100)]
