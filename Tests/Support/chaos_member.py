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
UNKEPT = {"pong", "joined", "left", "presence", "device", "typing", "read", "tier", "mode", "drain"}
# What a node may refuse for now, for whatever reason, and what it refuses only at a tier.
FULL = {"outbox_full"}
SHED = {"unavailable", "rate_limited", "feature_suspended"}
# A member that was refused a connection tries again after so many seconds.
REFUSED_SECONDS = 0.2


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
        self.forgets = 0.0  # how often, of its drops, it comes back without its state, as a page that is loaded again
        self.answered = {}  # (room, id) → answer frames' count
        self.refused = {}  # (room, id) → code
        self.asked = 0
        self.pages = {}  # id of a read of the inbox → future
        self.errors = []
        self.resumes = []  # seconds from the end of a connection to the next joined_room
        self.socket = None
        self.inside = set()  # rooms that this connection is in
        self.passed = {}  # what this connection has sent, by room
        self.directs = Directs(self)
        self.tasks = set()
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
                await asyncio.sleep(self.generator.uniform(0.5, 1.5) * REFUSED_SECONDS)

    def url(self, host):
        query = {"device": self.name}
        if position := self.positions.get(self.rooms[0]):
            query |= {"epoch": position[0], "since": position[1]}
        return host.node.url(path(self.rooms[0], self.user, **query))

    async def connect(self, host, lost_at):
        """One connection; when it ended, or None when there was none."""
        life = host.life
        if self.traces and self.traces[-1].end == "dropped" and self.generator.random() < self.forgets:
            self.positions.clear()
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
        if host.life is not life or self.is_over:
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
            for page in self.pages.values():
                page.cancel()
            self.pages.clear()
        return trace.ended

    def drop(self, socket):
        """The TCP connection goes without a word, with whatever was on its way."""
        if socket is self.socket and not self.is_over and self.drops_after is not None:
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
        if kind == "history" and frame.get("id") in self.pages:
            return self.inbox_page(frame)
        if kind in UNKEPT or await self.directs.takes(frame):
            return
        if kind in {"message", "confirm", "gap", "ack", "joined_room", "history"} and room not in self.rooms:
            self.errors.append((self.trace, f"a frame of a room that {self.name} is not in: {frame}"))
            return
        if kind == "history":
            entries = [(message.get("seq"), message["user"], message["id"]) for message in frame["messages"]]
            frame = {"type": kind, "id": frame["id"], "epoch": frame.get("epoch"), "entries": entries}
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
                # A place of another epoch, or one that was passed, moves nothing.
                epoch, seq = self.positions.get(room) or (frame["epoch"], 0)
                if epoch == frame["epoch"] and entry["seq"] > seq:
                    self.positions[room] = (epoch, entry["seq"])
                self.unconfirmed[room].discard((entry["user"], entry["id"]))
        elif kind == "gap":
            self.positions[room] = (frame["epoch"], frame["next_seq"] - 1)
        elif kind == "error":
            await self.error(room, frame)
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
            epoch, seq = self.positions.get(room, position)
            if not frame.get("duplicate") or position == (epoch, seq + 1):
                self.positions[room] = position

    async def error(self, room, frame):
        id = frame.get("id")
        if frame["code"] in FULL and id in self.pending.get(room, ()):
            self.pending[room].pop(id)
            self.refused[room, id] = frame["code"]
        elif frame["code"] in SHED and self.options.is_tiered:
            # It is said again; what was only asked is not.
            if id in self.pending.get(room, ()):
                self.again(frame, lambda: self.pass_on(room, id, again=True))
        else:
            self.errors.append((self.trace, f"an error that nothing asks for: {frame}"))

    async def refused_direct(self, frame):
        """A node did not take a direct message."""
        id = frame["id"]
        if frame["code"] in FULL:
            del self.directs.pending[id]
        elif frame["code"] in SHED and self.options.is_tiered:
            self.again(frame, lambda: self.directs.pass_on(id, self.directs.pending[id]))
        else:
            self.errors.append((self.trace, f"an error that nothing asks for: {frame}"))

    def again(self, frame, say):
        """Says it once more on this connection, after the time that the node asks for."""
        trace, id = self.trace, frame["id"]

        async def later():
            await asyncio.sleep(frame.get("retry_ms", 200) / 1000)
            is_open = id in self.directs.pending or any(id in pending for pending in self.pending.values())
            if trace is self.trace and self.socket and is_open:
                await say()

        self.tasks.add(task := asyncio.ensure_future(later()))
        task.add_done_callback(self.tasks.discard)

    async def joined(self, room, frame, now, lost_at):
        # A node that is behind may not know the epoch yet.
        if self.positions.get(room) is None and frame.get("epoch") is not None:
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

    async def pass_on(self, room, id, again=False):
        """Sends a message on this connection, unless it was."""
        if room not in self.inside or id in self.passed[room] and not again:
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

    async def ask(self, room):
        """Reads the newest of a room's history."""
        if room not in self.inside:
            return
        id = f"{self.name}-h{self.asked}"
        self.asked += 1
        self.trace.events.append((time.monotonic(), room, {"type": "asked", "id": id}))
        await self.put({"type": "history", "room": room, "id": id, "limit": 500})

    def inbox_page(self, frame):
        page = self.pages.pop(frame["id"])
        if not page.done():
            page.set_result(frame)

    async def read_inbox(self):
        """(epoch, [(seq, from, id, to)]) of all that this node has of the user's inbox, or None without an answer."""
        entries, before, epoch = [], None, None
        while self.socket:
            id = f"{self.name}-i{self.asked}"
            self.asked += 1
            self.pages[id] = page = asyncio.get_running_loop().create_future()
            more = {"before": before} if before else {}
            await self.put({"type": "history", "inbox": True, "id": id, "limit": 500, **more})
            try:
                frame = await asyncio.wait_for(page, seconds(5))
            except (TimeoutError, asyncio.CancelledError):
                return None
            if frame.get("inbox") is not True:
                return None
            epoch = epoch or frame.get("epoch")
            messages = frame["messages"]
            entries[:0] = [(entry.get("seq"), entry["from"], entry["id"], entry["to"]) for entry in messages]
            if frame["complete"] or not messages:
                return epoch, entries
            before = messages[0]["seq"]

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
            if self.generator.random() < self.options.reads:
                await self.ask(self.generator.choice(self.rooms))
                continue
            if self.others and self.generator.random() < self.options.directs:
                await self.directs.say(self.generator.choice(self.others))
                continue
            room = self.generator.choice(self.rooms)
            said.append((room, await self.say(room)))
