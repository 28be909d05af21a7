"""Nodes for the tests with clients that others wrote."""

import contextlib
import itertools

import pytest
from node import Node

numbers = itertools.count(1)


@pytest.fixture(scope="session")
def gateway():
    """One node with two workers and the defaults, for tests that need no settings of their own."""
    node = Node().start()
    yield node
    node.stop()


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
