"""The webhook of events: who comes and goes, and messages, each once, signed and in order."""

import contextlib
import pathlib
import re
import subprocess
import sys
import time

import pytest
from client import Client
from event_hook import SECRET, EventHook
from node import ROOT, free_port, until

ALL = "room_occupied,room_vacated,joined,left,online,offline,message"


def metric(node, name):
    return int(float(re.search(rf"^{name} (\S+)$", node.get("/metrics").body.decode(), re.MULTILINE)[1]))


def test_what_happens_is_said_once_and_in_order(make_node, room, name):
    ann, bob = name("ann"), name("bob")
    with EventHook() as hook:
        node = make_node(
            EVENT_WEBHOOK_EVENTS=ALL, PRESENCE_GRACE_SECONDS=0, NODE_ID="node-e", **hook.settings
        )
        with Client(node, room, ann, device="a1") as first, Client(node, room, ann, device="a2"):
            first.send("message", id="m1", content={"n": 1})
            ack = first.seek("ack")
            first.send("message", id="m1", content="again")
            assert first.seek("ack")["duplicate"]
            with Client(node, room, bob):
                pass
            first.seek("left", user=bob)
            node.post(f"/api/rooms/{room}/messages", {"user": "web", "content": "by HTTP"})
        events = hook.until(type="offline", user=ann)
        hook.until(type="room_vacated", room=room)
        assert hook.of(room=room) == [
            "room_occupied", f"joined {ann}", f"message {ann}", f"joined {bob}", f"left {bob}", "message web",
            f"left {ann}", "room_vacated",
        ]
        assert hook.of(type="online") == [f"online {ann}", f"online {bob}"]
        assert hook.of(type="offline") == [f"offline {bob}", f"offline {ann}"]
        assert all(event["node"] == "node-e" for event in events)
        assert all(abs(event["at"] - time.time() * 1000) < 20_000 for event in events)
        message = next(event for event in events if event["type"] == "message")
        assert message["device"] == "a1" and message["at"] == ack["ts"]
        assert message["message"] == {
            "type": "message", "room": room, "epoch": ack["epoch"], "seq": 1, "id": "m1", "user": ann, "device": "a1",
            "message_type": "text", "content": {"n": 1}, "ts": ack["ts"],
        }
        joined = next(event for event in events if event["type"] == "joined")
        del joined["at"]
        assert joined == {"type": "joined", "node": "node-e", "room": room, "user": ann, "device": "a1"}
        until(lambda: metric(node, "sluice_webhook_events_waiting") == 0, what="all being taken")
        assert metric(node, "sluice_webhook_events_sent_total") == len(events) == 12
        assert metric(node, "sluice_webhook_events_dropped_total") == 0


def test_who_is_back_within_the_grace_did_not_leave_and_the_end_of_a_node_says_who_goes(make_node, room, name):
    ann, bob = name("ann"), name("bob")
    with EventHook() as hook:
        node = make_node(PRESENCE_GRACE_SECONDS=60, DRAIN_SECONDS=0, **hook.settings)
        with Client(node, room, ann):
            pass
        with Client(node, room, ann) as back, Client(node, room, bob) as other:
            other.send("leave", room=room)
            other.take("left_room")
            hook.until(type="left", user=bob)
            assert hook.of(room=room) == ["room_occupied", f"joined {ann}", f"joined {bob}", f"left {bob}"]
            back.fence()
            node.process.terminate()
            assert node.wait() == 0
        hook.until(type="offline", user=ann)
        hook.until(type="room_vacated")
        assert hook.of(room=room)[4:] == [f"left {ann}", "room_vacated"]
        assert sorted(hook.of(type="offline")) == sorted([f"offline {ann}", f"offline {bob}"])


