"""The nodes of a cluster know each other: who is up, who is silent, who has gone. Nobody is declared gone for what
Redis did.
"""

import contextlib
import time

import pytest
from client import Client
from node import Node, elapse, seconds, until
from redis import Redis

HEARTBEAT = 1
EXPIRY = 3


@pytest.fixture
def redis():
    with Redis() as server:
        yield server


@pytest.fixture
def cluster(redis):
    """Makes nodes of one cluster; they end after the test."""
    with contextlib.ExitStack() as stack:

        def make(*names, **settings):
            made = []
            for name in names:
                node = Node(
                    REDIS_URL=redis.url,
                    NODE_ID=name,
                    NODE_HEARTBEAT_SECONDS=HEARTBEAT,
                    NODE_EXPIRY_SECONDS=EXPIRY,
                    **settings,
                )
                stack.callback(node.stop)
                made.append(node.start())
            return made

        yield make


def states(node):
    return [(other["node"], other["state"]) for other in node.get("/api/nodes").json["nodes"]]


def up(*names):
    return [(name, "up") for name in sorted(names)]


def all_see(nodes, wanted, bound=5.0):
    for node in nodes:
        until(lambda: states(node) == wanted, bound, f"{wanted} at {node.environment['NODE_ID']}")


def ends(node):
    """How often the node said that another has gone."""
    return node.log.count("a node has gone")


def test_a_node_on_its_own_lists_itself(gateway):
    before = time.time() * 1000
    with Client(gateway, "alone", "ann"):
        (node,) = gateway.get("/api/nodes").json["nodes"]
    status = gateway.get("/api/system/status").json
    assert set(node) == {"node", "address", "state", "started_at", "last_seen_at", "connections", "tier"}
    assert node["node"] == status["node"] and node["address"] == f"127.0.0.1:{gateway.port}"
    assert node["state"] == "up" and node["tier"] == "normal" and node["connections"] >= 1
    assert node["started_at"] < before <= node["last_seen_at"] + 1
    assert status["cluster"] == {"nodes": 1}
    assert status["redis"] == {"state": "off", "outbox_messages": 0, "outbox_bytes": 0, "reconnects_total": 0}
    assert status["locks"] == {"held": [], "lost_total": 0}


def test_three_nodes_see_each_other(cluster):
    nodes = cluster("a", "b", "c")
    all_see(nodes, up("a", "b", "c"))
    with Client(nodes[0], "room", "ann"):
        entry = {node["node"]: node for node in nodes[0].get("/api/nodes").json["nodes"]}
        assert entry["a"]["connections"] == 1

        def heard():
            return {node["node"]: node for node in nodes[1].get("/api/nodes").json["nodes"]}["a"]["connections"] == 1

        until(heard, 5, "the number of connections")
    for node in nodes:
        listed = {node["address"] for node in nodes[0].get("/api/nodes").json["nodes"]}
        assert f"127.0.0.1:{node.port}" in listed
        assert node.get("/api/system/status").json["cluster"] == {"nodes": 3}
    first = nodes[1].get("/api/nodes").json["nodes"]
    # Each goes on giving signs of life.
    until(
        lambda: all(
            now["last_seen_at"] > then["last_seen_at"]
            for now, then in zip(nodes[1].get("/api/nodes").json["nodes"], first, strict=True)
        ),
        5,
        "a new sign of life of each",
    )
    assert all(ends(node) == 0 for node in nodes)
    assert 'a node is up' in nodes[0].log and "the node's mode has changed" in nodes[0].log


def test_a_killed_node_is_gone_after_its_expiry(cluster):
    nodes = cluster("a", "b", "c")
    all_see(nodes, up("a", "b", "c"))
    nodes[2].process.kill()
    nodes[2].process.wait(seconds(10))
    killed = time.monotonic()
    nodes[2].process = None
    for node in nodes[:2]:
        until(lambda: states(node) == [*up("a", "b"), ("c", "suspect")], EXPIRY, "the suspicion")
    all_see(nodes[:2], up("a", "b"), EXPIRY + HEARTBEAT)
    took = time.monotonic() - killed
    # Its last sign of life came up to a heartbeat, and the grain of timers, before its end.
    assert EXPIRY - HEARTBEAT - 0.5 <= took <= seconds(EXPIRY + HEARTBEAT)
    for node in nodes[:2]:
        assert ends(node) == 1 and "a node is silent" in node.log
        assert node.get("/api/system/status").json["cluster"] == {"nodes": 2}


