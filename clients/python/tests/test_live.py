"""The client against real nodes: SLUICE_BIN names the binary."""

import asyncio
import contextlib

import pytest
from node import Node, seconds
from redis import Redis
from sluice_client import Options, Publisher, Sluice, SluiceError

BOUND = 30


@pytest.fixture(scope="module")
def node():
    node = Node(PRESENCE_GRACE_SECONDS=0).start()
    yield node
    node.stop()


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, seconds(4 * BOUND)))


async def take(iterator, count):
    return [await asyncio.wait_for(anext(iterator), seconds(BOUND)) for _ in range(count)]


def test_rooms_sends_and_history(node):
    async def play():
        async with Sluice(node.url(""), user="ann") as ann, Sluice(node.url(""), user="bob", device_type="bot") as bob:
            room, other = ann.room("py-lobby"), ann.room("py-other")
            theirs = bob.room("py-lobby")
            await asyncio.gather(room.joined(), other.joined(), theirs.joined())
            messages = aiter(theirs)
            first = asyncio.ensure_future(anext(messages))
            await asyncio.sleep(0)  # the iteration has begun
            acks = await asyncio.gather(*(room.send({"n": n}) for n in range(20)))
            assert [ack["seq"] for ack in acks] == list(range(1, 21)) and acks[0]["durable"] == "memory"
            seen = [await first, *await take(messages, 19)]
            assert [message["content"]["n"] for message in seen] == list(range(20))
            assert (await other.send("x"))["room"] == "py-other"
            again = await room.send("again", id="same")
            assert (await room.send("again", id="same"))["seq"] == again["seq"] == 21
            assert [m["seq"] async for m in room.history(limit=6)] == list(range(21, 0, -1))
            assert [m["seq"] async for m in room.history(after=10, limit=4)] == list(range(11, 22))
            assert {user["user"] for user in (await room.users())["users"]} == {"ann", "bob"}
            typing = asyncio.get_running_loop().create_future()
            theirs.once("typing", typing.set_result)
            assert room.typing()
            assert (await asyncio.wait_for(typing, BOUND))["user"] == "ann"
            signal = asyncio.get_running_loop().create_future()
            theirs.once("signal", signal.set_result)
            assert room.signal("cursor", {"x": 1})
            shown = await asyncio.wait_for(signal, BOUND)
            assert (shown["user"], shown["name"], shown["data"]) == ("ann", "cursor", {"x": 1})
            with pytest.raises(SluiceError, match="unserialisable"):
                room.signal("cursor", float("nan"))
            with pytest.raises(SluiceError, match="unserialisable"):
                await room.send(float("nan"))
            other.leave()
            with pytest.raises(SluiceError, match="not_in_room"):
                await other.send("y")
            with pytest.raises(SluiceError, match="bad_frame"):
                await room.page(limit=0)

    run(play())


def test_directs_wait_for_the_application(node):
    async def play():
        async with Sluice(node.url(""), user="py-ann") as ann:
            ann.room("py-d")
            for n in range(3):
                await ann.direct("py-bob", n)
        seen = []
        for _ in range(2):  # the first time only two are processed
            async with Sluice(node.url(""), user="py-bob", device="phone") as bob:
                bob.room("py-d")
                inbox = aiter(bob.inbox)
                seen.append(await asyncio.wait_for(anext(inbox), BOUND))
                if len(seen) == 1:
                    seen.append(await asyncio.wait_for(anext(inbox), BOUND))
                    # Going on from the second acks it; the third comes, and is left unprocessed.
                    assert (await asyncio.wait_for(anext(inbox), BOUND))["content"] == 2
                    await bob.room("py-d").users()  # answered after the acks before it
        assert [direct["content"] for direct in seen] == [0, 1, 2]

    run(play())


def test_publishing_over_http(node):
    async def play():
        publisher = Publisher(f"http://127.0.0.1:{node.port}")
        async with Sluice(node.url(""), user="carl") as carl:
            room = carl.room("py news")
            got = asyncio.get_running_loop().create_future()
            room.once("message", got.set_result)
            await room.joined()
            ack = await publisher.publish("py news", "desk", {"title": "é"}, id="n1")
            assert (await asyncio.wait_for(got, BOUND))["content"] == {"title": "é"}
            assert (await publisher.publish("py news", "desk", "other", id="n1"))["seq"] == ack["seq"]
            direct = asyncio.get_running_loop().create_future()
            carl.inbox.once("direct", direct.set_result)
            await publisher.direct("carl", "desk", "for you")
            assert (await asyncio.wait_for(direct, BOUND))["from"] == "desk"
        with pytest.raises(SluiceError) as refused:
            await publisher.publish("py news", "desk", "x", id="")  # an empty id is as none
            await publisher.publish("py news", "a/b", "x")
        assert refused.value.code == "bad_request"
        with pytest.raises(SluiceError, match="unserialisable"):
            await publisher.publish("py news", "desk", object())

    run(play())


def test_killed_nodes_lose_and_double_nothing():
    """Two writers and a reader, while their node is killed and started again, with its Redis alive."""
    count, kills = 150, 3
    quick = Options(backoff_base_ms=50, backoff_max_ms=300)

    async def play(node):
        clients = [Sluice(node.url(""), user=user, options=quick) for user in ("ann", "bob", "reader")]
        seen, gaps = [], []
        async with contextlib.AsyncExitStack() as stack:
            rooms = [(await stack.enter_async_context(client)).room("chaos") for client in clients]
            await asyncio.gather(*(room.joined() for room in rooms))
            rooms[2].on("message", lambda message: seen.append((message["user"], message["content"])))
            rooms[2].on("gap", gaps.append)
            acked = []

            async def write(room, user):
                for n in range(count):
                    ack = await room.send(n)
                    acked.append((ack["epoch"], ack["seq"], user, n))

            writers = [asyncio.create_task(write(room, user)) for room, user in zip(rooms, ("ann", "bob"))]
            for kill in range(1, kills + 1):
                while len(acked) < kill * 2 * count // (kills + 1):
                    await asyncio.sleep(0.01)
                node.process.kill()
                await asyncio.to_thread(node.process.wait)
                await asyncio.to_thread(node.start)
            await asyncio.gather(*writers)
            last = max(place[1] for place in acked)
            while rooms[2].position[1] < last:
                await asyncio.sleep(0.01)
        assert not any(task.done() and task.exception() for task in writers)
        for user in ("ann", "bob"):
            assert [n for who, n in seen if who == user] == list(range(count)), gaps
        assert len(seen) == 2 * count
        assert len({place[:2] for place in acked}) == 2 * count

    with Redis() as redis:
        node = Node(REDIS_URL=redis.url, NODE_ID="killed", MESSAGES_PER_SECOND=200).start()
        try:
            run(play(node))
        finally:
            node.stop()
