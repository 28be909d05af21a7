"""Contract, section 6 and 7: what one may make a node keep is bounded, and takes nothing from others."""

import contextlib
import time

import pytest
from client import Client, Closed, path
from node import until
from test_closes import close_code, handshake, masked, read_frames

MEGABYTE = 1 << 20


def publish(node, room, content, **more):
    return node.post(f"/api/rooms/{room}/messages", {"user": "m", "content": content, **more})


def memory(node):
    return node.get("/api/system/status").json["memory"]


def resident(node):
    with open(f"/proc/{node.process.pid}/statm") as file:
        return int(file.read().split()[1]) * 4096


def test_the_status_says_what_is_stored(make_node):
    node = make_node(STORED_BYTES_MAX=MEGABYTE, DEDUPE_WINDOW_SECONDS=7)
    assert memory(node)["stored_bytes"] == 0 and memory(node)["stored_bytes_max"] == MEGABYTE
    publish(node, "r", "x" * 10_000, id="1")
    until(lambda: memory(node)["stored_bytes"] >= 10_000, what="the stored message")
    until(lambda: memory(node)["message_ids"] == 1, what="its id")
    assert memory(node)["dedupe_window_ms"] == 7_000
    assert node.delete("/api/rooms/r").status == 204
    until(lambda: memory(node)["stored_bytes"] == 0, what="nothing stored")


def test_the_biggest_history_gives_first(make_node):
    node = make_node(STORED_BYTES_MAX=MEGABYTE, WORKERS=2)
    for number in range(10):
        publish(node, "small", number)
    for number in range(200):
        assert publish(node, f"big-{number % 3}", "x" * 30_000).status == 201
    assert memory(node)["stored_bytes"] <= MEGABYTE * 5 // 4
    small = node.get("/api/rooms/small/messages").json["messages"]
    assert [message["content"] for message in small] == list(range(10))
    big = node.get("/api/rooms/big-0/messages?after=0").json["messages"]
    assert big and big[0]["seq"] > 1


def test_who_resumes_is_told_of_what_was_given(make_node):
    node = make_node(STORED_BYTES_MAX=MEGABYTE)
    first = publish(node, "r", "first").json
    for _ in range(100):
        publish(node, "r", "x" * 30_000)
    query = {"since": first["seq"], "epoch": first["epoch"]}
    with Client(node, "r", "ann", **query) as ann:
        gap = ann.seek("gap")
        assert gap["reason"] == "trimmed"
        assert ann.seek("message")["seq"] == gap["next_seq"]


def test_directs_that_wait_stay_and_rooms_go_on(make_node):
    node = make_node(STORED_BYTES_MAX=MEGABYTE)
    assert node.post("/api/users/bob/messages", {"from": "ann", "content": 1}).status == 201
    answers = [node.post(f"/api/users/x{i}/messages", {"from": "m", "content": 1}) for i in range(1000)]
    refused = [answer for answer in answers if answer.status != 201]
    assert {answer.status for answer in refused} == {503}
    assert refused[0].json["error"]["code"] == "unavailable" and "retry-after" in refused[0].headers
    assert node.get("/api/users/bob").json["inbox_pending"] == 1
    assert publish(node, "r", "on").status == 201


def test_a_room_too_many(make_node):
    node = make_node(MAX_ROOMS=2, WORKERS=1)
    assert node.post("/api/rooms", {"id": "vip", "max_users": 2}).status == 201
    with Client(node, "lobby", "ann") as ann:
        refused = publish(node, "other", 1)
        assert refused.status == 503 and "MAX_ROOMS" in refused.json["error"]["message"]
        assert node.post("/api/rooms", {"id": "more"}).status == 503
        ann.send("join", room="other")
        assert ann.seek("error")["code"] == "room_limit"
        ann.send("ping")
        ann.seek("pong")
    assert node.get("/api/rooms/vip").json["max_users"] == 2


@pytest.mark.parametrize("path", ["/metrics", "/api/system/status"])
def test_reports_are_made_once_per_tick(make_node, path):
    node = make_node()
    bodies = set()
    started = time.monotonic()
    while time.monotonic() - started < 1:
        bodies.add(node.get(path).body)
    assert 2 <= len(bodies) <= 6


def test_a_memory_limit_holds(make_node):
    limit = 120_000_000
    node = make_node(GOVERNOR_MEMORY_LIMIT_BYTES=limit, STORED_BYTES_MAX=4 * limit, GOVERNOR_DRY_RUN=0)
    body = "x" * 60_000
    statuses = set()
    for number in range(4000):
        answer = publish(node, f"r{number % 100}", body)
        statuses.add(answer.status)
        assert resident(node) <= limit
        if answer.status == 503:
            break
    assert 503 in statuses, statuses
    assert node.get("/health").status == 200


