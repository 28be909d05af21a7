"""The push webhook: a signed POST for a user who is away, once for each burst of messages."""

import contextlib
import re
import time

from client import Client
from node import elapse, free_port, until
from webhook import Webhook, is_signed

SECRET = "it's a secret"
# From a burst's first message to its push, with the grain of the ticks.
DELAY = 2.3


def publish(node, to, content, sender="ann", **fields):
    answer = node.post(f"/api/users/{to}/messages", {"from": sender, "content": content, **fields})
    assert answer.status in {200, 201, 202}, answer
    return answer.json


def test_one_push_per_burst_with_what_is_pending(make_node, room, name):
    bob = name("bob")
    with Webhook() as hook:
        node = make_node(PUSH_WEBHOOK_URL=hook.url, PUSH_WEBHOOK_SECRET=SECRET, NODE_ID="node-p")
        begin = time.monotonic()
        with Client(node, room, "ann", device="a1") as ann:
            for number in range(5):
                ann.send("direct", to=bob, id=f"d{number}", content={"n": number})
                ack = ann.seek("ack")
        push = hook.take()
        assert push.at - begin >= 1.9
        assert push.path == "/hooks/push?from=sluice" and push.headers["Content-Type"] == "application/json"
        assert push.headers["Host"] == f"127.0.0.1:{hook.port}"
        assert re.fullmatch(r"p-[0-9a-z-]+", push.delivery)
        assert abs(int(push.headers["X-Sluice-Timestamp"]) - time.time() * 1000) < 10_000
        assert is_signed(SECRET, push.headers, push.body)
        assert not is_signed(SECRET + "!", push.headers, push.body)
        assert not is_signed(SECRET, push.headers, push.body + b" ")
        ts = push.json.pop("ts")
        assert abs(ts - time.time() * 1000) < 10_000
        assert push.json == {
            "type": "push",
            "user": bob,
            "pending": 5,
            "message": {
                "type": "direct", "epoch": ack["epoch"], "seq": 5, "id": "d4", "from": "ann", "to": bob,
                "device": "a1", "message_type": "text", "content": {"n": 4}, "ts": ack["ts"],
            },
            "node": "node-p",
        }
        # Of the same burst, a repetition, and the sender's own copy: nothing more.
        publish(node, bob, "later")
        publish(node, bob, "again", id="d4")
        # Another user's push comes behind whatever would have come of those.
        publish(node, name("carol"), "hello")
        assert hook.take().json["user"] == name("carol")
        assert hook.count == 0


def test_nobody_is_pushed_who_is_there_or_was_in_time(make_node, room, name):
    dan, eve, fred, last = name("dan"), name("eve"), name("fred"), name("last")
    with Webhook() as hook:
        node = make_node(PUSH_WEBHOOK_URL=hook.url, PRESENCE_GRACE_SECONDS=0)
        with Client(node, room, dan) as here:
            publish(node, dan, "you are here")
            here.seek("direct")
            # To oneself.
            here.send("direct", to=dan, content="note")
            here.seek("ack")
            # Away, and back before the push; away again without having acked.
            publish(node, eve, 1)
            with Client(node, room, eve):
                pass
            # Away, and acked before the push.
            publish(node, fred, 1)
            with Client(node, room, fred) as client:
                client.send("inbox_ack", epoch=client.welcome["inbox"]["epoch"], seq=client.welcome["inbox"]["seq"])
                client.fence()
            publish(node, last, 1)
            assert hook.take().json["user"] == last and hook.count == 0
            # Who was there meanwhile begins another burst by going.
            publish(node, eve, 2)
            push = hook.take()
            assert push.json["user"] == eve and push.json["pending"] == 2


def test_a_push_is_tried_again_under_the_same_delivery(make_node, name):
    with Webhook(503, 500, 204) as hook:
        node = make_node(PUSH_WEBHOOK_URL=hook.url, PUSH_WEBHOOK_SECRET=SECRET)
        publish(node, name("bob"), 1)
        tries = [hook.take(bound=15) for _ in range(3)]
        assert len({push.delivery for push in tries}) == 1 and len({push.body for push in tries}) == 1
        assert all(is_signed(SECRET, push.headers, push.body) for push in tries)
        stamps = [int(push.headers["X-Sluice-Timestamp"]) for push in tries]
        assert stamps == sorted(stamps)
        publish(node, name("carol"), 1)
        assert hook.take().delivery != tries[0].delivery and hook.count == 0


