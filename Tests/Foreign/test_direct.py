"""Contract, section 2: direct messages, the inbox of a user, its devices; section 9 for the fine print."""

from client import Client, closed_with


def arriving(client, *types):
    """The frames of these types that are on their way."""
    return [frame for frame in client.fence() if frame["type"] in types]


def test_direct_reaches_all_devices_and_the_senders_others(gateway, room, name):
    ann, bob = name("ann"), name("bob")
    with (
        Client(gateway, room, ann, device="a1") as a1,
        Client(gateway, room + "x", ann, device="a2") as a2,
        Client(gateway, room + "y", bob, device="b1") as b1,
        Client(gateway, room + "z", bob, device="b2") as b2,
    ):
        a1.send("direct", to=bob, id="d1", content={"n": 1}, message_type="note")
        ack = a1.seek("ack", to=bob, id="d1", durable="memory")
        assert "room" not in ack and "duplicate" not in ack
        for device in (b1, b2):
            frame = device.seek("direct")
            assert frame == {
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
        own = a2.seek("direct", id="d1", to=bob)
        assert own["from"] == ann and own["epoch"] == a2.welcome["inbox"]["epoch"]
        assert arriving(a1, "direct") == []


def test_direct_is_deduped(gateway, room, name):
    with Client(gateway, room, name("ann")) as ann, Client(gateway, room + "x", name("bob")) as bob:
        ann.send("direct", to=name("bob"), id="d", content=1)
        first = ann.take("ack", id="d")
        ann.send("direct", to=name("bob"), id="d", content=2)
        assert ann.take("ack") == first | {"duplicate": True}
        bob.take("direct", content=1)
        assert bob.fence() == []


def test_direct_only_to_a_device_type(gateway, room, name):
    bob = name("bob")
    with (
        Client(gateway, room, name("ann")) as ann,
        Client(gateway, room + "x", bob, device="p", device_type="phone") as phone,
        Client(gateway, room + "x", bob, device="w", device_type="web") as web,
    ):
        ann.send("direct", to=bob, content="to phones", device_type="phone")
        ann.take("ack")
        ann.send("direct", to=bob, content="to all")
        ann.take("ack")
        # The inbox's seqs rise, with holes for what is meant for other devices.
        assert phone.seek("direct", content="to phones")["seq"] == 1
        assert phone.take("direct", content="to all")["seq"] == 2
        assert web.seek("direct")["seq"] == 2
        assert arriving(web, "direct") == []


def test_direct_is_kept_while_the_user_is_away(gateway, room, name):
    ann, bob = name("ann"), name("bob")
    with Client(gateway, room, bob, device="known") as client:
        epoch = client.welcome["inbox"]["epoch"]
    with Client(gateway, room, ann) as client:
        for number in range(1, 4):
            client.send("direct", to=bob, content=number)
            client.seek("ack")
    answer = gateway.get(f"/api/users/{bob}").json
    assert answer["user"] == bob and answer["inbox_pending"] == 3
    with Client(gateway, room, bob, device="known") as client:
        assert client.welcome["inbox"] == {"epoch": epoch, "seq": 3, "pending": 3}
        for number in range(1, 4):
            client.seek("direct", seq=number, content=number)
        client.send("inbox_ack", epoch=epoch, seq=2)
        client.fence()
    with Client(gateway, room, bob, device="known") as client:
        assert client.welcome["inbox"]["pending"] == 1
        client.seek("direct", seq=3)
        # An ack of another epoch is ignored.
        client.send("inbox_ack", epoch=epoch + "x", seq=3)
        client.fence()
    # A device not seen before continues from the highest seq that any device acked.
    with Client(gateway, room, bob, device="new") as client:
        assert [frame["seq"] for frame in arriving(client, "direct")] == [3]
        client.send("inbox_ack", epoch=epoch, seq=3)
        client.fence()
    assert gateway.get(f"/api/users/{bob}").json["inbox_pending"] == 0


def test_own_copy_is_never_pending_for_the_sending_device(gateway, room, name):
    ann, bob = name("ann"), name("bob")
    with Client(gateway, room, ann, device="a1") as client:
        client.send("direct", to=bob, content=1)
        client.seek("ack")
    with Client(gateway, room, ann, device="a1") as client:
        assert client.welcome["inbox"]["pending"] == 0
        assert arriving(client, "direct") == []


def test_direct_to_oneself(gateway, room, name):
    ann = name("ann")
    with Client(gateway, room, ann, device="a1") as a1, Client(gateway, room + "x", ann, device="a2") as a2:
        a1.send("direct", to=ann, id="self", content=1)
        a1.seek("ack", to=ann)
        assert a2.seek("direct", id="self")["from"] == ann
        assert arriving(a2, "direct") == []


def test_trimmed_inbox_has_a_gap(make_node, room):
    node = make_node(INBOX_SIZE=5, MESSAGES_PER_SECOND=1000)
    with Client(node, room, "bob", device="b") as bob, Client(node, room, "ann") as ann:
        epoch = bob.welcome["inbox"]["epoch"]
        ann.send("direct", to="bob", content=1)
        ann.seek("ack")
        bob.seek("direct", seq=1)
        bob.send("inbox_ack", epoch=epoch, seq=1)
        bob.fence()
    with Client(node, room, "ann") as ann:
        for number in range(2, 31):
            ann.send("direct", to="bob", content=number)
            ann.seek("ack")
    with Client(node, room, "bob", device="b") as bob:
        frames = [frame for frame in bob.fence() if frame["type"] in {"gap", "direct"}]
        gap, kept = frames[0], [frame["seq"] for frame in frames[1:]]
        assert gap["type"] == "gap" and gap["inbox"] is True and gap["reason"] == "trimmed" and gap["epoch"] == epoch
        assert gap["next_seq"] == kept[0] and kept == list(range(kept[0], 31)) and len(kept) >= 5


def test_device_frames(make_node, room):
    """Another of my own devices came, or went (sent after the grace)."""
    node = make_node(PRESENCE_GRACE_SECONDS=0)
    with Client(node, room, "ann", device="a1") as a1:
        with Client(node, room + "x", "ann", device="a2", device_type="web") as a2:
            assert a1.take("device") == {"type": "device", "device": "a2", "device_type": "web", "online": True}
            assert arriving(a2, "device") == []
        assert a1.take("device", online=False)["device"] == "a2"


def test_same_device_replaces_the_old_connection(gateway, room, name):
    with Client(gateway, room, name("ann"), device="d") as old, Client(gateway, room, name("bob")) as bob:
        old.take("joined")
        with Client(gateway, room, name("ann"), device="d") as new:
            assert closed_with(4005, old).details["reason"]
            assert new.joined["users"] == 2
            new.say("still here")
            # 4005 takes effect at once: others may see the user go and come, and nothing else.
            changes = []
            while (frame := bob.next())["type"] != "message":
                changes.append((frame["type"], frame["user"]))
            assert changes in ([], [("left", name("ann")), ("joined", name("ann"))])
            assert bob.fence() == []


def test_users_api_shows_devices(gateway, room, name):
    ann = name("ann")
    unknown = gateway.get(f"/api/users/{ann}").json
    assert unknown == {"user": ann, "online": False, "devices": [], "inbox_pending": 0}
    with Client(gateway, room, ann, device="a", device_type="web") as client:
        client.send("join", room=room + "x")
        client.take("joined_room")
        answer = gateway.get(f"/api/users/{ann}").json
        assert answer["user"] == ann and answer["online"] is True
        (device,) = answer["devices"]
        assert device["device"] == "a" and device["device_type"] == "web" and device["node"] == client.welcome["node"]
        assert sorted(device["rooms"]) == sorted([room, room + "x"]) and isinstance(device["since_at"], int)


def test_closing_all_connections_of_a_user(gateway, room, name):
    ann = name("ann")
    with Client(gateway, room, ann) as one, Client(gateway, room + "x", ann) as two:
        answer = gateway.delete(f"/api/users/{ann}/connections")
        assert answer.status == 200 and answer.json == {"closed": 2}
        for client in (one, two):
            closed_with(4004, client)
    assert gateway.delete(f"/api/users/{ann}/connections").json == {"closed": 0}
