"""Contract, section 5: links of a cluster, each held by exactly one node, to a WebSocket server that others wrote."""

import json
import os
import signal
import time

import pytest
from client import Client
from fault_proxy import FaultProxy
from link_server import LinkServer
from lock_command import skip_quarantine
from node import elapse, until

COUNT = 24


@pytest.fixture
def trio(redis, make_node):
    """Three nodes with the shortest spans of links."""
    skip_quarantine(redis)
    made = [
        make_node(
            REDIS_URL=redis.url, NODE_ID=f"node-{number}", LINK_ALLOWED_HOSTS="127.0.0.1", LINK_CHECK_SECONDS=0.5,
            LINK_HEARTBEAT_TIMEOUT_SECONDS=4, DRAIN_SECONDS=0,
        )
        for number in range(3)
    ]
    for node in made:
        until(lambda: len(node.get("/api/nodes").json["nodes"]) == 3, what="all nodes")
    return made


def create(node, server, count=COUNT, **fields):
    for number in range(count):
        body = {"id": f"l{number}", "url": server.url(f"/{number}"), **fields}
        assert node.post("/api/links", body).status == 201


def owners(node):
    """By link its owner, of those that are connected."""
    # A node that has just begun, or has no store, answers 503.
    links = node.get("/api/links").json.get("links", [])
    return {link["id"]: link.get("owner") for link in links if link["state"] == "connected"}


def all_up(server, count=COUNT, bound=20):
    until(lambda: len({peer.path for peer in server.living()}) == count, bound, "all links")


def checked(server):
    assert server.overlaps() == []


def test_links_are_spread_and_each_is_held_once(trio):
    with LinkServer() as server:
        begin = time.monotonic()
        create(trio[0], server)
        all_up(server)
        took = time.monotonic() - begin
        until(lambda: all(len(owners(node)) == COUNT for node in trio), 10, "the states on each node")
        held = list(owners(trio[2]).values())
        counts = [held.count(f"node-{number}") for number in range(3)]
        assert sum(counts) == COUNT and min(counts) >= 4, counts
        tokens = {link["fencing_token"] for link in trio[0].get("/api/links").json["links"]}
        assert len(tokens) == COUNT
        checked(server)
        print("all up after", took)


def test_links_of_a_killed_node_are_taken_over(trio):
    with LinkServer() as server:
        create(trio[0], server)
        all_up(server)
        until(lambda: len(owners(trio[0])) == COUNT, 10, "the states")
        before = {link["id"]: link["fencing_token"] for link in trio[0].get("/api/links").json["links"]}
        lost = [id for id, owner in owners(trio[0]).items() if owner == "node-2"]
        assert lost
        trio[2].process.kill()
        until(lambda: len(server.living()) == COUNT - len(lost), 10, "the ends")
        begin = time.monotonic()
        all_up(server, bound=30)
        print("taken over after", time.monotonic() - begin)
        until(lambda: "node-2" not in owners(trio[0]).values() and len(owners(trio[0])) == COUNT, 10, "the owners")
        after = {link["id"]: link["fencing_token"] for link in trio[0].get("/api/links").json["links"]}
        assert all(after[id] > before[id] for id in lost)
        checked(server)
        trio[2].process.wait()


def test_a_stopped_node_sends_nothing_when_it_wakes(trio, room):
    with LinkServer() as server:
        create(trio[0], server, room=room)
        all_up(server)
        until(lambda: len(owners(trio[0])) == COUNT, 10, "the states")
        lost = [id for id, owner in owners(trio[0]).items() if owner == "node-2"]
        former = {f"/{id[1:]}": server.one(f"/{id[1:]}") for id in lost}
        os.kill(trio[2].process.pid, signal.SIGSTOP)
        until(
            lambda: all(len(server.living(path)) == 2 for path in former), 30, "others hold what the stopped node held"
        )
        with Client(trio[0], room, "ann") as ann:
            ann.say("while it is stopped")
            for path, peer in former.items():
                peer.send("ping to a node that stands still")
            elapse(1)
            said = {path: len(peer.texts) for path, peer in former.items()}
            os.kill(trio[2].process.pid, signal.SIGCONT)
            until(lambda: all(peer.end for peer in former.values()), 10, "the ends of its connections")
            assert {path: len(peer.texts) for path, peer in former.items()} == said
            ann.fence()
        history = trio[0].get(f"/api/rooms/{room}/messages").json["messages"]
        assert not [each for each in history if each["content"] == "ping to a node that stands still"]
        assert all(peer.code == 1006 for peer in former.values())
        all_up(server)


def test_a_node_that_ends_gives_its_links_away_at_once(trio):
    with LinkServer() as server:
        create(trio[0], server)
        all_up(server)
        until(lambda: len(owners(trio[0])) == COUNT, 10, "the states")
        lost = [f"/{id[1:]}" for id, owner in owners(trio[0]).items() if owner == "node-2"]
        former = [server.one(path) for path in lost]
        trio[2].process.send_signal(signal.SIGTERM)
        until(lambda: all(peer.end for peer in former), 10, "the ends")
        all_up(server, bound=10)
        gaps = []
        for path, peer in zip(lost, former):
            gaps.append(server.one(path).at - peer.end)
        print("without a connection for at most", max(gaps))
        assert all(peer.code == 1001 for peer in former)
        checked(server)
        assert trio[2].wait() == 0


