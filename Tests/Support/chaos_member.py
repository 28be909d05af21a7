"""A client that goes through chaos: sends into its rooms, keeps all that it saw, and comes back on whatever node."""

import asyncio
import dataclasses
import json
import time

import websockets.asyncio.client
import websockets.exceptions
from chaos_directs import Directs
from client import path
from node import seconds

# What a message carries besides its name, so that frames have different lengths.
PADDING = "chaos " * 50
# Frames that say nothing about the order of a room.
UNKEPT = {"pong", "joined", "left", "presence", "device", "typing", "read", "tier"}


@dataclasses.dataclass(eq=False)
class Trace:
    """One connection: `events` are (time, room, frame), in the order in which they happened here.

    Frames are those of the contract without what no rule needs; what the client did itself is {"type": "sent", "id"}.
    """

    member: "Member"
    number: int
    life: object
    given: dict  # room → the position with which it came, or None
    opened: float
    events: list = dataclasses.field(default_factory=list)
    ended: float | None = None
    end: str = ""
    joined_at: dict = dataclasses.field(default_factory=dict)

    def __str__(self):
        return f"{self.member.name}#{self.number} at {self.life}"


def content(user, id):
    """What the message of this user and id says."""
    return f"{user} {id} {PADDING[: sum(id.encode()) * 7 % len(PADDING)]}"


