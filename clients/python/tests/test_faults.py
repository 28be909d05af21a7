"""What only the callers of Python can do wrong: cancelling, listening from the wrong place, letting go."""

import asyncio
import json

import pytest
from sluice_client import Options, Sluice, SluiceError
from websockets.asyncio.server import serve

QUICK = Options(backoff_base_ms=20, backoff_max_ms=100)
BOUND = 10
WELCOME = '{"type": "welcome"}'
JOINED = '{"type": "joined_room", "room": "r", "epoch": "e", "seq": 0}'


def message(seq):
    return json.dumps(
        {"type": "message", "room": "r", "epoch": "e", "seq": seq, "user": "bob", "id": f"m{seq}", "content": 1}
    )


class Server:
    """Welcomes who comes, and gives the sockets to the test."""

    def __init__(self):
        self.sockets = asyncio.Queue()
        self.count = 0

    async def __aenter__(self):
        self._server = await serve(self._accept, "127.0.0.1", 0, subprotocols=["sluice.v1"], ping_interval=None)
        self.url = f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self._server.close()

    async def _accept(self, socket):
        self.count += 1
        await socket.send(WELCOME)
        await socket.send(JOINED)
        self.sockets.put_nowait(socket)
        await socket.wait_closed()

    async def socket(self):
        return await asyncio.wait_for(self.sockets.get(), BOUND)


def run(play):
    async def bounded():
        async with Server() as server:
            await asyncio.wait_for(play(server), 3 * BOUND)

    asyncio.run(bounded())


def test_an_iteration_begins_when_it_is_made_and_outlives_a_timeout():
    async def play(server):
        async with Sluice(server.url, user="ann", options=QUICK) as client:
            room = client.room("r")
            socket, messages = await server.socket(), aiter(room)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(messages), 0.01)
            await socket.send(message(1))
            assert (await asyncio.wait_for(anext(messages), BOUND))["seq"] == 1
            await messages.aclose()
            with pytest.raises(StopAsyncIteration):
                await anext(messages)

    run(play)


def test_an_iteration_that_nobody_holds_is_forgotten():
    async def play(server):
        async with Sluice(server.url, user="ann", options=QUICK) as client:
            room = client.room("r")
            socket = await server.socket()
            for seq in range(1, 6):
                await socket.send(message(seq))
                async for each in room:
                    assert each["seq"] == seq
                    break
                await asyncio.sleep(0)
                assert room._feeds == []
            aiter(client.inbox)  # and let go of
            second = aiter(client.inbox)
            with pytest.raises(SluiceError, match="busy"):
                aiter(client.inbox)
            await second.aclose()


    run(play)


def test_the_second_caller_of_one_message_outlives_the_first():
    async def play(server):
        async with Sluice("ws://127.0.0.1:1", user="ann", options=QUICK) as client:
            room = client.room("r")
            first = asyncio.ensure_future(room.send("x", id="same"))
            hasty = asyncio.ensure_future(room.send("x", id="same", timeout_ms=1))
            second = asyncio.ensure_future(room.send("x", id="same"))
            await asyncio.sleep(0)
            first.cancel()
            with pytest.raises(SluiceError, match="timeout"):
                await hasty
            assert not second.done() and len(client._sending) == 1
            second.cancel()
            await asyncio.wait([first, second])
            assert len(client._sending) == 0  # nobody waits, and it was never sent

    run(play)


@pytest.mark.parametrize("is_async", [True, False])
def test_closing_while_a_token_is_fetched(is_async):
    async def play(server):
        async def get_token():
            await client.close()
            return "t"

        def start():
            closing.append(asyncio.ensure_future(client.close()))
            return "t"

        closing = []
        client = Sluice(server.url, user="ann", options=QUICK, get_token=get_token if is_async else start)
        waiting = asyncio.ensure_future(client.room("r").joined())
        with pytest.raises(SluiceError, match="closed"):
            await waiting
        await asyncio.gather(*closing)
        assert (client.state, server.count) == ("closed", 0)
        while any("Sluice." in repr(task) for task in asyncio.all_tasks()):
            await asyncio.sleep(0.01)  # bounded by `run`

    run(play)


def test_closing_while_it_connects_leaves_no_task():
    async def play(server):
        for _ in range(20):
            client = Sluice(server.url, user="ann", options=QUICK)
            client.room("r")
            await asyncio.sleep(0)
            await client.close()
            assert client.state == "closed"
            assert [task for task in asyncio.all_tasks() if "Sluice." in repr(task)] == []

    run(play)


def test_an_address_that_can_not_be_ends_the_client_with_a_word():
    async def play(server):
        async with Sluice("http://[", user="ann", options=QUICK) as client:
            with pytest.raises(SluiceError, match="closed"):
                await client.room("r").joined()
            assert client.state == "closed"

    run(play)


def test_a_direct_gives_up_in_time_though_no_room_is_left():
    async def play(server):
        options = Options(backoff_base_ms=20, backoff_max_ms=100, send_timeout_ms=200, idle_ms=100)
        async with Sluice(server.url, user="ann", options=options) as client:
            room = client.room("r")
            socket = await server.socket()
            sending = asyncio.ensure_future(client.direct("bob", "x"))
            while '"direct"' not in await asyncio.wait_for(socket.recv(), BOUND):
                pass
            room.leave()
            await socket.close()
            with pytest.raises(SluiceError, match="timeout"):
                await asyncio.wait_for(sending, BOUND)

    run(play)
