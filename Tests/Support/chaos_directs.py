"""Direct messages in a chaos run: what each member sends to others, gets from them, and says that it has processed."""

import time

# The place of the inbox among the rooms of a trace.
INBOX = "(inbox)"


class Directs:
    """One member's. `takes` gets the member's frames first, and says which of them were its own."""

    def __init__(self, member):
        self.member = member
        self.pending = {}  # id → receiver, in the order of sending
        self.first_sent = {}  # id → (receiver, time)
        self.acked = {}  # id → (receiver, time, durable, life of the node): the first answer
        self.unconfirmed = set()  # (sender, id) of what this connection knows without a place
        self.got = set()  # (sender, id), for whoever waits until all have come
        self.sent = 0
        self.processed = None  # epoch and seq of the last inbox_ack

    def connected(self):
        self.unconfirmed = set()

    async def joined(self):
        for id, receiver in list(self.pending.items()):
            await self.pass_on(id, receiver)

    def note(self, frame):
        if self.member.trace:
            self.member.trace.events.append((time.monotonic(), INBOX, frame))

    async def say(self, receiver):
        id = f"{self.member.name}-d{self.sent}"
        self.sent += 1
        self.first_sent[id] = (receiver, time.monotonic())
        self.pending[id] = receiver
        await self.pass_on(id, receiver)

    async def pass_on(self, id, receiver):
        self.note({"type": "sent", "id": id, "to": receiver})
        await self.member.put({"type": "direct", "id": id, "to": receiver, "content": f"{id} to {receiver}"})

    async def takes(self, frame):
        kind, member = frame["type"], self.member
        is_mine = (
            kind == "direct"
            or kind == "ack" and "to" in frame
            or frame.get("inbox") is True
            or kind == "error" and frame.get("id") in self.pending
        )
        if not is_mine:
            return False
        if kind == "direct" and frame["content"] != f"{frame['id']} to {frame['to']}":
            member.errors.append((member.trace, f"another content than was sent: {frame}"))
        self.note({name: value for name, value in frame.items() if name not in {"content", "ts", "message_type"}})
        if kind == "ack":
            self.ack(frame)
        elif kind == "direct":
            await self.take(frame)
        elif kind == "confirm":
            for entry in frame["entries"]:
                self.unconfirmed.discard((entry["user"], entry["id"]))
                await self.acknowledge(frame["epoch"], entry["seq"])
        elif kind == "error":
            await member.refused_direct(frame)
        return True

    def ack(self, frame):
        id, life = frame["id"], self.member.trace.life
        receiver = self.pending.pop(id, None)
        if receiver is not None:
            self.acked[id] = (receiver, time.monotonic(), frame["durable"], life)

    async def take(self, frame):
        key = (frame["from"], frame["id"])
        self.got.add(key)
        if frame.get("provisional"):
            self.unconfirmed.add(key)
        else:
            self.unconfirmed.discard(key)
            await self.acknowledge(frame["epoch"], frame["seq"])

    async def acknowledge(self, epoch, seq):
        if self.processed and self.processed[0] == epoch and seq <= self.processed[1]:
            return
        self.processed = (epoch, seq)
        self.note({"type": "inbox_ack", "epoch": epoch, "seq": seq})
        await self.member.put({"type": "inbox_ack", "epoch": epoch, "seq": seq})


def missing(members):
    """(sender's member, id) of all that were acked and that no device of the receiver has."""
    got = {}
    for member in members:
        got.setdefault(member.user, set()).update(member.directs.got)
    for member in members:
        for id, known in member.directs.acked.items():
            if (member.user, id) not in got.get(known[0], set()):
                yield member, id