def test_a_stalled_redis_declares_nobody_gone(redis, cluster):
    nodes = cluster("a", "b", "c")
    all_see(nodes, up("a", "b", "c"))
    redis.freeze()
    for node in nodes:
        until(lambda: node.get("/health").json["mode"] == "degraded", 10, "degraded")
        assert node.get("/api/system/status").json["redis"]["state"] == "degraded"
    elapse(2 * EXPIRY)
    for node in nodes:
        assert [name for name, _ in states(node)] == ["a", "b", "c"]
    redis.thaw()
    all_see(nodes, up("a", "b", "c"), 15)
    elapse(EXPIRY + 2 * HEARTBEAT)
    all_see(nodes, up("a", "b", "c"))
    assert all(ends(node) == 0 for node in nodes)


def test_a_short_stall_passes_unnoticed(redis, cluster):
    nodes = cluster("a", "b")
    all_see(nodes, up("a", "b"))
    for _ in range(3):
        redis.freeze()
        elapse(2 * HEARTBEAT)
        redis.thaw()
        all_see(nodes, up("a", "b"))
    assert all(ends(node) == 0 for node in nodes)


def test_a_node_that_drains_says_so_and_is_away_at_once(cluster):
    nodes = cluster("a", "b")
    (leaver,) = cluster("c", DRAIN_SECONDS=3)
    all_see([*nodes, leaver], up("a", "b", "c"))
    # The moment of each client's close is random: the last of ten is there for a second, but for one time in 59,000.
    clients = [Client(leaver, "room", f"user-{number}") for number in range(10)]
    leaver.process.terminate()
    all_see(nodes, [*up("a", "b"), ("c", "draining")])
    assert leaver.wait() == 0
    ended = time.monotonic()
    all_see(nodes, up("a", "b"), HEARTBEAT)
    assert time.monotonic() - ended < seconds(HEARTBEAT)
    for client in clients:
        client.close()
    for node in nodes:
        assert "a node drains" in node.log and ends(node) == 1 and "why=left" in node.log
    (again,) = cluster("c")
    all_see([*nodes, again], up("a", "b", "c"))
    assert "same NODE_ID" not in again.log


def test_redis_restarted_empty_has_all_back_within_a_beat(redis, cluster):
    nodes = cluster("a", "b", "c")
    all_see(nodes, up("a", "b", "c"))
    redis.restart(empty=True)
    for node in nodes:
        until(lambda: node.get("/api/system/status").json["redis"]["state"] == "online", 15, "the return")
    until(lambda: len(redis.command("HKEYS", "sluice:{nodes}:beats")) == 3, 2 * HEARTBEAT, "all beats")
    all_see(nodes, up("a", "b", "c"), 2 * HEARTBEAT)
    elapse(EXPIRY + HEARTBEAT)
    all_see(nodes, up("a", "b", "c"))
    for node in nodes:
        assert ends(node) == 0 and "the cluster had forgotten this node" in node.log
        state = node.get("/api/system/status").json["redis"]
        assert state["reconnects_total"] >= 1 and state["last_resync"]["at"] > 0


def test_two_nodes_with_one_name_are_told_apart_and_of_it(cluster):
    nodes = cluster("a", "a")
    for node in nodes:
        until(lambda: "same NODE_ID" in node.log, 5, "the error")
        assert states(node) == [("a", "up")] * 2
    elapse(2 * HEARTBEAT)
    assert all(node.log.count("same NODE_ID") == 1 for node in nodes)


