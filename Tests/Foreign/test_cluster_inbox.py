"""A user's inbox in a cluster whose Redis goes and comes: nothing is lost, and nothing comes to a device twice."""

import contextlib

import pytest
from client import Client
from node import Node, until
from redis import Redis


def mode(node):
    return node.get("/health").json["mode"]


@contextlib.contextmanager
def started(redis, count=2):
    """Nodes that share a Redis, ended after the block; not waited for beyond their readiness."""
    with contextlib.ExitStack() as stack:
        nodes = [Node(REDIS_URL=redis.url, PRESENCE_GRACE_SECONDS=0) for _ in range(count)]
        for node in nodes:
            stack.callback(node.stop)
            node.start()
        yield nodes


def directs(client):
    """The ids of the messages that came up to now, those without a place with a question mark."""
    frames = [frame for frame in client.fence() if frame["type"] == "direct"]
    return [frame["id"] + "?" * frame.get("provisional", False) for frame in frames]


def confirmed(frames):
    return [entry["id"] for frame in frames if frame["type"] == "confirm" for entry in frame["entries"]]


def test_who_connects_while_redis_is_away_gets_what_other_nodes_have(room, name):
    ann, zoe = name("ann"), name("zoe")
    with Redis(append_only=True) as redis, started(redis) as nodes:
        until(lambda: all(mode(node) == "cluster" for node in nodes), 10, "the cluster")
        sender = Client(nodes[0], room, ann, device="phone")
        near = Client(nodes[1], room, ann, device="tablet")
        sender.send("direct", to=zoe, id="z0", content=0)
        assert sender.seek("ack", id="z0")["durable"] == "redis"
        redis.kill()
        until(lambda: all(mode(node) == "degraded" for node in nodes), 10, "the loss of Redis")
        near.send("direct", to=zoe, id="n0", content=0)
        near.seek("ack", id="n0", durable="local")
        receiver = Client(nodes[1], room, zoe, device="phone")
        assert directs(receiver) == ["n0?"]
        sender.send("direct", to=zoe, id="z1", content=1)
        sender.seek("ack", id="z1", durable="local")
        receiver.send("history", inbox=True)
        shown = receiver.seek("history", inbox=True)["messages"]
        assert [(frame["id"], frame.get("provisional")) for frame in shown] == [("n0", True)]
        redis.start()
        until(lambda: all(mode(node) == "cluster" for node in nodes), 15, "the cluster")
        sender.send("direct", to=zoe, id="z2", content=2)
        sender.seek("ack", id="z2", durable="redis")
        frames = []
        until(lambda: frames.extend(receiver.fence()) or {"z0", "z1", "z2"} <= ids(frames), 15, "all messages")
        came = [frame["id"] for frame in frames if frame["type"] == "direct"]
        assert sorted(came) == ["z0", "z1", "z2"] and came[0] == "z0" and came[-1] == "z2"
        assert confirmed(frames) == ["n0"] and [frame for frame in frames if frame["type"] == "gap"] == []


def ids(frames):
    return {frame["id"] for frame in frames if frame["type"] == "direct"}


def test_a_receiver_gets_what_a_node_kept_that_never_saw_redis(room, name):
    ann, zoe = name("ann"), name("zoe")
    redis = Redis()
    with contextlib.closing(redis), started(redis) as nodes:
        sender = Client(nodes[0], room, ann, device="phone")
        receiver = Client(nodes[1], room, zoe, device="phone")
        sender.send("direct", to=zoe, id="z0", content=0)
        sender.seek("ack", id="z0", durable="local")
        assert directs(receiver) == []
        redis.start()
        assert receiver.seek("direct", bound=20, id="z0")["seq"] == 1


