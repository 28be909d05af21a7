"""Several nodes that share rooms through a real Redis: one order, resume on any node, and what happens without it."""

from client import Client
from node import until


def say(client, content, **fields):
    """Sends a message and gives its ack. Who comes and goes on other nodes is notified at a time of its own."""
    client.send("message", content=content, **fields)
    return client.seek("ack")


def texts(frames):
    return [(frame["seq"], frame["content"]) for frame in frames if frame["type"] == "message"]


def test_messages_reach_members_of_every_node_in_one_order(nodes, room):
    clients = [Client(nodes[number % 3], room, f"user-{number}", echo=1) for number in range(6)]
    for client in clients:
        client.fence()
    for turn in range(20):
        for client in clients:
            client.send("message", content=f"{client.user} {turn}", id=f"i{turn}")
    seen = []
    for client in clients:
        got = []
        while len(got) < 120:
            frame = client.next()
            if frame["type"] == "message":
                got.append((frame["seq"], frame["user"], frame["content"]))
            elif frame["type"] == "ack":
                assert frame["durable"] == "redis"
        seen.append(got)
    assert [seq for seq, _, _ in seen[0]] == list(range(1, 121))
    assert all(one == seen[0] for one in seen)
    for client in clients:
        own = [content for _, user, content in seen[0] if user == client.user]
        assert own == [f"{client.user} {turn}" for turn in range(20)]


def test_the_ack_stands_in_its_place_of_the_order(nodes, room):
    one, two = Client(nodes[0], room, "one"), Client(nodes[1], room, "two")
    one.fence(), two.fence()
    for turn in range(50):
        one.send("message", content=turn)
        two.send("message", content=-turn)
    for client in (one, two):
        seqs = []
        while len(seqs) < 100:
            frame = client.next()
            if frame["type"] in ("ack", "message"):
                seqs.append(frame["seq"])
        assert seqs == list(range(1, 101))


def test_an_id_is_committed_once_on_whatever_node(nodes, room):
    one, two = Client(nodes[0], room, "ann", device="a"), Client(nodes[1], room, "ann", device="b")
    one.fence(), two.fence()
    first = say(one, "hello", id="x")
    two.seek("message", content="hello")
    again = say(two, "other", id="x")
    assert again["duplicate"] and (again["epoch"], again["seq"], again["ts"]) == (
        first["epoch"], first["seq"], first["ts"],
    )
    assert [frame for frame in one.fence() if frame["type"] == "message"] == []


def test_resume_on_another_node(nodes, room):
    one = Client(nodes[0], room, "ann")
    two = Client(nodes[1], room, "bob")
    one.fence()
    position = say(one, "first")
    two.seek("message", content="first")
    for number in range(30):
        say(two, number)
        two.fence()
    one.close()
    back = Client(nodes[2], room, "ann", since=position["seq"], epoch=position["epoch"])
    assert back.joined["recovered"] and back.joined["missed"] == 30
    assert texts(back.next() for _ in range(30)) == [(number + 2, number) for number in range(30)]
    assert say(back, "back")["seq"] == 32
    two.seek("message", content="back")


def test_history_and_publishing_over_http(nodes, room):
    answer = nodes[0].post(f"/api/rooms/{room}/messages", {"user": "http", "content": 1, "id": "h"})
    assert answer.status == 201 and answer.json["durable"] == "redis" and answer.json["seq"] == 1
    again = nodes[1].post(f"/api/rooms/{room}/messages", {"user": "http", "content": 2, "id": "h"})
    assert again.status == 200 and again.json["duplicate"] and again.json["seq"] == 1
    with Client(nodes[2], room, "ann") as ann:
        ann.send("history")
        assert [message["content"] for message in ann.seek("history")["messages"]] == [1]