def test_a_name_that_is_used_again_after_a_crash_is_no_fault(cluster):
    first, other = cluster("a", "b")
    all_see([other], up("a", "b"))
    first.process.kill()
    first.process.wait(seconds(10))
    first.process = None
    (second,) = cluster("a")
    all_see([second, other], up("a", "b"), EXPIRY + HEARTBEAT)
    assert ends(other) == 1 and "same NODE_ID" not in second.log + other.log


def test_status_says_how_redis_is(redis, cluster, room):
    (node,) = cluster("a")

    def measured():
        found = node.get("/api/system/status").json["redis"]
        return found if found["state"] == "online" and "latency_ms" in found else None

    status = until(measured, 5, "a round trip")
    assert status["address"] == f"redis://127.0.0.1:{redis.port}/0"
    assert 0 < status["latency_ms"] < 1000 * seconds(1)
    assert status["outbox_messages"] == 0 and status["reconnects_total"] == 0 and "last_resync" not in status
    with Client(node, room, "ann") as ann:
        ann.fence()
        redis.kill()
        until(lambda: node.get("/health").json["mode"] == "degraded", 5, "degraded")
        for number in range(5):
            assert ann.say(number)["durable"] == "local"

        def kept():
            found = node.get("/api/system/status").json["redis"]
            return found if found["outbox_messages"] == 5 else None

        status = until(kept, 5, "what is kept")
        assert status["state"] == "degraded" and status["outbox_bytes"] > 5 * 20
        redis.start()

        def resynced():
            found = node.get("/api/system/status").json["redis"]
            return found if found["state"] == "online" and "last_resync" in found else None

        status = until(resynced, 15, "the resync")
        assert status["outbox_messages"] == status["outbox_bytes"] == 0
        assert status["last_resync"]["messages"] == 5 and status["last_resync"]["took_ms"] >= 0
        assert abs(status["last_resync"]["at"] - time.time() * 1000) < 1000 * seconds(15)


def test_secrets_of_redis_are_not_shown(make_node):
    with Redis(password="hush-hush") as server:
        node = make_node(REDIS_URL=server.url, NODE_ID="a")
        until(lambda: node.get("/api/system/status").json["redis"]["state"] == "online", 5, "the connection")
        assert "hush" not in node.get("/api/system/status").body.decode() + node.log


def test_locks_begin_with_the_first_node(redis, cluster):
    """The quarantine of a new Redis runs from the first node's start, not from the first time that a lock is wanted."""
    (node,) = cluster("a")
    until(lambda: redis.command("EXISTS", "sluice:{locks}:generation") == 1, 10, "the generation")
    assert node.get("/api/system/status").json["locks"] == {"held": [], "lost_total": 0}


def test_what_a_dead_node_left_is_out_of_every_list_at_once_and_cleared_away(redis, make_node, room):
    nodes = [
        make_node(REDIS_URL=redis.url, NODE_HEARTBEAT_SECONDS=1, NODE_EXPIRY_SECONDS=3, SESSION_TTL_SECONDS=77)
        for _ in range(2)
    ]
    for node in nodes:
        until(lambda: len(node.get("/api/nodes").json["nodes"]) == 2, 10, "both nodes")
    Client(nodes[1], room, "ann")
    keys = [f"sluice:{{{name}}}:members" for name in (f"room:{room}", "user:ann")]
    until(lambda: [redis.command("HLEN", key) for key in keys] == [1, 1], 5, "ann being heard of")
    nodes[1].process.kill()
    nodes[1].process.wait()
    nodes[1].process = None

    def is_gone():
        shown = nodes[0].get("/api/rooms?limit=500").json["rooms"]
        return {entry["id"]: entry["users"] for entry in shown}[room] == 0

    until(is_gone, 10, "ann being gone")
    assert not nodes[0].get("/api/users/ann").json["online"]
    assert nodes[0].get(f"/api/rooms/{room}/users").json["users"] == []
    # Locks of a Redis that has just begun are granted only after a while.
    until(lambda: [redis.command("HLEN", key) for key in keys] == [0, 0], 60, "the janitor")
    assert 0 < redis.command("PTTL", "sluice:{user:ann}:session") <= 77_000
