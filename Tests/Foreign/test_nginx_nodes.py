"""Which node Nginx leads to with the shipped configuration, and what becomes of that when nodes go and come."""

import contextlib
import pathlib
import re
import signal
import socket
import urllib.parse

import pytest
from client import Client, closed_with
from nginx import SHIPPED, cluster, from_readme, logged, places, publish, where
from node import elapse, until

ROOMS = [f"room {number}" for number in range(30)]


@pytest.fixture(scope="module")
def nginx():
    with cluster() as server:
        yield server


# Where what goes


def test_members_of_a_room_meet_on_one_node_and_rooms_spread(nginx):
    first = places(nginx, ROOMS)
    assert set(first.values()) == {"node-0", "node-1", "node-2"}
    # Whoever comes, from wherever, with whatever query.
    for room in reversed(ROOMS[:10]):
        assert where(nginx, room, "another", device="d", source="127.0.0.9") == first[room]


def test_requests_about_a_room_go_to_its_node(nginx):
    for room in ROOMS[:10]:
        node = where(nginx, room)
        for target in (f"/api/rooms/{urllib.parse.quote(room)}", f"/api/rooms/{urllib.parse.quote(room)}/messages"):
            assert nginx.get(f"{target}?limit=5").status == 200
            assert logged(nginx, target)[0] == [[node]]


def test_a_room_is_one_however_it_is_written(nginx):
    node = where(nginx, "café")
    for target in ("/api/rooms/caf%C3%A9", "/api/rooms/c%61f%c3%a9"):
        assert nginx.get(target).json["id"] == "café"
        assert logged(nginx, target)[0] == [[node]]


def test_other_requests_of_an_address_go_to_one_node(nginx):
    seen = {nginx.get("/api/system/status").json["node"] for _ in range(10)}
    assert len(seen) == 1
    assert nginx.get("/api/users/ann").status == 200 and nginx.get("/api/users/ann").status == 200
    tried = logged(nginx, "/api/users/ann", 2)[0]
    assert tried[0] == tried[1]


@pytest.mark.parametrize(
    "alternative, together, apart",
    [
        ("address", [("one", "ann"), ("two", "bob"), ("three", "eve")], []),
        ("user", [("one", "ann"), ("two", "ann"), ("three", "ann")], [("room", f"user-{n}") for n in range(30)]),
    ],
)
def test_other_keys(alternative, together, apart):
    """What the README says about them, as it stands there."""
    map = (SHIPPED / "conf.d/sluice.conf").read_text()
    shipped = re.search(r"default \$remote_addr;\n(.*?)\}", map, re.DOTALL)[1]
    with cluster([(shipped, from_readme(alternative))]) as nginx:
        assert len({where(nginx, room, user) for room, user in together}) == 1
        assert len({where(nginx, room, user) for room, user in apart}) in (0, 3)


# Nodes that go and come


def test_a_node_dies_and_comes_back():
    """Its clients go on at once on other nodes and miss nothing; the rooms of the others stay where they are."""
    with cluster() as nginx:
        before = places(nginx, ROOMS)
        number = 1
        lost = [room for room in ROOMS if before[room] == f"node-{number}"]
        kept = [room for room in ROOMS if room not in lost]
        assert lost and kept
        members = {room: Client(nginx, room, "ann") for room in ROOMS}
        positions = {}
        for room, member in members.items():
            publish(nginx, room, "before")
            positions[room] = member.seek("message", content="before")
        nginx.nodes[number].process.kill()
        nginx.nodes[number].process.wait()
        for room in lost:
            assert members[room].closing().code == 1006
            for content in range(5):
                publish(nginx, room, content)
        after = {}
        for room in lost:
            position = positions[room]
            back = Client(nginx, room, "ann", since=position["seq"], epoch=position["epoch"])
            assert back.joined["recovered"] and back.joined["missed"] == 5
            frames = [back.take("message") for _ in range(5)]
            assert [frame["content"] for frame in frames] == list(range(5))
            assert [frame["seq"] for frame in frames] == [position["seq"] + step for step in range(1, 6)]
            publish(nginx, room, "after")
            assert back.seek("message", content="after")["seq"] == position["seq"] + 6
            after[room] = back.welcome["node"]
            assert where(nginx, room) == after[room]
            back.close()
        # The ring leaves them to both of the others.
        assert set(after.values()) == {"node-0", "node-2"}
        for room in kept:
            members[room].fence()
            assert where(nginx, room) == before[room]
            members[room].close()
        nginx.nodes[number].start()

        def returned():
            elapse(0.5)
            return where(nginx, lost[0]) == before[lost[0]]

        until(returned, 20, "the return of the node's rooms")
        assert places(nginx, ROOMS) == before


