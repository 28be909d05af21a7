"""A client of its own kind: aiohttp, for WebSocket and HTTP on one session."""

import asyncio

import aiohttp
from client import path
from node import seconds


def run(scenario):
    asyncio.run(asyncio.wait_for(scenario, seconds(30)))


async def take(socket, type):
    while True:
        frame = await socket.receive_json(timeout=seconds(5))
        if frame["type"] == type:
            return frame


def test_chat(gateway, room, name):
    async def scenario():
        base = f"http://127.0.0.1:{gateway.port}"
        async with aiohttp.ClientSession(base) as session:
            async with (
                session.ws_connect(path(room, name("ann")), protocols=["sluice.v1"]) as ann,
                session.ws_connect(path(room, name("bob"))) as bob,
            ):
                assert ann.protocol == "sluice.v1" and bob.protocol is None
                joined = await take(ann, "joined_room")
                await take(bob, "joined_room")
                await ann.send_json({"type": "message", "id": "1", "content": "grüße"})
                ack = await take(ann, "ack")
                message = await take(bob, "message")
                assert message["content"] == "grüße" and message["seq"] == ack["seq"] == joined["seq"] + 1
                async with session.post(
                    f"/api/rooms/{room}/messages", json={"user": "svc", "content": [1, 2]}
                ) as answer:
                    assert answer.status == 201
                assert (await take(ann, "message"))["content"] == [1, 2]
                async with session.get(f"/api/rooms/{room}/messages") as answer:
                    assert [m["seq"] for m in (await answer.json())["messages"]] == [1, 2]
                await ann.ping(b"life")
                await ann.send_json({"type": "ping", "t": 5})
                assert (await take(ann, "pong"))["t"] == 5
                await ann.close(code=1000)
                assert ann.close_code == 1000

    run(scenario())


def test_offered_compression_is_declined(gateway, room, name):
    """permessage-deflate is off: the client falls back to plain frames."""

    async def scenario():
        async with aiohttp.ClientSession(f"http://127.0.0.1:{gateway.port}") as session:
            async with session.ws_connect(path(room, name("ann"), echo=1), compress=15) as ann:
                assert not ann.compress
                await ann.send_json({"type": "message", "content": "x" * 1000})
                assert (await take(ann, "message"))["content"] == "x" * 1000

    run(scenario())


def test_large_messages(gateway, room, name):
    async def scenario():
        async with aiohttp.ClientSession(f"http://127.0.0.1:{gateway.port}") as session:
            async with session.ws_connect(path(room, name("ann"), echo=1)) as ann:
                for size in (125, 126, 127, 65000):
                    await ann.send_json({"type": "message", "content": "y" * size})
                    assert len((await take(ann, "message"))["content"]) == size
                await ann.send_json({"type": "message", "content": "z" * 65536})
                while not ann.closed:
                    await ann.receive(timeout=seconds(5))
                assert ann.close_code == 1009

    run(scenario())
