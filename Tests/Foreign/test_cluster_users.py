"""Users of several nodes: direct messages and the inbox, devices, sessions, and their removal, on whatever node."""

from client import Client, closed_with
from node import elapse, until


def test_a_direct_reaches_devices_on_every_node(cluster, room, name):
    ann, bob = name("ann"), name("bob")
    with (
        Client(cluster[0], room, ann, device="a1") as a1,
        Client(cluster[1], room + "x", ann, device="a2") as a2,
        Client(cluster[1], room + "y", bob, device="b1") as b1,
        Client(cluster[2], room + "z", bob, device="b2") as b2,
    ):
        a1.send("direct", to=bob, id="d1", content={"n": 1}, message_type="note")
        ack = a1.seek("ack", to=bob, id="d1", durable="redis")
        for device in (b1, b2):
            assert device.seek("direct") == {
                "type": "direct",
                "epoch": b1.welcome["inbox"]["epoch"],
                "seq": 1,
                "id": "d1",
                "from": ann,
                "to": bob,
                "device": "a1",
                "message_type": "note",
                "content": {"n": 1},
                "ts": ack["ts"],
            }
        assert (ack["epoch"], ack["seq"]) == (b1.welcome["inbox"]["epoch"], 1)
        own = a2.seek("direct", id="d1", to=bob)
        assert own["from"] == ann and own["epoch"] == a2.welcome["inbox"]["epoch"]
        assert [frame for frame in a1.fence() if frame["type"] == "direct"] == []
        # Again, from another node: committed once.
        a2.send("direct", to=bob, id="d1", content="other")
        again = a2.seek("ack", to=bob, id="d1")
        assert again["duplicate"] and (again["epoch"], again["seq"]) == (ack["epoch"], ack["seq"])
        # The same id to another user is another message.
        a2.send("direct", to=name("carol"), id="d1", content="for carol")
        assert "duplicate" not in a2.seek("ack", to=name("carol"))
        assert a1.seek("direct")["content"] == "for carol"


def test_an_absent_user_gets_what_was_sent_on_any_node_and_acks_it(cluster, room, name):
    ann, bob = name("ann"), name("bob")
    with Client(cluster[0], room, ann) as sender:
        for number in range(5):
            sender.send("direct", to=bob, content=number)
            sender.seek("ack")
    answer = cluster[1].post(f"/api/users/{bob}/messages", {"from": ann, "content": 5, "id": "h"})
    assert answer.status == 201 and answer.json["durable"] == "redis" and answer.json["seq"] == 6
    assert cluster[2].get(f"/api/users/{bob}").json["inbox_pending"] == 6
    with Client(cluster[2], room, bob, device="phone") as phone:
        inbox = phone.welcome["inbox"]
        assert (inbox["seq"], inbox["pending"]) == (6, 6)
        assert [frame["content"] for frame in phone.early if frame["type"] == "direct"] == list(range(6))
        phone.send("inbox_ack", epoch=inbox["epoch"], seq=4)
        pending_comes_to(2, cluster[0], bob)
    with Client(cluster[0], room, bob, device="phone") as phone:
        assert phone.welcome["inbox"]["pending"] == 2
        assert [frame["content"] for frame in phone.early if frame["type"] == "direct"] == [4, 5]
        phone.send("inbox_ack", epoch=inbox["epoch"], seq=6)
        pending_comes_to(0, cluster[1], bob)
    # A device that was not seen before goes on where any device was.
    with Client(cluster[1], room, bob, device="laptop") as laptop:
        assert [frame for frame in laptop.early if frame["type"] == "direct"] == []
    assert cluster[0].get(f"/api/users/{bob}").json["inbox_pending"] == 0


def pending_comes_to(count, node, user):
    """An `inbox_ack` has no answer: it is on its way to Redis when the frames behind it are answered."""
    until(lambda: node.get(f"/api/users/{user}").json["inbox_pending"] == count, 5, "the ack")


def test_devices_are_told_of_devices_on_other_nodes(cluster, room, name):
    ann = name("ann")
    with Client(cluster[0], room, ann, device="one") as one:
        with Client(cluster[1], room, ann, device="two", device_type="web") as two:
            frame = one.seek("device", device="two")
            assert frame["online"] and frame["device_type"] == "web"
            with Client(cluster[2], room, ann, device="three"):
                assert one.seek("device", device="three")["online"]
                assert two.seek("device", device="three")["online"]
                shown = cluster[0].get(f"/api/users/{ann}").json
                assert shown["online"]
                places = {device["device"]: (device["node"], device["rooms"]) for device in shown["devices"]}
                assert places == {
                    "one": ("node-0", [room]), "two": ("node-1", [room]), "three": ("node-2", [room]),
                }
            assert not one.seek("device", bound=10, device="three")["online"]


def test_the_same_device_on_another_node_replaces_the_old_connection(cluster, room, name):
    ann = name("ann")
    old = Client(cluster[0], room, ann, device="phone")
    with Client(cluster[1], room, ann, device="phone") as new:
        closed_with(4005, old)
        assert [frame for frame in new.fence() if frame["type"] == "device"] == []
        third = Client(cluster[2], room, ann, device="phone")
        closed_with(4005, new)
        assert third.fence() is not None
        third.close()


