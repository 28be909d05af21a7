"""What a chaos run does to a cluster: the script that a seed gives, and the proxy between a node and Redis."""

import contextlib
import socket

import pytest
from chaos_faults import NodeFaults, RedisFaults
from chaos_script import KINDS, MIXES, kinds_of, script
from fault_proxy import FaultProxy
from redis import Redis


def test_every_kind_is_something_that_can_be_done():
    assert all(hasattr(NodeFaults, kind) or hasattr(RedisFaults, kind) for kind in KINDS)
    assert {kind for kinds in MIXES.values() for kind in kinds} == set(KINDS)


def test_a_seed_gives_one_script_of_the_kinds_that_were_asked_for():
    kinds = kinds_of(["wipes", "cut", "flush_redis"])
    assert kinds == ("flush_redis", "empty_redis", "empty_redis_twice", "cut")
    faults = script(5, 200, 3, kinds)
    assert faults == script(5, 200, 3, kinds) and faults != script(6, 200, 3, kinds)
    assert {fault.kind for fault in faults} == set(kinds)
    assert kinds_of([]) == tuple(KINDS)
    assert {fault.kind for fault in script(5, 400, 3)} == set(KINDS)


@pytest.fixture
def way():
    """A Redis, and a proxy before it."""
    with Redis() as redis, FaultProxy(redis.port) as proxy:
        yield proxy


def connect(proxy):
    link = socket.create_connection(("127.0.0.1", proxy.port), 5)
    link.settimeout(0.5)
    return link


def ask(link, *words):
    link.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
    return link.recv(1000)


def test_a_black_hole_of_subscribers_swallows_nothing_else(way):
    with contextlib.closing(connect(way)) as subscriber, contextlib.closing(connect(way)) as other:
        assert b"subscribe" in ask(subscriber, b"SUBSCRIBE", b"news")
        # The word alone makes no subscriber.
        assert ask(other, b"ECHO", b"SUBSCRIBE") == b"$9\r\nSUBSCRIBE\r\n"
        way.black_hole(only_subscribers=True)
        assert ask(other, b"PUBLISH", b"news", b"one") == b":1\r\n"
        with pytest.raises(TimeoutError):
            subscriber.recv(1000)
        way.restore()
        subscriber.settimeout(5)
        assert b"one" in subscriber.recv(1000)


def test_a_way_that_leads_elsewhere_ends_what_was_open(way):
    with Redis() as other, contextlib.closing(connect(way)) as link:
        assert ask(link, b"SET", b"key", b"here") == b"+OK\r\n"
        way.lead_to(other.port)
        with contextlib.suppress(ConnectionResetError):
            assert link.recv(1000) == b""
        with contextlib.closing(connect(way)) as again:
            assert ask(again, b"GET", b"key") == b"$-1\r\n"
