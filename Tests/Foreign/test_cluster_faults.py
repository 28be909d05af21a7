"""Short forms of what chaos runs have found: a fault at the one moment that matters."""

import contextlib

import pytest
from client import Client
from fault_proxy import FaultProxy
from node import Node, elapse, until
from redis import Redis


class Cluster:
    """Two nodes, each behind a proxy to one Redis."""

    def __init__(self, stack):
        self.redis = stack.enter_context(Redis(append_only=True))
        self.proxies = [stack.enter_context(FaultProxy(self.redis.port)) for _ in range(2)]
        self.nodes = [
            Node(REDIS_URL=f"redis://127.0.0.1:{proxy.port}", NODE_ID=f"node-{number}")
            for number, proxy in enumerate(self.proxies)
        ]
        for number, node in enumerate(self.nodes):
            stack.callback(node.stop)
            node.start()
            self.mode(number, "cluster")

    def mode(self, number, mode):
        """Waits until the node is in this mode."""
        until(lambda: self.nodes[number].get("/health").json["mode"] == mode, 20, mode)

    def restart_without_redis(self, number):
        """kill -9, and a start that does not find Redis."""
        node = self.nodes[number]
        self.proxies[number].refuse()
        node.process.kill()
        node.process.wait()
        node.start()
        self.mode(number, "degraded")


def say(client, content, **fields):
    """Sends a message and gives its ack; what others do meanwhile is passed over."""
    client.send("message", content=content, **fields)
    return client.seek("ack", bound=10)


def shown(client):
    """Messages that are on their way to a client."""
    return [frame for frame in client.fence() if frame["type"] == "message"]


@pytest.fixture
def cluster():
    with contextlib.ExitStack() as stack:
        yield Cluster(stack)


def test_a_repetition_on_its_way_when_redis_is_lost_is_shown_to_nobody(cluster, room):
    node = cluster.nodes[0]
    ann, bob = Client(node, room, "ann"), Client(node, room, "bob")
    ann.fence()
    first = say(ann, "hello", id="x")
    bob.seek("message", id="x")
    cluster.proxies[0].black_hole()
    ann.send("message", content="hello", id="x")
    cluster.mode(0, "degraded")
    ack = ann.seek("ack", id="x")
    assert ack.get("duplicate") and (ack["epoch"], ack["seq"]) == (first["epoch"], first["seq"])
    assert shown(bob) == []
    cluster.proxies[0].restore()


def test_a_message_sent_twice_before_redis_is_lost_is_shown_once(cluster, room):
    node = cluster.nodes[0]
    ann, bob = Client(node, room, "ann"), Client(node, room, "bob")
    ann.fence(), bob.fence()
    cluster.proxies[0].black_hole()
    ann.send("message", content="hello", id="x")
    ann.send("message", content="hello", id="x")
    bob.seek("message", bound=10, id="x", provisional=True)
    cluster.mode(0, "degraded")
    ann.seek("ack", id="x", durable="local")
    ann.seek("ack", id="x", durable="local", duplicate=True)
    assert shown(bob) == []
    cluster.proxies[0].restore()
    assert [entry["id"] for entry in bob.seek("confirm", bound=15)["entries"]] == ["x"]


def test_a_node_that_starts_without_redis_brings_what_was_missed_when_it_is_there(cluster, room):
    here = Client(cluster.nodes[0], room, "here")
    moving = Client(cluster.nodes[1], room, "moving")
    here.fence(), moving.fence()
    position = say(here, "one")
    moving.seek("message", content="one")
    moving.close()
    cluster.restart_without_redis(1)
    missed = say(here, "two")
    moving = Client(cluster.nodes[1], room, "moving", since=position["seq"], epoch=position["epoch"])
    say(here, "three")
    cluster.proxies[1].accept_again()
    cluster.mode(1, "cluster")
    say(here, "four")
    contents = []
    while "four" not in contents:
        frame = moving.next(10)
        if frame["type"] == "message":
            contents.append(frame["content"])
    # "one" may come again: a gap has said so.
    assert [content for content in contents if content != "one"] == ["two", "three", "four"]
    assert missed["seq"] == position["seq"] + 1


def test_one_who_comes_while_messages_are_sent_to_redis_gets_them_whole(cluster, room):
    node = cluster.nodes[0]
    ann = Client(node, room, "ann")
    ann.fence()
    # The node knows bob already: what he waits for is the room.
    Client(node, room + "-other", "bob")
    cluster.proxies[0].refuse()
    cluster.mode(0, "degraded")
    assert say(ann, "kept", id="x")["durable"] == "local"
    # The way to Redis is open and long: what waits is on its way for a while.
    cluster.proxies[0].delay = 0.7
    cluster.proxies[0].accept_again()
    cluster.mode(0, "cluster")
    bob = Client(node, room, "bob")
    assert bob.seek("message", bound=15, id="x")["content"] == "kept"
    assert ann.seek("confirm", bound=10)["entries"][0]["id"] == "x"


def test_what_is_said_while_a_node_comes_to_its_rooms_reaches_who_is_in(cluster, room):
    here = Client(cluster.nodes[0], room, "here")
    here.fence()
    position = say(here, "first")
    cluster.restart_without_redis(1)
    there = Client(cluster.nodes[1], room, "there", since=position["seq"], epoch=position["epoch"])
    cluster.proxies[1].delay = 0.3
    cluster.proxies[1].accept_again()
    last = 1

    def is_joined():
        nonlocal last
        last += 1
        say(here, last)
        return cluster.nodes[1].get("/health").json["mode"] == "cluster"

    until(is_joined, 20, "the cluster")
    # The room is opened, its history read, its members counted: each takes a round trip.
    for _ in range(100):
        last += 1
        say(here, last)
        elapse(0.03)
    next_seq, contents = position["seq"] + 1, []
    while last not in contents:
        frame = there.next(10)
        if frame["type"] == "gap":
            next_seq = frame["next_seq"]
        elif frame["type"] == "message":
            assert frame["seq"] == next_seq
            next_seq += 1
            contents.append(frame["content"])
    assert contents[-(last - 1) :] == list(range(2, last + 1))


def test_who_came_without_a_position_gets_what_was_said_since(cluster, room):
    here = Client(cluster.nodes[0], room, "here")
    here.fence()
    say(here, "before")
    cluster.restart_without_redis(1)
    there = Client(cluster.nodes[1], room, "there")
    there.fence()
    say(here, "after")
    cluster.proxies[1].accept_again()
    cluster.mode(1, "cluster")
    assert there.seek("message", bound=5, content="after")