def test_many_devices_of_one_user(make_node, room):
    """The 20 latest devices hear of who comes; lists are cut, and the user's own list comes in pages."""
    node = make_node(PRESENCE_GRACE_SECONDS=0)
    with contextlib.ExitStack() as stack:
        devices = [f"d{number:02}" for number in range(25)]
        clients = [stack.enter_context(Client(node, room, "ann", device=device)) for device in devices]
        clients[-1].fence()
        heard = [sum(frame["type"] == "device" for frame in client.fence()) for client in clients[:-1]]
        # d00 hears of the 20 that came next, as until then it is among the latest 20.
        assert heard == [20] * 5 + list(range(19, 0, -1))
        first = node.get("/api/users/ann?limit=20").json
        assert [device["device"] for device in first["devices"]] == devices[:20]
        assert all(device["rooms"] == [room] for device in first["devices"])
        rest = node.get(f"/api/users/ann?limit=20&cursor={first['next_cursor']}").json
        assert [device["device"] for device in rest["devices"]] == devices[20:]
        assert "next_cursor" not in rest and rest["online"]
        (user,) = node.get(f"/api/rooms/{room}/users").json["users"]
        assert len(user["devices"]) == 20 and user["device_count"] == 25


@pytest.mark.parametrize("head", [b"\x82\xfe\x03\xe8" + bytes(4), b"\x01\x81mask\x4f"])
def test_a_message_that_never_ends(make_node, room, head):
    """A frame of which a byte comes now and then (also of pongs), and a first fragment with only pings behind it."""
    node = make_node(HEARTBEAT_INTERVAL_SECONDS=1, HEARTBEAT_TIMEOUT_SECONDS=2)
    with Client(node, room, "ann") as ann:
        link = ann.socket.socket
        link.sendall(head)
        started = time.monotonic()
        with pytest.raises(Closed) as closed:
            while time.monotonic() - started < 20:
                link.sendall(b"x" if head[0] == 0x82 else b"\x89\x80mask")
                with contextlib.suppress(TimeoutError):
                    ann.next(0.1)
        assert (closed.value.code, closed.value.details) == (1008, {"reason": "unfinished_message"})
        assert time.monotonic() - started >= 1.9


def test_unfinished_messages_and_bodies_have_a_budget_of_all_connections(make_node, room):
    """Past it the connection that holds most goes: 1008, or 503. One that holds little lives."""
    # What is left of a memory limit as small as this is the least: 4 MiB, and two messages.
    node = make_node(GOVERNOR_MEMORY_LIMIT_BYTES=MEGABYTE, WORKERS=1)
    most = memory(node)["input_bytes_max"]
    assert most == 4 * MEGABYTE + 2 * 65536 and memory(node)["input_closed_total"] == 0
    frame = masked(1, b'{"type":"ping","t":"end","pad":"' + b"x" * 60_000 + b'"}')
    with contextlib.ExitStack() as stack:

        def open_one(user):
            return stack.enter_context(handshake(node, path(room, user)))

        small = open_one("small")
        small.sendall(frame[:1_000])
        links = [open_one(f"m{number}") for number in range(100)]
        for link in links:
            link.sendall(frame[:-100])
        until(lambda: memory(node)["input_closed_total"] > 0, what="the end of one of them")
        # A turn may bring more; it is closed by the turn's end, and the status may be asked for within it.
        found = until(lambda: (now := memory(node))["input_bytes"] <= most and now, what="no more than the budget")
        assert 60_000 < found["input_bytes"] and found["input_closed_total"] < 100
        head = b"POST /api/rooms HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        body = stack.enter_context(node.connect())
        body.sendall(head + b"Content-Length: 1000000\r\n\r\n" + b" " * 900_000)
        answer = body.recv(65536)
        assert answer.startswith(b"HTTP/1.1 503 ") and b"Retry-After: " in answer, answer
        # The others may finish what they began.
        small.sendall(frame[1_000:])
        read_frames(small, lambda opcode, payload: b'"pong"' in payload and b'"end"' in payload)
        assert node.get("/health").status == 200
        closed = 0
        for link in links:
            with contextlib.suppress(OSError):
                link.sendall(frame[-100:])
            frames = read_frames(link, lambda opcode, payload: b'"pong"' in payload)
            if frames[-1][0] == 8:
                assert close_code(frames) == 1008 and b"input_full" in frames[-1][1]
                closed += 1
        assert 0 < closed < 100
    until(lambda: memory(node)["input_bytes"] < 100_000, what="the memory given back")


def test_one_address_makes_rooms_and_inboxes_at_a_pace(make_node, name):
    """Ten for each request that it may make in a second, and twice that at once; another address is not slowed."""
    node = make_node(
        HTTP_REQUESTS_PER_SECOND=10, MAX_CONNECTIONS_PER_IP=1000, MESSAGES_PER_SECOND=100_000, WORKERS=1
    )
    with (
        Client(node, name("r"), "mallory", source="127.0.0.2") as mallory,
        Client(node, name("r"), "ann", source="127.0.0.3") as ann,
    ):
        for number in range(1_000):
            mallory.send("direct", to=name(f"inbox-{number}"), content=1, id=str(number))
        answers = [frame for frame in mallory.fence() if frame["type"] in {"ack", "error"}]
        refused = [frame for frame in answers if frame["type"] == "error"]
        assert len(answers) == 1_000 and 0 < len(refused) <= 800
        assert all(frame["code"] == "rate_limited" and frame["retry_ms"] > 0 and frame["id"] for frame in refused)
        # The quota is one for rooms and inboxes. An inbox that is there takes more of it.
        mallory.send("join", room=name("one more"))
        answers = mallory.fence()
        assert any(frame["type"] == "joined_room" or frame.get("code") == "rate_limited" for frame in answers)
        mallory.send("direct", to=name("inbox-0"), content=2, id="again")
        assert mallory.seek("ack", id="again")
        for number in range(20):
            ann.send("direct", to=name(f"other-{number}"), content=1, id=str(number))
            assert ann.seek("ack", id=str(number))
        ann.send("join", room=name("new"))
        assert ann.seek("joined_room", room=name("new"))


