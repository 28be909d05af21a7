"""Direct messages in a chaos run: what each member sends to others and gets from them, and the check that none was lost
or came twice.
"""

import time

from chaos_walk import Violation

# Around a loss of Redis' data what nobody living holds is lost, as the contract says: so is the inbox of a user who is
# not there yet.
WIPE_SECONDS = 15.0


class Directs:
    """One member's. `takes` gets the member's frames first, and says which of them were its own."""

    def __init__(self, member):
        self.member = member
        self.pending = {}  # id → receiver, in the order of sending
        self.acked = {}  # id → (receiver, time, durable, life of the node)
        self.got = {}  # (sender, id) → trace of the first time
        self.violations = []
        self.sent = self.again = 0
        self.seen_here, self.place = set(), None  # on this connection
        self.processed = (None, 0)  # epoch and seq that this device has acked

    def connected(self):
        self.seen_here, self.place = set(), None

    async def joined(self):
        for id, receiver in list(self.pending.items()):
            await self.pass_on(id, receiver)

    async def say(self, receiver):
        id = f"{self.member.name}-d{self.sent}"
        self.sent += 1
        self.pending[id] = receiver
        await self.pass_on(id, receiver)

    async def pass_on(self, id, receiver):
        await self.member.put({"type": "direct", "id": id, "to": receiver, "content": f"{id} to {receiver}"})

    async def takes(self, frame):
        kind = frame["type"]
        if kind == "ack" and "to" in frame:
            receiver = self.pending.pop(frame["id"], None)
            if receiver is not None:
                self.acked[frame["id"]] = (receiver, time.monotonic(), frame["durable"], self.member.trace.life)
        elif kind == "direct":
            await self.take(frame)
        elif kind == "confirm" and frame.get("inbox"):
            for entry in frame["entries"]:
                await self.acknowledge(frame["epoch"], entry["seq"])
        elif kind == "error" and frame["code"] == "outbox_full" and frame.get("id") in self.pending:
            del self.pending[frame["id"]]
        else:
            return kind == "gap" and bool(frame.get("inbox"))
        return True

    async def take(self, frame):
        key = (frame["from"], frame["id"], frame["to"])
        if frame["content"] != f"{frame['id']} to {frame['to']}":
            self.complain(f"another content than was sent: {frame}")
        if key in self.seen_here:
            self.complain(f"twice on one connection: {frame}")
        self.seen_here.add(key)
        if frame["to"] == self.member.user:
            self.got.setdefault(key[:2], self.member.trace)
        if frame.get("provisional"):
            return
        if self.place and self.place[0] == frame["epoch"] and frame["seq"] <= self.place[1]:
            self.complain(f"behind {self.place}: {frame}")
        self.place = (frame["epoch"], frame["seq"])
        if frame["epoch"] == self.processed[0] and frame["seq"] <= self.processed[1]:
            self.again += 1
        await self.acknowledge(frame["epoch"], frame["seq"])

    async def acknowledge(self, epoch, seq):
        self.processed = (epoch, max(seq, self.processed[1] if self.processed[0] == epoch else 0))
        await self.member.put({"type": "inbox_ack", "epoch": epoch, "seq": seq})

    def complain(self, text):
        self.violations.append(Violation("direct", text, self.member.trace))


def missing(members):
    """(sender's member, id, what is known of it) of all that were acked and that no device of the receiver has."""
    got = {}
    for member in members:
        got.setdefault(member.user, set()).update(member.directs.got)
    for member in members:
        for id, known in member.directs.acked.items():
            if (member.user, id) not in got.get(known[0], set()):
                yield member, id, known


def check(record, counts):
    """What is wrong with the direct messages of a run."""
    violations = [violation for member in record.members for violation in member.directs.violations]
    for member in record.members:
        counts["directs"] += len(member.directs.acked)
        counts["directs that a device got again"] += member.directs.again
    for member, id, (receiver, at, durable, life) in missing(record.members):
        traces = [trace for other in record.members if other.user == receiver for trace in other.traces]
        first = min((trace.opened for trace in traces), default=at)
        if any(wipe.at - WIPE_SECONDS < max(at, first) and at < wipe.until + WIPE_SECONDS for wipe in record.wipes):
            counts["left out: a direct at the time of a wipe"] += 1
        elif durable == "local" and life.ended is not None:
            counts["left out: a direct with a node that ended"] += 1
        else:
            text = f"{id} of {member.user} to {receiver}, acked {durable} by {life}, was never seen"
            violations.append(Violation("direct", text, None, None, None, (member.user, id)))
    return violations