def test_posts_are_tried_again_as_they_are_and_what_is_refused_is_counted(make_node, room, name):
    with EventHook(503, 500) as hook:
        node = make_node(PRESENCE_GRACE_SECONDS=0, EVENT_WEBHOOK_EVENTS="online", **hook.settings)
        with Client(node, room, name("ann")):
            first = hook.take_post()
            with Client(node, room, name("bob")):
                again = [hook.take_post(), hook.take_post()]
                assert {post.delivery for post in again} == {first.delivery}
                assert {post.body for post in again} == {first.body}
                hook.until(user=name("bob"))
                assert hook.of() == [f"online {name('ann')}", f"online {name('bob')}"]
                until(lambda: node.log.count("events are taken again") == 1, what="the line")
                assert node.log.count("events can't be sent") == 1
                hook.answers[:] = [404]
                with Client(node, room, name("carol")):
                    hook.until(user=name("carol"))
                    until(lambda: metric(node, "sluice_webhook_events_dropped_total") == 1, what="the count")
                    until(lambda: "status 404" in node.log, what="the line")
                    assert node.log.count("events are dropped") == 1
    assert SECRET not in node.log and "/hooks/" not in node.log


def test_a_server_whose_certificate_is_wrong_gets_nothing(make_node, authority, room, name):
    with EventHook(tls=authority.issue("elsewhere", hosts=["DNS:chat.example.com"]).server()) as hook:
        node = make_node(SSL_CERT_FILE=authority.ca, **hook.settings)
        with Client(node, room, name("ann")):
            until(lambda: "events can't be sent" in node.log, 15, "the line")
            line = next(line for line in node.log.splitlines() if "events can't be sent" in line)
            assert "not for 127.0.0.1" in line and str(hook.port) in line
            assert hook.count == 0
            assert node.log.count("events can't be sent") == 1


def test_bad_settings_stop_the_start(make_node):
    good = "http://127.0.0.1:9/hush"
    for settings, words in [
        ({"EVENT_WEBHOOK_URL": "ws://hooks.example/hush"}, "EVENT_WEBHOOK_URL is (hidden), and it does not begin"),
        ({"EVENT_WEBHOOK_SECRET": "hush"}, "EVENT_WEBHOOK_SECRET is (hidden), and EVENT_WEBHOOK_URL is not set"),
        ({"EVENT_WEBHOOK_URL": good, "EVENT_WEBHOOK_EVENTS": "joined,gone"}, "EVENT_WEBHOOK_EVENTS is"),
    ]:
        node = make_node(start=False, **settings).launch()
        assert node.wait() == 78
        assert words in node.log and "hush" not in node.log
        node.process = None


# Clusters


@contextlib.contextmanager
def cluster(make_node, redis, hook, count, **settings):
    nodes = [
        make_node(REDIS_URL=redis.url, NODE_ID=f"node-{number}", **hook.settings, **settings)
        for number in range(count)
    ]
    for node in nodes:
        until(lambda: node.get("/health").json["mode"] == "cluster", what="the cluster")
        until(lambda: len(node.get("/api/nodes").json["nodes"]) == count, what="all nodes")
    yield nodes


def test_of_a_cluster_one_node_says_it_also_of_who_was_on_a_node_that_died(redis, make_node, room, name):
    ann, bob, carol = name("ann"), name("bob"), name("carol")
    settings = {"NODE_HEARTBEAT_SECONDS": 1, "NODE_EXPIRY_SECONDS": 3, "PRESENCE_GRACE_SECONDS": 0}
    with EventHook() as hook, cluster(
        make_node, redis, hook, 3, EVENT_WEBHOOK_EVENTS=ALL, **settings
    ) as nodes:
        with Client(nodes[0], room, ann) as first:
            hook.until(type="joined", user=ann)
            with Client(nodes[1], room, ann) as second, Client(nodes[1], room, bob):
                first.seek("joined", user=bob)
                second.send("message", content="hello")
                second.seek("ack")
                first.seek("message")
                first.send("leave", room=room)
                first.seek("left_room")
                # Else it takes them with it.
                for event in ({"type": "message"}, {"type": "joined", "user": bob}, {"type": "online", "user": bob}):
                    hook.until(**event)
                nodes[1].process.kill()
                nodes[1].process.wait()
                hook.until(type="room_vacated", room=room, bound=30)
                hook.until(type="offline", user=bob, bound=30)
                # Ann is online by another node: she only left the room.
                with Client(nodes[2], room, carol):
                    hook.until(type="joined", user=carol)
        hook.until(type="offline", user=ann)
        hook.until(type="offline", user=carol)
        nodes[1].start()
        said = hook.of(room=room)
        assert said[:4] == ["room_occupied", f"joined {ann}", f"joined {bob}", f"message {ann}"]
        assert sorted(said[4:6]) == [f"left {ann}", f"left {bob}"]
        assert said[6:] == ["room_vacated", "room_occupied", f"joined {carol}", f"left {carol}", "room_vacated"]
        assert sorted(hook.of(type="online")) == sorted(f"online {user}" for user in (ann, bob, carol))
        assert sorted(hook.of(type="offline")) == sorted(f"offline {user}" for user in (ann, bob, carol))