def test_a_servers_wish_to_wait_is_kept(make_node, name):
    with Webhook((429, {"Retry-After": "4"})) as hook:
        node = make_node(PUSH_WEBHOOK_URL=hook.url)
        publish(node, name("bob"), 1)
        first, second = hook.take(), hook.take(bound=15)
        assert second.delivery == first.delivery and second.at - first.at >= 3.9
        assert "X-Sluice-Signature" not in second.headers
        assert "pushes are not signed" in node.log


def test_what_a_server_refuses_is_dropped_and_logged(make_node, name):
    with Webhook(404, 301) as hook:
        node = make_node(PUSH_WEBHOOK_URL=hook.url, PUSH_WEBHOOK_SECRET=SECRET)
        deliveries = []
        for number in range(3):
            publish(node, name(f"user{number}"), 1)
            deliveries.append(hook.take().delivery)
        assert len(set(deliveries)) == 3
        until(lambda: "pushes are dropped" in node.log, 5, "the line")
        # Longer than the longest wait for a second try.
        elapse(1.5)
        assert hook.count == 0
        assert node.log.count("pushes are dropped") == 1
        assert SECRET not in node.log and "/hooks/" not in node.log


def test_a_dead_server_disturbs_nobody_and_gets_the_push_when_it_is_back(make_node, room, name):
    port = free_port()
    node = make_node(PUSH_WEBHOOK_URL=f"http://localhost:{port}/hooks", MESSAGES_PER_SECOND=100_000)
    with Client(node, room, name("ann")) as ann, Client(node, room, name("eve")) as eve:
        for number in range(50):
            publish(node, name(f"away{number}"), 1)
        ann.take("joined")
        began = time.monotonic()
        while time.monotonic() - began < DELAY + 0.5:
            ann.say("hello")
            eve.take("message", content="hello")
        assert node.get("/health").status == 200
    with Webhook(port=port) as hook:
        users = {hook.take(bound=20).json["user"] for _ in range(50)}
        assert users == {name(f"away{number}") for number in range(50)}


def test_a_server_that_hangs_is_given_up_and_keeps_no_node_from_ending(make_node, name):
    with Webhook(None, None, None, None) as hook:
        node = make_node(PUSH_WEBHOOK_URL=hook.url)
        for number in range(4):
            publish(node, name(f"user{number}"), 1)
        hung = [hook.take() for _ in range(4)]
        # Four at once: the fifth waits until the first of these is given up.
        publish(node, name("fifth"), 1)
        fifth = hook.take(bound=20)
        assert fifth.json["user"] == name("fifth") and fifth.at - hung[0].at >= 9.5
        # The others are tried again.
        again = {hook.take(bound=15).delivery for _ in range(4)}
        assert again == {push.delivery for push in hung}
        hook.answers[:] = [None] * 10
        publish(node, name("sixth"), 1)
        assert hook.take().json["user"] == name("sixth")
        began = time.monotonic()
        node.process.terminate()
        assert node.wait() == 0
        assert time.monotonic() - began < 10


def test_an_ending_node_sends_what_was_not_due_yet(make_node, name):
    with Webhook() as hook:
        node = make_node(PUSH_WEBHOOK_URL=hook.url)
        publish(node, name("bob"), 1)
        node.process.terminate()
        assert hook.take().json["user"] == name("bob")
        assert node.wait() == 0


def test_bad_settings_stop_the_start(make_node):
    good = "http://127.0.0.1:9/hush"
    for settings, words in [
        ({"PUSH_WEBHOOK_URL": "ftp://hooks.example/hush"}, "PUSH_WEBHOOK_URL is (hidden), and it does not begin"),
        ({"PUSH_WEBHOOK_URL": good, "PUSH_WEBHOOK_SECRET": ""}, "PUSH_WEBHOOK_SECRET is (hidden), and it is empty"),
        ({"PUSH_WEBHOOK_SECRET": "hush"}, "PUSH_WEBHOOK_SECRET is (hidden), and PUSH_WEBHOOK_URL is not set"),
    ]:
        node = make_node(start=False, **settings).launch()
        assert node.wait() == 78
        assert words in node.log and "hush" not in node.log
        node.process = None