def test_a_machine_that_is_silent():
    """It neither takes nor refuses connections: its rooms are at other nodes after the timeout, and then at once."""
    with contextlib.ExitStack() as stack:
        hole = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = hole.getsockname()[1]
        # Its queue is full: the system drops what comes.
        stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        nginx = stack.enter_context(cluster([("proxy_connect_timeout 2s", "proxy_connect_timeout 1s")]))
        taken = nginx.nodes[1].port
        nginx.replaced.append((f"127.0.0.1:{taken} ", f"127.0.0.1:{port} "))
        nginx.reload()
        assert set(places(nginx, ROOMS).values()) == {"node-0", "node-2"}
        lines = until(lambda: len(nginx.access_log.splitlines()) == len(ROOMS) and nginx.access_log, what="all lines")
        # Three failures, and one more if ten seconds went by.
        assert 1 <= lines.count(f'node="127.0.0.1:{port}, ') <= 4


def test_a_draining_node_hands_its_clients_on(room):
    with cluster(DRAIN_SECONDS=4) as nginx:
        clients = [Client(nginx, room, f"user-{number}") for number in range(6)]
        first = clients[0]
        old = first.welcome["node"]
        position = publish(nginx, room, "hello")
        node = nginx.nodes[int(old[-1])]
        node.process.send_signal(signal.SIGTERM)
        first.seek("drain")
        # While it still serves its own, new ones come elsewhere.
        back = Client(nginx, room, "back", since=0, epoch=position["epoch"])
        assert node.process.poll() is None and back.welcome["node"] != old
        back.take("message", content="hello")
        for client in clients:
            assert closed_with(1012, client, bound=10).details["retry_ms"] >= 0
        assert node.wait() == 0
        assert publish(nginx, room, "on")["seq"] == position["seq"] + 1
        assert back.seek("message", content="on")


def stands_still(node):
    """Whether each of a node's threads has stopped."""
    files = pathlib.Path(f"/proc/{node.process.pid}/task").glob("*/stat")
    return all(file.read_text().rsplit(")", 1)[1].split()[0] == "T" for file in files)


def test_a_post_that_was_sent_is_not_sent_again(room):
    """A node that does not answer: a read is done by another, a write is left to the client, who knows its id."""
    with cluster([("proxy_read_timeout 10s", "proxy_read_timeout 2s")]) as nginx:
        home = where(nginx, room)
        node = nginx.nodes[int(home[-1])]
        target = f"/api/rooms/{room}/messages"
        message = {"user": "ann", "content": 1, "id": "once"}
        node.process.send_signal(signal.SIGSTOP)
        until(lambda: stands_still(node), what="a node that stands still")
        try:
            answer = nginx.post(target, message)
            assert answer.status == 503 and answer.code == "unavailable"
            assert nginx.get(target).status in (200, 404)
            tried = logged(nginx, target, 2)[0]
            assert tried[0] == [home] and len(tried[1]) == 2 and tried[1][0] == home
        finally:
            node.process.send_signal(signal.SIGCONT)
        assert nginx.post(target, message).status in (200, 201)
        # The node that stood still may wait for its Redis again, and commit what it took a moment later.
        with Client(nginx, room, "ann") as ann:

            def history():
                ann.send("history")
                return [entry["id"] for entry in ann.seek("history")["messages"]]

            until(history, what="the message in the history")
            assert history() == ["once"]


def test_a_node_is_taken_out_and_put_back():
    """As the README has it: by its line and a reload, which cuts nobody off."""
    with cluster() as nginx:
        before = places(nginx, ROOMS)
        home = before[ROOMS[0]]
        port = nginx.nodes[int(home[-1])].port
        with Client(nginx, ROOMS[0], "ann") as ann:
            line = f"server 127.0.0.1:{port} max_fails=3 fail_timeout=10s;"
            for out in ("", line.replace(" max_fails", " down max_fails")):
                nginx.replaced.append((line, out))
                nginx.reload()
                without = places(nginx, ROOMS)
                assert home not in without.values()
                assert all(without[room] == before[room] for room in ROOMS if before[room] != home)
                ann.fence()
                nginx.replaced.pop()
                nginx.reload()
                assert places(nginx, ROOMS) == before
                ann.fence()
