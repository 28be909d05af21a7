"""Important work under load: direct messages and resuming clients at a node that others overload meanwhile.

    Tests/Measure/priorities.py --port 8000 --seconds 20

Clients of its own send direct messages, and come back with a position again and again. It prints how many of them
succeeded at the first try, and how long they took. Load is somebody else's: `load_test --scenario overload`, for
example.
"""

import argparse
import asyncio
import json
import time

import websockets
from websockets.asyncio.client import connect

WAIT = 10.0


async def frame_of(socket, *types, **fields):
    """The first frame of one of these types with these fields."""
    async with asyncio.timeout(WAIT):
        while True:
            frame = json.loads(await socket.recv())
            if frame["type"] in types and all(frame.get(name) == value for name, value in fields.items()):
                return frame


class Tally:
    def __init__(self, name):
        self.name = name
        self.times = []
        self.failures = {}

    def failed(self, why):
        self.failures[why] = self.failures.get(why, 0) + 1

    def line(self):
        tried = len(self.times) + sum(self.failures.values())
        times = sorted(self.times)

        def at(share):
            return f"{times[min(len(times) - 1, int(len(times) * share))] * 1000:.1f} ms" if times else "-"

        share = 100 * len(times) / max(tried, 1)
        spread = f"p50 {at(0.5)}  p99 {at(0.99)}"
        return f"{self.name:<16}{len(times)} of {tried} ({share:.2f} %)  {spread}  {self.failures or ''}"


async def enter(url, name):
    """A connection in the room, however often it has to ask: new ones are not what is measured."""
    while True:
        socket = await connect(f"{url}/ws/priorities/{name}", proxy=None, open_timeout=WAIT)
        try:
            return socket, await frame_of(socket, "joined_room")
        except websockets.exceptions.ConnectionClosed as closed:
            if not closed.rcvd or closed.rcvd.code != 1013:
                raise
            await asyncio.sleep(json.loads(closed.rcvd.reason)["retry_ms"] / 1000)


async def send_directs(url, number, tally, end):
    socket, _ = await enter(url, f"from-{number}")
    async with socket:
        count = 0
        while time.monotonic() < end:
            count += 1
            id = f"{number}-{count}"
            start = time.monotonic()
            await socket.send(json.dumps({"type": "direct", "to": f"to-{number}", "id": id, "content": "x" * 100}))
            answer = await frame_of(socket, "ack", "error", id=id)
            if answer["type"] == "ack":
                tally.times.append(time.monotonic() - start)
            else:
                tally.failed(answer["code"])
            await asyncio.sleep(0.1)


async def come_back(url, number, tally, end):
    socket, joined = await enter(url, f"back-{number}")
    epoch = joined["epoch"]
    await socket.close()
    while time.monotonic() < end:
        start = time.monotonic()
        try:
            target = f"{url}/ws/priorities/back-{number}?since=0&epoch={epoch}&device=d"
            async with connect(target, proxy=None, open_timeout=WAIT) as socket:
                await frame_of(socket, "joined_room")
                tally.times.append(time.monotonic() - start)
        except websockets.exceptions.ConnectionClosed as closed:
            tally.failed(f"close {closed.rcvd.code if closed.rcvd else 1006}")
        except websockets.exceptions.InvalidStatus as refused:
            tally.failed(f"HTTP {refused.response.status_code}")
        except TimeoutError:
            tally.failed("timeout")
        await asyncio.sleep(0.2)


async def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--clients", type=int, default=20)
    options = parser.parse_args()
    url = f"ws://127.0.0.1:{options.port}"
    end = time.monotonic() + options.seconds
    directs, resumes = Tally("direct messages"), Tally("resumes")
    tasks = [send_directs(url, number, directs, end) for number in range(options.clients)]
    tasks += [come_back(url, number, resumes, end) for number in range(options.clients)]
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, BaseException):
            print(f"a client ended: {result!r}")
    print(directs.line())
    print(resumes.line())


asyncio.run(main())