@pytest.mark.parametrize("restart", ["graceful", "killed"])
def test_a_device_that_acked_gets_nothing_again_when_all_nodes_restart(redis, room, name, restart):
    ann, bob = name("ann"), name("bob")
    acked = 0
    for turn in range(4):
        with started(redis) as nodes:
            # Not waited for: the node may still be on its way to Redis.
            receiver = Client(nodes[turn % 2], room, bob, device="phone")
            sender = Client(nodes[1], room, ann)
            until(lambda: all(mode(node) == "cluster" for node in nodes), 10, "the cluster")
            numbers = range(10 * turn, 10 * turn + 10)
            for number in numbers:
                sender.send("direct", to=bob, id=str(number), content=number)
                sender.seek("ack", id=str(number), durable="redis")
            frames = []
            wanted = {str(number) for number in range(acked, numbers.stop)}
            until(lambda: frames.extend(receiver.fence()) or wanted <= ids(frames), 10, "all messages")
            came = [int(frame["id"]) for frame in frames if frame["type"] == "direct"]
            assert sorted(set(came)) == list(range(acked, numbers.stop)), came
            last = [frame for frame in frames if frame["type"] == "direct"][-3]
            receiver.send("inbox_ack", epoch=last["epoch"], seq=last["seq"])
            acked = int(last["id"]) + 1
            left = numbers.stop - acked
            until(lambda: nodes[0].get(f"/api/users/{bob}").json["inbox_pending"] == left, 10, "the ack")
            if restart == "killed":
                for node in nodes:
                    node.process.kill()
                    node.process.wait()


def test_a_device_has_a_place_of_its_own_from_its_first_connection_on(cluster, room, name):
    ann, bob = name("ann"), name("bob")
    with Client(cluster[0], room, bob, device="desk"):
        pass
    with Client(cluster[1], room, bob, device="phone") as phone, Client(cluster[2], room, ann) as sender:
        sender.send("direct", to=bob, id="d", content=1)
        direct = phone.seek("direct", id="d")
        phone.send("inbox_ack", epoch=direct["epoch"], seq=direct["seq"])
        phone.fence()
        until(lambda: cluster[0].get(f"/api/users/{bob}").json["inbox_pending"] == 0, 5, "the ack")
    with Client(cluster[0], room, bob, device="desk") as desk:
        assert directs(desk) == ["d"] and desk.welcome["inbox"]["pending"] == 0
    with Client(cluster[0], room, bob, device="tablet") as tablet, Client(cluster[0], room, bob) as unnamed:
        assert directs(tablet) == [] and directs(unnamed) == []


def test_an_ack_that_came_while_redis_was_away_counts(room, name):
    ann, bob = name("ann"), name("bob")
    with Redis(append_only=True) as redis, started(redis) as nodes:
        until(lambda: all(mode(node) == "cluster" for node in nodes), 10, "the cluster")
        sender = Client(nodes[0], room, ann)
        with Client(nodes[0], room, bob, device="phone") as phone:
            for number in range(4):
                sender.send("direct", to=bob, id=str(number), content=number)
                direct = phone.seek("direct", id=str(number))
            redis.kill()
            until(lambda: all(mode(node) == "degraded" for node in nodes), 10, "the loss of Redis")
            phone.send("inbox_ack", epoch=direct["epoch"], seq=direct["seq"] - 1)
            phone.fence()
        redis.start()
        until(lambda: all(mode(node) == "cluster" for node in nodes), 15, "the cluster")
        until(lambda: nodes[1].get(f"/api/users/{bob}").json["inbox_pending"] == 1, 10, "the ack")
        with Client(nodes[1], room, bob, device="phone") as phone:
            assert directs(phone) == ["3"]


def test_reading_a_user_who_is_unknown_leaves_nothing_in_redis(redis, nodes, name):
    assert nodes[0].get(f"/api/users/{name('nobody')}").json["inbox_pending"] == 0
    assert nodes[1].delete(f"/api/users/{name('nobody')}/connections").json == {"closed": 0}
    keys = redis.raw(b"KEYS *nobody*\r\n")
    assert keys == b"*0\r\n", keys


@pytest.mark.parametrize("key", ["place", "log", "cursors", "session", "members"])
def test_a_key_of_a_wrong_type_lets_nobody_wait(redis, nodes, room, name, key):
    ann, bob = name("ann"), name("bob")
    redis.raw(f"SET sluice:{{user:{bob}}}:{key} x\r\n".encode())
    with Client(nodes[0], room, bob, device="phone") as receiver, Client(nodes[0], room, ann) as sender:
        sender.send("direct", to=bob, id="d", content=1)
        assert sender.seek("ack", bound=8)["id"] == "d"
        assert receiver.seek("direct", bound=8)["id"] == "d"
        assert nodes[1].get(f"/api/users/{bob}").status == 200