# Clusters


@contextlib.contextmanager
def cluster(make_node, redis, hook, count=2):
    nodes = [
        make_node(
            REDIS_URL=redis.url, NODE_ID=f"node-{number}", PUSH_WEBHOOK_URL=hook.url, PUSH_WEBHOOK_SECRET=SECRET,
            PRESENCE_GRACE_SECONDS=2,
        )
        for number in range(count)
    ]
    for node in nodes:
        until(lambda: node.get("/health").json["mode"] == "cluster", what="the cluster")
        until(lambda: len(node.get("/api/nodes").json["nodes"]) == count, what="all nodes")
    yield nodes


def test_of_several_nodes_one_pushes_a_burst(redis, make_node, name):
    bob, carol = name("bob"), name("carol")
    with Webhook() as hook, cluster(make_node, redis, hook) as nodes:
        for number in range(3):
            for node in nodes:
                publish(node, bob, number, sender=f"ann{node.port}")
        push = hook.take()
        assert push.json["user"] == bob and push.json["pending"] == 6 and push.json["message"]["seq"] == 6
        assert is_signed(SECRET, push.headers, push.body)
        for node in nodes:
            publish(node, bob, "later")
        publish(nodes[1], carol, 1)
        assert hook.take().json["user"] == carol and hook.count == 0


def test_a_device_on_another_node_is_seen_and_its_ack_too(redis, make_node, room, name):
    dan, eve, fred, last = name("dan"), name("eve"), name("fred"), name("last")
    with Webhook() as hook, cluster(make_node, redis, hook) as nodes:
        with Client(nodes[1], room, dan) as here:
            publish(nodes[0], dan, "you are there")
            here.seek("direct")
            publish(nodes[0], eve, 1)
            with Client(nodes[1], room, eve) as client:
                inbox = client.welcome["inbox"]
                assert inbox["pending"] == 1
                client.send("inbox_ack", epoch=inbox["epoch"], seq=inbox["seq"])
                client.fence()
            publish(nodes[0], last, 1)
            assert hook.take().json["user"] == last and hook.count == 0
        # Lost, and known to be so by that node alone: it notifies.
        publish(nodes[0], fred, "seen")
        gone = Client(nodes[1], room, fred)
        gone.send("inbox_ack", epoch=gone.welcome["inbox"]["epoch"], seq=gone.welcome["inbox"]["seq"])
        gone.fence()
        gone.close()
        publish(nodes[0], fred, "missed")
        push = hook.take()
        assert push.json["user"] == fred and push.json["pending"] == 1
        assert push.json["message"]["content"] == "missed"


def test_who_was_there_begins_another_burst_on_whatever_node(redis, make_node, room, name):
    bob = name("bob")
    with Webhook() as hook, cluster(make_node, redis, hook) as nodes:
        publish(nodes[0], bob, 1)
        assert hook.take().json["pending"] == 1
        with Client(nodes[1], room, bob):
            pass
        until(lambda: not nodes[0].get(f"/api/users/{bob}").json["online"], 8, "bob being away")
        publish(nodes[0], bob, 2)
        assert hook.take().json["pending"] == 2


def test_pushes_go_on_while_redis_is_away(redis, make_node, name):
    bob, carol = name("bob"), name("carol")
    with Webhook() as hook, cluster(make_node, redis, hook, count=1) as nodes:
        node = nodes[0]
        publish(node, bob, 1)
        assert hook.take().json["message"]["seq"] == 1
        redis.kill()
        until(lambda: node.get("/health").json["mode"] == "degraded", 5, "degraded")
        # Bob's burst goes on; Carol's begins.
        publish(node, bob, 2)
        for number in range(3):
            assert publish(node, carol, number)["durable"] == "local"
        push = hook.take()
        assert push.json["user"] == carol and push.json["pending"] == 3
        message = push.json["message"]
        assert message["provisional"] and message["content"] == 2 and "seq" not in message
        redis.restart(empty=True)
        until(lambda: node.get("/health").json["mode"] == "cluster", 15, "the cluster")
        until(lambda: node.get("/api/system/status").json["redis"]["outbox_messages"] == 0, 10, "the commit")
        # What was kept is committed now, and not pushed once more.
        publish(node, name("last"), 1)
        assert hook.take().json["user"] == name("last") and hook.count == 0
