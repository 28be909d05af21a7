"""Redis that answers and can't serve: promise 6, and `redis` of the status. What a node says of it, and how it comes
back."""

import contextlib
import time

import pytest
from client import Client
from node import Node, elapse, until
from redis import Redis
from refusing_redis import RefusingRedis


@pytest.fixture
def redis():
    with Redis() as redis:
        yield redis


@contextlib.contextmanager
def started(url, mode="cluster", **settings):
    node = Node(REDIS_URL=url, WORKERS=2, **settings)
    try:
        node.start()
        comes(node, mode)
        yield node
    finally:
        node.stop()


def comes(node, mode, bound=20):
    until(lambda: node.get("/health").json["mode"] == mode, bound, mode)


def reason(node):
    return node.get("/api/system/status").json["redis"].get("reason", "")


def lines(node):
    return [line for line in node.log.splitlines() if "Redis" in line and " DEBUG " not in line]


@pytest.mark.parametrize(
    "error,words",
    [
        ("NOREPLICAS Not enough good replicas to write.", "not enough replicas"),
        ("NOPERM this user has no permissions to run the 'evalsha' command", "the user lacks a right"),
        ("ERR The user executing the script can't run this command or subcommand", "the user lacks a right"),
        ("BUSY Redis is busy running a script.", "busy with a script"),
        ("NOAUTH Authentication required.", "it wants a password"),
        ("MASTERDOWN Link with MASTER is down", "a replica that has lost its master"),
        ("CLUSTERDOWN Hash slot not served", "a Redis Cluster"),
        ("TRYAGAIN Multiple keys request during rehashing of slot", "a Redis Cluster"),
        ("READONLY You can't write against a read only replica.", "read-only replica"),
        ("MISCONF Redis is configured to save RDB snapshots", "can't save its data"),
        ("OOM command not allowed when used memory > 'maxmemory'.", "out of memory"),
        ("LOADING Redis is loading the dataset in memory", "loading its data"),
        ("UNHEARDOF of a later version", "refused (UNHEARDOF"),
    ],
)
def test_whatever_its_name_a_refusal_is_away(redis, room, error, words):
    """What was sent meanwhile is acked by this node alone, and committed when Redis serves again."""
    with RefusingRedis(redis.port) as door, started(door.url) as node:
        ann = Client(node, room, "ann")
        ann.send("message", content=1)
        assert ann.seek("ack", bound=10)["durable"] == "redis"
        door.error = error
        comes(node, "degraded")
        until(lambda: words in reason(node), 10, words)
        ann.send("message", content=2)
        assert ann.seek("ack", bound=10)["durable"] == "local"
        # Attempts to come back fail meanwhile, and are not logged.
        elapse(3)
        assert node.get("/health").json["mode"] == "degraded"
        logged = [line for line in lines(node) if "away" in line]
        assert len(logged) == 1 and words in logged[0] and "next=" in logged[0], logged
        door.error = None
        comes(node, "cluster")
        assert ann.seek("confirm", bound=10)["entries"][0]["seq"] == 2
        until(lambda: any("Redis serves again" in line for line in lines(node)), 10, "the line")
        assert words in reason(node), "of the last loss"
        ann.close()


def test_publications_that_do_not_arrive(redis, room):
    """Commits would be acked, and nobody on other nodes would hear of them."""
    with RefusingRedis(redis.port) as door, started(door.url) as node:
        connections = door.accepted
        door.is_deaf = True
        # Another subscription is tried before Redis is given up.
        until(lambda: door.accepted > connections, 10, "a new connection")
        comes(node, "degraded")
        until(lambda: reason(node) == "publications do not arrive", 10, "the reason")
        door.is_deaf = False
        comes(node, "cluster")


def test_only_the_subscriptions_are_lost(redis, room):
    """A node subscribes anew, and reads what it did not hear meanwhile: nothing is lost, and nothing comes twice. How
    long it may take until it counts as away is the health's own business, and its tests'."""
    with started(redis.url) as node, started(redis.url) as other:
        ann, bob = Client(node, room, "ann"), Client(other, room, "bob")
        for number in range(5):
            redis.command("CLIENT", "KILL", "TYPE", "pubsub")
            ann.send("message", content=number)
            assert ann.seek("ack", bound=30)["durable"] in {"redis", "local"}
            assert bob.seek("message", bound=30)["content"] == number
        assert not [frame for frame in bob.fence() if frame["type"] in {"message", "gap"}]
        pages = [one.get(f"/api/rooms/{room}/messages").json["messages"] for one in (node, other)]
        assert [entry["content"] for entry in pages[0]] == [0, 1, 2, 3, 4] and pages[0] == pages[1]
        ann.close()
        bob.close()