def test_a_node_goes_on_without_redis_and_tells_when_it_is_back(redis, nodes, room):
    here, there = Client(nodes[0], room, "here"), Client(nodes[0], room, "there")
    elsewhere = Client(nodes[1], room, "elsewhere")
    for client in (here, there, elsewhere):
        client.fence()
    say(here, "before")
    for client in (there, elsewhere):
        client.seek("message", content="before")
    redis.kill()
    until(lambda: nodes[0].get("/health").json["mode"] == "degraded", 2, "degraded")
    ack = say(here, "alone", id="a1")
    assert ack["durable"] == "local" and "seq" not in ack and "epoch" not in ack
    frame = there.seek("message", content="alone")
    assert frame["provisional"] and "seq" not in frame and "epoch" not in frame
    assert say(here, "alone again", id="a1")["durable"] == "local"
    redis.restart(empty=True)
    for node in nodes:
        until(lambda: node.get("/health").json["mode"] == "cluster", 15, "the cluster")
    for client in (here, there):
        gap = client.seek("gap", bound=10, reason="epoch_changed")
        confirm = client.seek("confirm", bound=10)
        assert confirm["entries"] == [{"user": "here", "id": "a1", "seq": confirm["entries"][0]["seq"]}]
        assert gap["epoch"] == confirm["epoch"]
    message = elsewhere.seek("message", bound=10, content="alone")
    assert message["seq"] == confirm["entries"][0]["seq"]
    with Client(nodes[2], room, "late", since=0, epoch=message["epoch"]) as late:
        # The history begins where the lost one ended.
        late.take("gap", reason="trimmed")
        contents = [late.next()["content"] for _ in range(late.joined["missed"])]
        assert contents == ["before", "alone"]


def names(client):
    client.send("users")
    frame = client.seek("users")
    assert frame["count"] == len(frame["users"])
    return {user["user"]: sorted(device["node"] for device in user["devices"]) for user in frame["users"]}


def test_presence_over_nodes(nodes, room):
    one = Client(nodes[0], room, "one")
    assert one.joined["users"] == 1
    two = Client(nodes[1], room, "two")
    assert one.take("joined", user="two")["users"] == 2
    until(lambda: names(two) == {"one": ["node-0"], "two": ["node-1"]}, what="both in the list")
    # The same user on a second node is nobody new, and has not left while one connection lives.
    again = Client(nodes[2], room, "one", device="tablet")
    until(lambda: names(two) == {"one": ["node-0", "node-2"], "two": ["node-1"]}, what="two devices")
    assert all(frame["type"] != "joined" for frame in two.fence())
    one.send("leave", room=room)
    one.seek("left_room")
    until(lambda: names(two) == {"one": ["node-2"], "two": ["node-1"]}, what="one device")
    assert all(frame["type"] != "left" for frame in two.fence())
    again.send("leave", room=room)
    assert two.seek("left", user="one")["users"] == 1
    over_http = nodes[0].get(f"/api/rooms/{room}/users")
    assert over_http.status == 404 or [user["user"] for user in over_http.json["users"]] == ["two"]


def test_who_is_in_comes_back_with_an_emptied_redis(redis, nodes, room):
    clients = [Client(node, room, f"user-{number}") for number, node in enumerate(nodes)]
    wanted = {f"user-{number}": [f"node-{number}"] for number in range(3)}
    for client in clients:
        until(lambda: names(client) == wanted, what="all three")
        client.fence()
    redis.kill()
    for node in nodes:
        until(lambda: node.get("/health").json["mode"] == "degraded", 3, "degraded")
    assert names(clients[0]) == wanted
    redis.restart(empty=True)
    for node in nodes:
        until(lambda: node.get("/health").json["mode"] == "cluster", 15, "the cluster")
    late = Client(nodes[0], room, "late")
    wanted["late"] = ["node-0"]
    for client in [*clients, late]:
        until(lambda: names(client) == wanted, 10, "all four")
    for client in clients:
        assert all(frame["type"] != "left" for frame in client.fence())
