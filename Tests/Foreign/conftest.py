"""Nodes for the tests with clients that others wrote."""

import contextlib
import itertools

import pytest
from authority import Authority
from node import Node, until
from redis import Redis

numbers = itertools.count(1)


@pytest.fixture(scope="session")
def gateway():
    """One node with two workers and the defaults, for tests that need no settings of their own."""
    node = Node().start()
    yield node
    node.stop()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """An authority for certificates that the tests' clients trust."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def served(authority):
    """A node with a certificate."""
    node = Node(trust=authority.trust(), **authority.issue().settings).start()
    yield node
    node.stop()


def start_cluster(redis, **settings):
    """Three nodes that share a Redis and know of each other; ended after the block."""
    with contextlib.ExitStack() as stack:
        made = [Node(REDIS_URL=redis.url, NODE_ID=f"node-{number}", **settings) for number in range(3)]
        for node in made:
            stack.callback(node.stop)
            node.start()
        for node in made:
            until(lambda: node.get("/health").json["mode"] == "cluster", what="the cluster")
            until(lambda: len(node.get("/api/nodes").json["nodes"]) == 3, what="all nodes")
        yield made


@pytest.fixture(scope="session")
def cluster():
    """Three nodes with a Redis, for tests in which nothing breaks."""
    with Redis() as redis:
        yield from start_cluster(redis)


@pytest.fixture
def redis():
    """A Redis of the test's own."""
    with Redis() as server:
        yield server


@pytest.fixture
def nodes(redis):
    """Three nodes of the test's own, with its Redis."""
    yield from start_cluster(redis, PRESENCE_GRACE_SECONDS=0)


@pytest.fixture
def make_node():
    """Makes nodes with the given settings and ends them after the test, each with exit code 0."""
    # Ends every node, also when ending one of them fails.
    with contextlib.ExitStack() as nodes:

        def make(start=True, **settings):
            node = Node(**settings)
            nodes.callback(node.stop)
            return node.start() if start else node

        yield make


@pytest.fixture
def room():
    """The name of a room that no other test uses."""
    return f"room-{next(numbers)}"


@pytest.fixture
def name():
    """Makes names of users that no other test uses."""
    number = next(numbers)
    return lambda text: f"{text}-{number}"