@pytest.mark.parametrize("command", ["hset", "hmget", "xadd", "xrange", "xtrim", "publish", "pexpire", "set"])
def test_a_right_that_a_log_needs_is_lost(redis, room, command):
    """The store is away for as long as it lasts, and comes back without another epoch: nothing was lost."""
    with started(redis.url) as node, started(redis.url) as other:
        ann, bob = Client(node, room, "ann"), Client(other, room, "bob")
        ann.send("message", content="before", id="m1")
        bob.seek("message", bound=10, id="m1")
        redis.command("ACL", "SETUSER", "default", f"-{command}")
        ann.send("message", content="meanwhile", id="m2")
        comes(node, "degraded")
        comes(other, "degraded")
        ann.send("message", content="away", id="m3")
        end, modes = time.monotonic() + 4, set()
        while time.monotonic() < end:
            modes.add(node.get("/health").json["mode"])
            elapse(0.1)
        assert modes == {"degraded"} and "the user lacks a right" in reason(node)
        redis.command("ACL", "SETUSER", "default", f"+{command}")
        comes(node, "cluster")
        comes(other, "cluster")
        came = []
        while "m3" not in [frame.get("id") for frame in came]:
            came.append(bob.next(bound=20))
        assert [frame["id"] for frame in came if frame["type"] == "message"] == ["m2", "m3"]
        assert not [frame for frame in came + ann.fence() if frame["type"] == "gap"]
        assert len([line for line in lines(node) if "away" in line]) == 1
        ann.close()
        bob.close()


def test_a_demoted_master_is_not_kept(redis):
    """Each attempt to come back connects anew: the name may lead to the new master by then."""
    with RefusingRedis(redis.port) as door, started(door.url) as node, Redis() as master:
        redis.command("REPLICAOF", "127.0.0.1", master.port)
        comes(node, "degraded")
        until(lambda: "read-only replica" in reason(node), 10, "the reason")
        connections = door.accepted
        until(lambda: door.accepted >= connections + 4, 20, "new connections")
        # The name leads to the new master now.
        door.target = master.port
        comes(node, "cluster")


def test_wrong_password(redis):
    with Redis(password="right") as closed:
        with started(f"redis://:mistaken-secret@127.0.0.1:{closed.port}", "degraded") as node:
            until(lambda: "wrong password" in reason(node), 10, "the reason")
            until(lambda: any("wrong password" in line for line in lines(node)), 10, "the line")
            assert "mistaken-secret" not in node.log
            assert "mistaken-secret" not in str(node.get("/api/system/status").json)


def test_out_of_memory_for_long(redis):
    """The node is degraded once, and does not come and go; it says so in one line."""
    with started(redis.url) as node:
        redis.command("CONFIG", "SET", "maxmemory", 1)
        comes(node, "degraded")
        end, modes = time.monotonic() + 8, set()
        while time.monotonic() < end:
            modes.add(node.get("/health").json["mode"])
            elapse(0.1)
        assert modes == {"degraded"} and len([line for line in lines(node) if "away" in line]) == 1
        redis.command("CONFIG", "SET", "maxmemory", 0)
        comes(node, "cluster")


def test_a_presence_that_is_larger_than_a_reply_may_be(redis, room):
    """No connection ends for it: other rooms go on."""
    key = f"sluice:{{room:{room}}}:members"
    script = "for i = 1, 550000 do redis.call('HSET', KEYS[1], 'gone\\nuser' .. i, 'n') end return 1"
    redis.command("EVAL", script, 1, key, bound=60)
    with started(redis.url) as node:
        before = node.get("/api/system/status").json["redis"]["reconnects_total"]
        ann = Client(node, room, "ann")
        bob = Client(node, f"{room}-other", "bob")
        bob.send("message", content=1)
        assert bob.seek("ack", bound=10)["durable"] == "redis"
        elapse(2)
        status = node.get("/api/system/status").json
        assert status["redis"]["reconnects_total"] == before and status["mode"] == "cluster"
        ann.close()
        bob.close()