def test_a_session_goes_on_on_another_node(cluster, room, name):
    ann = name("ann")
    with Client(cluster[0], room, ann) as one:
        first = one.welcome["session"]
        assert not first["resumed"] and first["message_count"] == 0 and "last_active_at" not in first
        for number in range(3):
            one.send("message", content=number)
        one.send("direct", to=name("bob"), content=1)
        for _ in range(4):
            one.seek("ack")
    # What was committed is published when the connection goes, or within two seconds.
    until(lambda: session_of(cluster[1], room, ann)["message_count"] == 4, 5, "the count")
    second = session_of(cluster[2], room, ann)
    assert second["id"] == first["id"] and second["resumed"] and second["last_active_at"] > 0


def session_of(node, room, user):
    with Client(node, room, user) as client:
        return client.welcome["session"]


def test_a_user_is_removed_from_all_nodes(cluster, room, name):
    ann = name("ann")
    clients = [Client(node, room, ann) for node in cluster]
    until(lambda: len(cluster[0].get(f"/api/users/{ann}").json["devices"]) == 3, 5, "all devices")
    answer = cluster[0].delete(f"/api/users/{ann}/connections")
    assert answer.status == 200 and answer.json == {"closed": 3}
    for client in clients:
        assert closed_with(4004, client).details["reason"] == "removed"
    until(lambda: not cluster[1].get(f"/api/users/{ann}").json["online"], 5, "ann being offline")


def test_a_limit_per_user_counts_all_nodes(redis, make_node, room, name):
    nodes = [make_node(REDIS_URL=redis.url, MAX_CONNECTIONS_PER_USER=2) for _ in range(2)]
    for node in nodes:
        until(lambda: node.get("/health").json["mode"] == "cluster", 10, "the cluster")
    ann = name("ann")
    with Client(nodes[0], room, ann, device="a"), Client(nodes[1], room, ann, device="b"):
        until(lambda: len(nodes[0].get(f"/api/users/{ann}").json["devices"]) == 2, 5, "both devices")
        closed_with(4006, Client(nodes[0], room, ann, device="c", joined=False))
        with Client(nodes[0], room, ann, device="b"):
            pass


def test_directs_while_redis_is_away(redis, nodes, room, name):
    ann, bob = name("ann"), name("bob")
    here = Client(nodes[0], room, ann)
    bob_here = Client(nodes[0], room, bob, device="here")
    bob_there = Client(nodes[1], room, bob, device="there")
    for client in (here, bob_here, bob_there):
        client.fence()
    redis.kill()
    until(lambda: nodes[0].get("/health").json["mode"] == "degraded", 2, "degraded")
    here.send("direct", to=bob, id="p", content="without a place")
    ack = here.seek("ack", id="p")
    assert ack["durable"] == "local" and "seq" not in ack
    frame = bob_here.seek("direct", id="p")
    assert frame["provisional"] and "seq" not in frame and "epoch" not in frame
    redis.restart(empty=True)
    confirm = bob_here.seek("confirm", bound=15)
    assert confirm["inbox"] and confirm["entries"] == [{"user": ann, "id": "p", "seq": confirm["entries"][0]["seq"]}]
    committed = bob_there.seek("direct", bound=15, id="p")
    assert committed["seq"] == confirm["entries"][0]["seq"] and committed["epoch"] == confirm["epoch"]
    assert [frame for frame in bob_here.fence() if frame["type"] == "direct"] == []


def test_an_inbox_outlives_a_wiped_redis(redis, nodes, room, name):
    """What a living node holds is restored under a new epoch; what a device had processed does not come again."""
    ann, bob = name("ann"), name("bob")
    with Client(nodes[0], room, ann) as sender, Client(nodes[1], room, bob, device="phone") as phone:
        for number in range(4):
            sender.send("direct", to=bob, content=number)
            phone.seek("direct", content=number)
        old = phone.welcome["inbox"]["epoch"]
        phone.send("inbox_ack", epoch=old, seq=2)
        phone.fence()
        redis.restart(empty=True)
        for node in nodes:
            until(lambda: node.get("/health").json["mode"] == "cluster", 15, "the cluster")
        gap = phone.seek("gap", bound=10, inbox=True)
        assert gap["reason"] == "epoch_changed" and gap["epoch"] != old
        sender.send("direct", to=bob, content="after")
        after = phone.seek("direct", bound=10)
        assert after["content"] == "after" and after["epoch"] == gap["epoch"] and after["seq"] == gap["next_seq"]
    with Client(nodes[2], room, bob, device="phone") as back:
        assert [frame["content"] for frame in back.early if frame["type"] == "direct"] == [2, 3, "after"]


def test_an_inbox_forgets_what_is_too_old_and_a_room_with_members_is_not_forgotten(redis, make_node, room, name):
    nodes = [make_node(REDIS_URL=redis.url, INBOX_TTL_SECONDS=6, HISTORY_TTL_SECONDS=6) for _ in range(2)]
    for node in nodes:
        until(lambda: node.get("/health").json["mode"] == "cluster", 10, "the cluster")
    ann, bob = name("ann"), name("bob")
    with Client(nodes[0], room, ann) as sender:
        sender.send("message", content="kept")
        epoch = sender.seek("ack")["epoch"]
        sender.send("direct", to=bob, content="old")
        sender.seek("ack", to=bob)
        elapse(4)
        sender.send("direct", to=bob, content="new")
        sender.seek("ack", to=bob)
        elapse(4)
        with Client(nodes[1], room, bob) as receiver:
            assert [frame["content"] for frame in receiver.early] == ["new"]
            assert receiver.welcome["inbox"]["pending"] == 1
            assert receiver.joined["epoch"] == epoch and receiver.joined["seq"] == 1