def test_without_redis_links_end_and_come_back_with_it(trio, redis):
    with LinkServer() as server:
        create(trio[0], server)
        all_up(server)
        assert trio[0].post("/api/links", {"id": "k", "url": server.url("/k"), "partition": "keep"}).status == 201
        kept = server.one("/k")
        redis.freeze()
        until(lambda: server.living() == [kept], 20, "the ends of all links but the one that is kept")
        until(lambda: trio[0].get("/api/links").status == 503, 10, "that the node knows")
        redis.thaw()
        all_up(server, COUNT + 1, bound=30)
        assert server.living("/k") == [kept]
        assert trio[0].delete("/api/links/k").status == 204
        until(lambda: kept.end, 10, "the end of the one that was kept")
        checked(server)
        # All data is lost: those who hold links write them in again.
        redis.command("FLUSHALL")
        until(lambda: len(trio[1].get("/api/links").json.get("links", [])) == COUNT, 20, "the definitions")
        elapse(6)
        all_up(server, bound=30)
        checked(server)
        assert len({peer.path for peer in server.living()}) == len(server.living()) == COUNT


def position(redis, link):
    """Up to which seq a link has sent, as the store knows."""
    return int(redis.command("HGET", "sluice:{links}:states", link).split()[4].replace(b"-", b"0"))


def test_what_an_owner_said_before_it_stood_still_is_refused_once_another_one_is_there(redis, make_node, room):
    skip_quarantine(redis)
    with FaultProxy(redis.port) as proxy, LinkServer() as server:
        settings = {"LINK_ALLOWED_HOSTS": "127.0.0.1", "LINK_CHECK_SECONDS": 0.5, "LINK_HEARTBEAT_TIMEOUT_SECONDS": 4}
        still = make_node(REDIS_URL=f"redis://127.0.0.1:{proxy.port}", NODE_ID="node-a", **settings)
        until(lambda: still.get("/health").json["mode"] == "cluster", 10, "the mode")
        create(still, server, count=1, room=room)
        former = server.one("/0")
        until(lambda: owners(still) == {"l0": "node-a"}, 10, "the owner")
        other = make_node(REDIS_URL=redis.url, NODE_ID="node-b", **settings)
        with Client(still, room, "ann") as ann, Client(other, room, "bob") as bob:
            former.send("in time")
            assert bob.seek("message")["content"] == ann.seek("message")["content"] == "in time"
            # Its answer is here, too: the next commit need not wait for it.
            ann.say("settled")
            assert bob.seek("message")["content"] == "settled"
            sent = proxy.expect(b"too late")
            proxy.black_hole()
            former.send("too late")
            assert sent.wait(10), "the node has sent it to Redis"
            os.kill(still.process.pid, signal.SIGSTOP)
            until(lambda: owners(other) == {"l0": "node-b"}, 30, "the new owner")
            until(lambda: len(server.living("/0")) == 2, 10, "its connection")
            server.living("/0")[1].send("of the new owner")
            assert bob.seek("message")["content"] == "of the new owner"
            # It reaches Redis now, long after it was sent.
            proxy.restore()
            until(lambda: other.get("/api/links/l0").json.get("dropped") == 1, 10, "the count of the refused message")
            os.kill(still.process.pid, signal.SIGCONT)
            until(lambda: "messages of a link are refused" in still.log, 20, "the refusal")
            until(lambda: former.end, 10, "the end of the former connection")
            bob.say("behind all")
            said = [ann.seek("message", bound=20)["content"] for _ in range(2)]
            assert said == ["of the new owner", "behind all"]
        history = other.get(f"/api/rooms/{room}/messages").json["messages"]
        assert [each["content"] for each in history] == ["in time", "settled", "of the new owner", "behind all"]
        assert other.get("/api/links/l0").json["dropped"] == 1


def test_a_taken_over_replay_goes_on_from_its_position(trio, redis, room):
    with LinkServer() as server:
        create(trio[0], server, count=1, room=room, replay=True)
        peer = server.one("/0")
        until(lambda: owners(trio[0]), 10, "the state")
        owner = next(node for node in trio if node.get("/health").json["node"] == owners(trio[0])["l0"])
        other = next(node for node in trio if node is not owner)
        with Client(other, room, "ann") as ann:
            ann.say("before")
            until(lambda: peer.texts, 10, "the first message")
            seq = json.loads(peer.texts[0])["seq"]
            # It is written at once, not with what all links have to say.
            until(lambda: position(redis, "l0") == seq, 0.5, "the position")
            owner.process.kill()
            until(lambda: peer.end, 10, "the end")
            for number in range(5):
                ann.say(number)
            again = server.one("/0", 30)
            until(lambda: len(again.texts) >= 5, 10, "what was missed")
        assert [json.loads(text)["content"] for text in again.texts] == [0, 1, 2, 3, 4]
        owner.process.wait()
