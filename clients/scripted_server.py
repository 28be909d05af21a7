"""A WebSocket server that plays the scripts of cases.json, against which a client is checked.

    python3 clients/scripted_server.py [PORT]        (needs `pip install websockets`)

It prints its port. A client connects to ws://127.0.0.1:PORT/CASE, so to /CASE/ws/ROOM/USER?…; its n-th connection is
answered by the n-th script of the case, those after the last script by the last one. GET /CASE/verdict says what was
seen: {"failures": [text], "connections": [{"room", "user", "query", "frames", "done"}]}.

The steps of a script, one object each:
    welcome, joined   the frame with usual fields, and these over them
    send              this frame                     raw, binary    this text; these bytes (hex)
    message           a message of the room "r" with this seq and usual fields; "with" goes over them
    ack               the ack of the last frame that was awaited, with these fields over the usual ones
    refuse            an `error` for the frame awaited last, with these fields
    await             waits for a frame with these fields, and passes over others
    next              waits for the next frame that is no ping, read, typing or inbox_ack; it must have these fields
    none              for 200 ms no frame with these fields comes
    query             the connection's query has these values; null: it lacks the name
    hold              waits until the client goes
    close, reason     closes with this code                 drop    cuts the connection
"""

import asyncio
import http
import json
import pathlib
import sys
import urllib.parse

import websockets
from websockets.asyncio.server import serve

CASES = {case["name"]: case for case in json.loads(pathlib.Path(__file__).with_name("cases.json").read_text())["cases"]}
BOUND = 10  # seconds that a client may take for anything
QUIET = ("ping", "read", "typing", "inbox_ack")

WELCOME = {
    "type": "welcome", "node": "scripted", "connection": "c", "user": "ann", "device": "d", "tier": "normal",
    "mode": "single", "heartbeat_ms": 30000, "limits": {"message_bytes": 1000, "messages_per_second": 1000},
    "session": {"id": "s", "resumed": False, "message_count": 0}, "inbox": {"epoch": "i", "seq": 0, "pending": 0},
    "reconnect": {"min_ms": 10, "max_ms": 20},
}  # fmt: skip
JOINED = {"type": "joined_room", "room": "r", "epoch": "e", "seq": 0, "recovered": False, "missed": 0, "users": 1}
MESSAGE = {"type": "message", "room": "r", "epoch": "e", "user": "bob", "message_type": "text", "ts": 1}


def has(frame, fields):
    """True when `frame` has all of these fields; objects in them likewise, and null stands for a field that lacks."""
    return all(
        has(frame.get(name, {}), value) if isinstance(value, dict) and value else frame.get(name) == value
        for name, value in fields.items()
    )


class Failure(Exception):
    pass


class Connection:
    """One connection, and how its script goes."""

    def __init__(self, socket, room, user, query):
        self.socket = socket
        self.frames = []
        self.read = 0
        self.last = {}
        self.seen = {"room": room, "user": user, "query": query, "frames": self.frames, "done": False}

    async def play(self, steps):
        for step in steps:
            # The first name is the step's verb; others are its parameters.
            await getattr(self, "do_" + next(iter(step)))(step)
        self.seen["done"] = True

    async def take(self):
        while self.read == len(self.frames):
            try:
                self.frames.append(json.loads(await asyncio.wait_for(self.socket.recv(), BOUND)))
            except TimeoutError:
                raise Failure("no frame came") from None
        self.read += 1
        return self.frames[self.read - 1]

    async def write(self, frame, over=None):
        fields = {**frame, **(over or {})}
        await self.socket.send(json.dumps({name: value for name, value in fields.items() if value is not None}))

    async def do_welcome(self, step):
        await self.write(WELCOME, step["welcome"])

    async def do_joined(self, step):
        await self.write(JOINED, step["joined"])

    async def do_send(self, step):
        await self.socket.send(json.dumps(step["send"]))

    async def do_raw(self, step):
        await self.socket.send(step["raw"])

    async def do_binary(self, step):
        await self.socket.send(bytes.fromhex(step["binary"]))

    async def do_message(self, step):
        seq = step["message"]
        await self.write({**MESSAGE, "seq": seq, "id": f"m{seq}", "content": seq}, step.get("with"))

    async def do_ack(self, step):
        place = {"to": self.last["to"]} if self.last["type"] == "direct" else {"room": self.last.get("room", "r")}
        usual = {"type": "ack", **place, "id": self.last["id"], "epoch": "e", "ts": 1, "durable": "memory"}
        await self.write(usual, step["ack"])

    async def do_refuse(self, step):
        await self.write({"type": "error", "id": self.last.get("id"), "message": "refused"}, step["refuse"])

    async def do_await(self, step):
        passed = []
        try:
            while not has(frame := await self.take(), step["await"]):
                passed.append(frame)
        except (Failure, websockets.ConnectionClosed) as end:
            raise Failure(f"no frame {step['await']}: {end!r}; instead {passed}") from None
        self.last = frame

    async def do_next(self, step):
        while (frame := await self.take())["type"] in QUIET:
            pass
        if not has(frame, step["next"]):
            raise Failure(f"instead of {step['next']}: {frame}")
        self.last = frame

    async def do_none(self, step):
        try:
            async with asyncio.timeout(0.2):
                while True:
                    if has(frame := await self.take(), step["none"]):
                        raise Failure(f"not allowed: {frame}")
        except TimeoutError:
            pass

    async def do_query(self, step):
        if not has(self.seen["query"], step["query"]):
            raise Failure(f"instead of {step['query']}: {self.seen['query']}")

    async def do_hold(self, _):
        self.seen["done"] = True
        try:
            while True:
                self.frames.append(json.loads(await self.socket.recv()))
        except websockets.ConnectionClosed:
            pass

    async def do_close(self, step):
        reason = step.get("reason", "")
        await self.socket.close(step["close"], reason if isinstance(reason, str) else json.dumps(reason))

    async def do_drop(self, _):
        self.socket.transport.abort()


class Server:
    """All cases, each with what was seen of it."""

    def __init__(self):
        self.verdicts = {name: {"failures": [], "connections": []} for name in CASES}

    def answer(self, socket, request):
        """Plain HTTP: the verdicts."""
        name, _, rest = request.path.lstrip("/").partition("/")
        if rest == "verdict" and name in CASES:
            return socket.respond(http.HTTPStatus.OK, json.dumps(self.verdicts[name]))
        return None if name in CASES and rest.startswith("ws/") else socket.respond(http.HTTPStatus.NOT_FOUND, "")

    async def accept(self, socket):
        address = urllib.parse.urlsplit(socket.request.path)
        name, _, room, user = [urllib.parse.unquote(part) for part in address.path.lstrip("/").split("/")]
        verdict, scripts = self.verdicts[name], CASES[name]["connections"]
        connection = Connection(socket, room, user, dict(urllib.parse.parse_qsl(address.query)))
        number = len(verdict["connections"])
        verdict["connections"].append(connection.seen)
        try:
            await connection.play(scripts[min(number, len(scripts) - 1)])
        except Failure as failure:
            verdict["failures"].append(f"connection {number + 1}: {failure}")
        except websockets.ConnectionClosed as end:
            verdict["failures"].append(f"connection {number + 1}: the client went: {end!r}")


async def main(port):
    server = Server()
    async with serve(
        server.accept, "127.0.0.1", port, process_request=server.answer, subprotocols=["sluice.v1"], ping_interval=None
    ) as listening:
        print(listening.sockets[0].getsockname()[1], flush=True)
        # Ends with its starter, who holds the other end of standard input.
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
