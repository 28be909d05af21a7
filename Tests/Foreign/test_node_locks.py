"""Contract, section 4: `locks` in the status of nodes, by the lock under which one of them clears up (`janitor`)."""

import signal

import pytest
from lock_command import run, skip_quarantine
from node import Node, until
from redis import Redis


@pytest.fixture
def pair():
    """A Redis of a known past, and two nodes."""
    with Redis() as redis:
        skip_quarantine(redis)
        nodes = [Node(REDIS_URL=redis.url, NODE_ID=name).start() for name in ("a", "b")]
        yield redis, nodes
        for node in nodes:
            node.stop()


def locks(node):
    return node.get("/api/system/status").json["locks"]


def holder(nodes):
    """The node that has the lock, and what it says of it."""

    def found():
        held = [(node, lock) for node in nodes for lock in locks(node)["held"]]
        assert len(held) <= 1, held
        return held and held[0]

    return until(found, 20, "a holder")


def test_one_node_has_the_lock_and_gives_it_back_when_it_ends(pair):
    redis, nodes = pair
    first, lock = holder(nodes)
    (other,) = (node for node in nodes if node is not first)
    assert lock["name"] == "janitor" and lock["holds"] == 1 and lock["token"] > 0
    assert 0 < lock["expires_in_ms"] <= 5000 and locks(other) == {"held": [], "lost_total": 0}
    # The same names, the same tokens as of `sluice lock`.
    assert run(redis.url, "janitor", ["true"], wait=0)[0] == 75
    first.process.send_signal(signal.SIGTERM)
    assert first.wait() == 0
    # What is there now, if anything, is the other's.
    assert redis.command("HGET", "sluice:{locks}:lock:janitor", "token") != str(lock["token"]).encode()
    assert holder([other])[1]["token"] > lock["token"]
    assert "a lock was given back" in first.log and "a lock was lost" not in first.log


def test_a_dead_holder_is_followed(pair):
    _, nodes = pair
    first, lock = holder(nodes)
    (other,) = (node for node in nodes if node is not first)
    first.process.kill()
    first.process.wait()
    first.process = None
    assert holder([other])[1]["token"] > lock["token"]
    nodes.remove(first)


def test_a_loss_is_counted(pair):
    redis, nodes = pair
    first, lock = holder(nodes)
    redis.freeze()
    until(lambda: locks(first) == {"held": [], "lost_total": 1}, 15, "the loss")
    assert "a lock was lost" in first.log
    redis.thaw()
    assert holder(nodes)[1]["token"] > lock["token"]
