"""Floods a room for a minute while one member never reads, and prints what that does to the others and to the node.

    .build/test-venv/bin/python Tests/Measure/slow_reader.py [--seconds 60] [--rate 400] [--bytes 2000] [--members 20]

Runs twice on a node of its own, without and with the reader that never reads; latencies are from sending to receiving,
in this process. Then the slow reader resumes from its last position, and what it missed is checked message by message.
"""

import argparse
import asyncio
import base64
import json
import os
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "Support"))
import node as nodes  # noqa: E402
import websockets  # noqa: E402


def resident_bytes(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def connect_and_never_read(port):
    """Joins the room by hand and leaves everything that follows unread."""
    sock = socket.create_connection(("127.0.0.1", port))
    key = base64.b64encode(os.urandom(16)).decode()
    sock.sendall(
        f"GET /ws/flood/sleeper HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
    )
    return sock


def read_frames(sock):
    """All frames that are still there, and the close code at their end."""
    data = bytearray()
    sock.settimeout(5)
    try:
        while piece := sock.recv(1 << 20):
            data += piece
    except (TimeoutError, ConnectionError):
        pass
    at = data.index(b"\r\n\r\n") + 4
    frames, code = [], None
    while at + 2 <= len(data):
        length, head = data[at + 1] & 0x7F, 2
        if length == 126:
            length, head = struct.unpack_from(">H", data, at + 2)[0], 4
        elif length == 127:
            length, head = struct.unpack_from(">Q", data, at + 2)[0], 10
        if at + head + length > len(data):
            break
        payload = bytes(data[at + head : at + head + length])
        if data[at] & 0xF == 8:
            code = struct.unpack(">H", payload[:2])[0]
        elif data[at] & 0xF == 1:
            frames.append(json.loads(payload))
        at += head + length
    return frames, code


async def member(port, name, latencies, stop):
    async with websockets.connect(f"ws://127.0.0.1:{port}/ws/flood/{name}", compression=None) as ws:
        while not stop.is_set():
            try:
                frame = json.loads(await asyncio.wait_for(ws.recv(), 0.5))
            except TimeoutError:
                continue
            if frame["type"] == "message":
                latencies.append(time.monotonic() - frame["content"]["at"])


async def flood(port, seconds, rate, size):
    sent = 0
    async with websockets.connect(f"ws://127.0.0.1:{port}/ws/flood/sender", compression=None) as ws:
        async def drop():
            async for _ in ws:
                pass

        reader = asyncio.create_task(drop())
        start = time.monotonic()
        while (now := time.monotonic()) - start < seconds:
            while sent < (now - start) * rate:
                content = {"at": time.monotonic(), "n": sent, "pad": "x" * size}
                await ws.send(json.dumps({"type": "message", "id": f"m{sent}", "content": content}))
                sent += 1
            await asyncio.sleep(0.005)
        await asyncio.sleep(1)
        reader.cancel()
    return sent


def wake_when_given_up(node, sock):
    """Sleeps until the node no longer counts the user as online, then reads what is left."""
    while node.get("/api/users/sleeper").json["online"]:
        time.sleep(0.5)
    return read_frames(sock)


async def run(options, with_sleeper):
    node = nodes.Node(MESSAGES_PER_SECOND="1000000", HISTORY_SIZE="100000", WORKERS="2").start()
    try:
        latencies, stop, peak = [], asyncio.Event(), 0
        members = [asyncio.create_task(member(node.port, f"m{n}", latencies, stop)) for n in range(options.members)]
        sleeper = connect_and_never_read(node.port) if with_sleeper else None
        waking = None
        if sleeper:
            await asyncio.sleep(0.5)
            waking = asyncio.create_task(asyncio.to_thread(wake_when_given_up, node, sleeper))
        before = resident_bytes(node.process.pid)

        async def watch():
            nonlocal peak
            while True:
                peak = max(peak, resident_bytes(node.process.pid))
                await asyncio.sleep(0.1)

        watcher = asyncio.create_task(watch())
        sent = await flood(node.port, options.seconds, options.rate, options.bytes)
        watcher.cancel()
        stop.set()
        await asyncio.gather(*members)
        latencies.sort()
        history = sent * (options.bytes + 300)
        print(
            f"{'with' if with_sleeper else 'without'} a reader that never reads: sent {sent}, "
            f"delivered {len(latencies)} of {sent * options.members}, "
            f"p50 {latencies[len(latencies) // 2] * 1e3:.2f} ms, "
            f"p99 {latencies[len(latencies) * 99 // 100] * 1e3:.2f} ms, "
            f"node grew by at most {(peak - before) / 1e6:.1f} MB "
            f"of which the room's history is about {history / 1e6:.1f} MB"
        )
        if sleeper:
            frames, code = await waking
            messages = [frame for frame in frames if frame["type"] == "message"]
            position, epoch = messages[-1]["seq"], messages[-1]["epoch"]
            uri = f"ws://127.0.0.1:{node.port}/ws/flood/sleeper?since={position}&epoch={epoch}"
            async with websockets.connect(uri, compression=None, max_size=None) as ws:
                while len(messages) < sent:
                    frame = json.loads(await asyncio.wait_for(ws.recv(), 10))
                    if frame["type"] == "message":
                        messages.append(frame)
            complete = [frame["seq"] for frame in messages] == list(range(1, sent + 1))
            print(
                f"the reader was closed with {code} after {position} messages; "
                f"after its resume all {sent} once and in order: {complete}"
            )
            return complete and code == 4102
        return len(latencies) == sent * options.members
    finally:
        node.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=float, default=400)
    parser.add_argument("--bytes", type=int, default=2000)
    parser.add_argument("--members", type=int, default=20)
    options = parser.parse_args()
    results = [asyncio.run(run(options, with_sleeper)) for with_sleeper in (False, True)]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