def test_what_is_not_out_has_a_budget_of_each_address(make_node, room):
    """Past it the connection of that address that has most goes with 4102; a slow reader of another one lives."""
    # Queues are long enough that none is full before the share is.
    node = make_node(
        GOVERNOR_MEMORY_LIMIT_BYTES=256 * MEGABYTE,
        WORKERS=1,
        MAX_CONNECTIONS_PER_IP=100,
        SEND_QUEUE_BYTES=16 * MEGABYTE,
    )
    share = 32 * MEGABYTE
    assert memory(node)["output_bytes_max"] == 2 * share and memory(node)["output_closed_total"] == 0
    with contextlib.ExitStack() as stack:
        for number in range(60):
            link = handshake(node, path(room, f"m{number}"), receive_buffer=4096, source="127.0.0.5")
            stack.enter_context(link)
        other = stack.enter_context(handshake(node, path(room, "bob"), receive_buffer=65536, source="127.0.0.6"))
        until(lambda: node.get(f"/api/rooms/{room}").json["connections"] == 61, what="all members")
        # The kernel takes some megabytes of each first.
        count = 0
        while memory(node)["output_closed_total"] == 0:
            assert publish(node, room, "x" * 60_000).status == 201
            count += 1
            assert count < 200, memory(node)
        # The other one's queue is beside the share.
        assert memory(node)["output_bytes"] <= share + 16 * MEGABYTE
        frames = read_frames(other, lambda opcode, payload: b'"seq":%d,' % count in payload)
        assert frames[-1][0] == 1, frames[-1]
        # Their own ends are not read: a socket with so small a buffer may hear of its room only after half a minute.
        assert 0 < memory(node)["output_closed_total"] < 60
        until(lambda: "address=127.0.0.5 code=4102" in node.log, what="a line for a close")
        assert "address=127.0.0.6 code" not in node.log
    until(lambda: memory(node)["output_bytes"] == 0, what="the memory given back")


def test_reads_come_in_pages_of_a_bounded_size(make_node, room):
    """By WebSocket and by HTTP: `complete` is false, and the reader goes on to the end by `after` or `before`."""
    node = make_node(MESSAGES_PER_SECOND=1000)
    for number in range(1, 101):
        publish(node, room, "x" * 30_000)
    with Client(node, room, "ann") as ann:

        def by_frame(**query):
            ann.send("history", limit=500, **query)
            return ann.seek("history")

        def by_http(**query):
            more = "".join(f"&{name}={value}" for name, value in query.items())
            return node.get(f"/api/rooms/{room}/messages?limit=500{more}").json

        for read, most in ((by_frame, MEGABYTE // 2), (by_http, MEGABYTE)):
            pages, after = [], 0
            while not pages or not pages[-1]["complete"]:
                pages.append(read(after=after))
                assert pages[-1]["messages"] and len(str(pages[-1]["messages"])) < most + 65_536
                after = pages[-1]["messages"][-1]["seq"]
            assert [message["seq"] for page in pages for message in page["messages"]] == list(range(1, 101))
            assert 2 < len(pages) < 10
            newest = read()
            seqs = [message["seq"] for message in newest["messages"]]
            assert not newest["complete"] and seqs == list(range(seqs[0], 101))
            assert read(before=seqs[0])["messages"][-1]["seq"] == seqs[0] - 1


def test_a_list_of_users_has_a_bounded_size(make_node, room):
    node = make_node(MAX_CONNECTIONS_PER_USER=1000)
    with contextlib.ExitStack() as stack:
        for number in range(120):
            for device in range(20):
                user, name = f"{number:03}-" + "u" * 60, f"{device}-" + "d" * 110
                if device == 0 or number < 100:
                    stack.enter_context(handshake(node, path(room, user, device=name)))
        until(lambda: node.get(f"/api/rooms/{room}").json["users"] == 120, what="all users")
        users, cursor, pages = [], "", 0
        while True:
            page = node.get(f"/api/rooms/{room}/users?limit=500{cursor}")
            assert len(page.body) < 300_000
            users += [entry["user"] for entry in page.json["users"]]
            assert page.json["count"] == 120 and page.json["complete"] == ("next_cursor" not in page.json)
            pages += 1
            if page.json["complete"]:
                break
            cursor = f"&cursor={page.json['next_cursor']}"
        assert users == sorted(users) and len(users) == 120 and 1 < pages < 5