class Member:
    """One client. `drops_after` is the mean time after which it drops a connection, None for never."""

    def __init__(self, cluster, number, user, rooms, generator, options, drops_after):
        self.cluster, self.generator, self.options = cluster, generator, options
        self.name, self.user, self.rooms = f"c{number}", user, rooms
        self.drops_after = drops_after
        self.others = []  # users to whom it may write
        self.traces = []
        self.positions = {}  # room → (epoch, seq)
        self.pending = {room: {} for room in rooms}  # id → None: not answered, in the order of sending
        self.unconfirmed = {room: set() for room in rooms}  # (user, id) of what this connection knows without a place
        self.sent = 0
        self.first_sent = {}  # (room, id) → time
        self.answered = {}  # (room, id) → answer frames' count
        self.refused = {}  # (room, id) → code
        self.errors = []
        self.resumes = []  # seconds from the end of a connection to the next joined_room
        self.socket = None
        self.inside = set()  # rooms that this connection is in
        self.passed = {}  # what this connection has sent, by room
        self.directs = Directs(self)
        self.is_over = False
        self.ready = asyncio.Event()
        self.trace = None

    # Connections

    async def run(self):
        lost_at = None
        while not self.is_over:
            hosts = self.cluster.living()
            if not hosts:
                await asyncio.sleep(0.02)
                continue
            host = self.generator.choice(hosts)
            ended = await self.connect(host, lost_at)
            if ended is not None:
                lost_at = ended
            else:
                await asyncio.sleep(0.02)

    def url(self, host):
        query = {"device": self.name}
        if position := self.positions.get(self.rooms[0]):
            query |= {"epoch": position[0], "since": position[1]}
        return host.node.url(path(self.rooms[0], self.user, **query))

    async def connect(self, host, lost_at):
        """One connection; when it ended, or None when there was none."""
        life = host.life
        given = {room: self.positions.get(room) for room in self.rooms}
        trace = Trace(self, len(self.traces), life, given, time.monotonic())
        try:
            socket = await websockets.asyncio.client.connect(
                self.url(host),
                compression=None,
                ping_interval=None,
                proxy=None,
                max_queue=None,
                open_timeout=seconds(10),
                close_timeout=1,
            )
        except (OSError, websockets.exceptions.WebSocketException, asyncio.TimeoutError):
            return None
        if host.life is not life:
            socket.transport.abort()
            return None
        self.traces.append(trace)
        self.trace, self.socket = trace, socket
        self.inside, self.passed = set(), {room: set() for room in self.rooms}
        self.directs.connected()
        for room in self.rooms:
            self.unconfirmed[room] = set()
        timer = None
        if self.drops_after is not None:
            timer = asyncio.get_running_loop().call_later(
                self.generator.expovariate(1 / self.drops_after), self.drop, socket
            )
        try:
            async for text in socket:
                await self.take(json.loads(text), lost_at)
            trace.end = trace.end or f"closed with {socket.close_code} {socket.close_reason}"
        except websockets.exceptions.ConnectionClosed as closed:
            frame = closed.rcvd
            trace.end = trace.end or (f"closed with {frame.code} {frame.reason}" if frame else "lost")
        finally:
            if timer:
                timer.cancel()
            socket.transport.abort()
            self.socket, self.inside = None, set()
            trace.ended = time.monotonic()
        return trace.ended

    def drop(self, socket):
        """The TCP connection goes without a word, with whatever was on its way."""
        if socket is self.socket and not self.is_over:
            self.trace.end = "dropped"
            socket.transport.abort()

    async def leave(self):
        self.is_over = True
        if self.socket:
            self.trace.end = "over"
            await self.socket.close()

    # Frames

    async def take(self, frame, lost_at):
        kind, now = frame["type"], time.monotonic()
        room = frame.get("room")
        if kind in UNKEPT or await self.directs.takes(frame):
            return
        if kind in {"message", "confirm", "gap", "ack", "joined_room"} and room not in self.rooms:
            self.errors.append((self.trace, f"a frame of a room that {self.name} is not in: {frame}"))
            return
        text = frame.pop("content", None)
        for name in ("ts", "device", "message_type", "users"):
            frame.pop(name, None)
        self.trace.events.append((now, room, frame))
        if kind == "message":
            if text != content(frame["user"], frame["id"]):
                self.errors.append((self.trace, f"another content than was sent: {frame}: {text!r}"))
            self.message(room, frame)
        elif kind == "ack":
            self.ack(room, frame)
        elif kind == "confirm":
            for entry in frame["entries"]:
                self.positions[room] = (frame["epoch"], entry["seq"])
                self.unconfirmed[room].discard((entry["user"], entry["id"]))
        elif kind == "gap":
            self.positions[room] = (frame["epoch"], frame["next_seq"] - 1)
        elif kind == "error":
            self.error(room, frame)
        elif kind == "joined_room":
            await self.joined(room, frame, now, lost_at)

    def message(self, room, frame):
        if frame.get("provisional"):
            self.unconfirmed[room].add((frame["user"], frame["id"]))
        else:
            self.positions[room] = (frame["epoch"], frame["seq"])

    def ack(self, room, frame):
        self.pending[room].pop(frame["id"], None)
        self.answered[room, frame["id"]] = self.answered.get((room, frame["id"]), 0) + 1
        if frame["durable"] == "local":
            if "seq" not in frame:
                self.unconfirmed[room].add((self.user, frame["id"]))
        else:
            self.unconfirmed[room].discard((self.user, frame["id"]))
            position = (frame["epoch"], frame["seq"])
            # A repetition is answered with its first position, which may be long passed.
            epoch, seq = self.positions[room]
            if not frame.get("duplicate") or position == (epoch, seq + 1):
                self.positions[room] = position

    def error(self, room, frame):
        id = frame.get("id")
        if frame["code"] == "outbox_full" and id is not None:
            self.pending[room].pop(id, None)
            self.refused[room, id] = frame["code"]
        else:
            self.errors.append((self.trace, f"an error that nothing asks for: {frame}"))

    async def joined(self, room, frame, now, lost_at):
        if self.positions.get(room) is None:
            self.positions[room] = (frame["epoch"], frame["seq"])
        self.trace.joined_at[room] = now
        if room == self.rooms[0]:
            if lost_at is not None:
                self.resumes.append(now - lost_at)
            for other in self.rooms[1:]:
                position = self.positions.get(other)
                self.trace.given[other] = position
                fields = {"since": position[1], "epoch": position[0]} if position else {}
                await self.put({"type": "join", "room": other, **fields})
            await self.directs.joined()
        self.inside.add(room)
        if len(self.inside) == len(self.rooms):
            self.ready.set()
        for id in list(self.pending[room]):
            await self.pass_on(room, id)

    # Sending

    async def put(self, frame):
        try:
            await self.socket.send(json.dumps(frame))
        except (websockets.exceptions.ConnectionClosed, AttributeError):
            pass  # What it said is pending, and is said again after the resume.

    async def pass_on(self, room, id):
        """Sends a message on this connection, unless it was."""
        if room not in self.inside or id in self.passed[room]:
            return
        self.passed[room].add(id)
        self.trace.events.append((time.monotonic(), room, {"type": "sent", "id": id}))
        await self.put({"type": "message", "room": room, "id": id, "content": content(self.user, id)})

    async def say(self, room, id=None):
        """A new message; it is sent until it is answered."""
        if id is None:
            id = f"{self.name}-{self.sent}"
            self.sent += 1
        self.first_sent.setdefault((room, id), time.monotonic())
        self.pending[room][id] = None
        await self.pass_on(room, id)
        return id

    async def speak(self, until):
        """Sends at a random pace; now and then again what was answered already."""
        said = []
        while (loop := asyncio.get_running_loop()).time() < until:
            await asyncio.sleep(self.generator.expovariate(self.options.rate))
            if not self.ready.is_set() or loop.time() >= until:
                continue
            if said and self.generator.random() < self.options.repeats:
                room, id = self.generator.choice(said[-50:])
                if id not in self.pending[room]:
                    self.passed.get(room, set()).discard(id)
                    await self.say(room, id)
                continue
            if self.others and self.generator.random() < self.options.directs:
                await self.directs.say(self.generator.choice(self.others))
                continue
            room = self.generator.choice(self.rooms)
            said.append((room, await self.say(room)))