def test_while_redis_is_away_a_node_says_what_it_knows_and_not_again_later(redis, make_node, room, name):
    ann, bob, carol = name("ann"), name("bob"), name("carol")
    with EventHook() as hook, cluster(make_node, redis, hook, 1, PRESENCE_GRACE_SECONDS=0) as nodes:
        node = nodes[0]
        with Client(node, room, ann):
            hook.until(type="joined", user=ann)
            redis.kill()
            until(lambda: node.get("/health").json["mode"] == "degraded", 5, "degraded")
            with Client(node, room, bob):
                hook.until(type="joined", user=bob)
                with Client(node, room, name("dan")):
                    hook.until(type="joined", user=name("dan"))
                hook.until(type="offline", user=name("dan"))
                redis.restart(empty=True)
                until(lambda: node.get("/health").json["mode"] == "cluster", 15, "the cluster")
                members = f"sluice:{{room:{room}}}:members"
                until(lambda: redis.command("HLEN", members) == 2, 15, "who is in, in Redis")
                with Client(node, room, carol):
                    hook.until(type="joined", user=carol)
                hook.until(type="offline", user=carol)
        hook.until(type="offline", user=ann)
        assert hook.of(room=room)[:6] == [
            "room_occupied", f"joined {ann}", f"joined {bob}", f"joined {name('dan')}", f"left {name('dan')}",
            f"joined {carol}",
        ]
        for user in (ann, bob, carol, name("dan")):
            assert hook.of(user=user, type="online") == [f"online {user}"]
            assert hook.of(user=user, type="offline") == [f"offline {user}"]
        assert hook.of(type="room_occupied") == ["room_occupied"] and hook.of(type="room_vacated") == ["room_vacated"]


# The document


@pytest.fixture
def example(tmp_path):
    """The server that docs/webhooks.md shows, as it stands there."""
    text = pathlib.Path(ROOT, "docs/webhooks.md").read_text()
    program = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]
    port = free_port()
    assert program.count("9000") == 1
    path = tmp_path / "hook.py"
    path.write_text(program.replace("9000", str(port)))
    process = subprocess.Popen(
        [sys.executable, path], env={"EVENT_WEBHOOK_SECRET": SECRET}, stdout=subprocess.PIPE, text=True
    )
    yield port, process
    process.kill()
    process.wait()
    process.stdout.close()


def test_the_server_of_the_document_takes_what_is_genuine(make_node, room, name, example):
    port, process = example
    url = f"http://127.0.0.1:{port}/"
    for secret, ann in [("another", name("eve")), (SECRET, name("ann"))]:
        node = make_node(
            EVENT_WEBHOOK_URL=url, EVENT_WEBHOOK_SECRET=secret, EVENT_WEBHOOK_EVENTS="joined", NODE_ID="node-x"
        )
        with Client(node, room, ann):
            if secret != SECRET:
                until(lambda: metric(node, "sluice_webhook_events_dropped_total") == 1, 15, "the refusal")
            else:
                line = process.stdout.readline()
        assert "events are dropped" not in node.log or secret != SECRET
    assert line.split()[1:] == ["node-x", "joined", room, name("ann")]
