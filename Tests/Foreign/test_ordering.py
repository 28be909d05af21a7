"""Contract, section 2, "What is promised" 1 to 4: one order on two workers, with members that drop and resume.

The seed is printed and can be given again with SLUICE_SEED; the number of messages with SLUICE_MESSAGES."""

import asyncio
import json
import os
import random
import time

import pytest
import websockets.asyncio.client
import websockets.exceptions
from client import path
from node import seconds

MEMBERS = 200
SENDERS = 10
MESSAGES = int(os.environ.get("SLUICE_MESSAGES", "100"))  # of each sender


class Member:
    """One user of the room: keeps what it saw over all its connections and where it is."""

    def __init__(self, node, room, number, total, churn, compression):
        self.node, self.room, self.user = node, room, f"user{number:03}"
        self.total = total
        self.compression = compression  # what is offered, as `websockets` names it
        self.churn = churn  # None, or the generator that decides when to drop
        self.epoch, self.since = None, None
        self.seen = []  # (seq, user, id) in the order of arrival, own messages by ack or by replay
        self.acked = {}  # id → seq
        self.pending = {}  # id → content of what is sent and not acked
        self.errors = []
        self.drops = 0
        self.socket = None
        self.ready = asyncio.Event()

    def url(self):
        query = {"device": "d"} | ({} if self.since is None else {"since": self.since, "epoch": self.epoch})
        return self.node.url(path(self.room, self.user, **query))

    async def run(self):
        while self.since is None or self.since < self.total:
            try:
                async with websockets.asyncio.client.connect(
                    self.url(),
                    compression=self.compression,
                    ping_interval=None,
                    proxy=None,
                    max_queue=None,
                    open_timeout=seconds(30),
                    close_timeout=1,
                ) as self.socket:
                    assert bool(self.socket.protocol.extensions) == bool(self.compression)
                    await self.stay()
            except websockets.exceptions.ConnectionClosed as closed:
                self.errors.append(f"closed by the server: {closed}")
                return
            finally:
                self.socket = None

    async def stay(self):
        """Reads until all is seen, or until this member drops the connection."""
        lives = self.churn.randrange(20, 200) if self.churn and self.drops < 4 else None
        self.expected = None
        async for text in self.socket:
            frame = json.loads(text)
            self.take(frame)
            if frame["type"] == "joined_room":
                self.ready.set()
                for id, content in self.pending.items():
                    await self.send(id, content)
            if self.since is not None and self.since >= self.total and not self.pending:
                return
            if lives is not None and frame["type"] in {"message", "ack"}:
                lives -= 1
                if lives <= 0:
                    self.drops += 1
                    # The TCP connection goes without a word, with whatever was on its way.
                    self.socket.transport.abort()
                    return

    def take(self, frame):
        kind = frame["type"]
        if kind == "joined_room":
            if self.since is None:
                self.epoch, self.since = frame["epoch"], frame["seq"]
            elif not frame["recovered"] or frame["epoch"] != self.epoch or frame["seq"] != self.since + frame["missed"]:
                self.errors.append(f"not recovered: {frame}, at {self.since}")
        elif kind in {"message", "ack"}:
            if kind == "ack":
                self.pending.pop(frame["id"], None)
                known = self.acked.setdefault(frame["id"], frame["seq"])
                if known != frame["seq"]:
                    self.errors.append(f"{frame['id']} acked with {known} and {frame['seq']}")
                if frame.get("duplicate"):
                    # Answered with the first position, which was passed already or is replayed as a message.
                    return
            if frame["epoch"] != self.epoch or frame["seq"] != self.since + 1:
                self.errors.append(f"{kind} {frame['seq']} ({frame['id']}) came after {self.since}")
            self.since = frame["seq"]
            self.seen.append((frame["seq"], frame.get("user", self.user), frame["id"]))
            if frame.get("user") == self.user:
                self.acked.setdefault(frame["id"], frame["seq"])
        elif kind in {"gap", "error"}:
            self.errors.append(f"unexpected {frame}")

    async def send(self, id, content):
        try:
            await self.socket.send(json.dumps({"type": "message", "id": id, "content": content}))
        except websockets.exceptions.ConnectionClosed:
            pass  # Pending: sent again after the resume.

    async def speak(self, generator):
        for number in range(MESSAGES):
            id, content = f"{self.user}/{number}", "x" * generator.randrange(1, 600)
            self.pending[id] = content
            if self.socket:
                await self.send(id, content)
            await asyncio.sleep(generator.random() * 0.08)


async def scenario(node, room, seed, churn, compressed):
    generator = random.Random(seed)
    total = SENDERS * MESSAGES
    # Senders drop as well: their retries have to be recognised. Those that compress are others than those that drop.
    members = [
        Member(
            node,
            room,
            number,
            total,
            random.Random(generator.random()) if churn and number % 2 == 0 else None,
            "deflate" if number % 4 < compressed * 4 else None,
        )
        for number in range(MEMBERS)
    ]
    tasks = []
    for start in range(0, MEMBERS, 20):
        tasks += [asyncio.ensure_future(member.run()) for member in members[start : start + 20]]
        await asyncio.gather(
            *(asyncio.wait_for(member.ready.wait(), seconds(30)) for member in members[start : start + 20])
        )
    assert node.get(f"/api/rooms/{room}").json["connections"] == MEMBERS
    workers = [worker["connections"] for worker in node.get("/api/system/status").json["workers"]]
    assert min(workers) > 0, f"all connections are on one worker: {workers}"
    speakers = [member.speak(random.Random(generator.random())) for member in members[:SENDERS]]
    await asyncio.wait_for(asyncio.gather(*tasks, *speakers), seconds(120))
    return members


@pytest.mark.timeout(600)
@pytest.mark.parametrize("churn", [False, True], ids=["steady", "dropping and resuming"])
@pytest.mark.parametrize("compressed", [0, 0.5, 1], ids="{:.0%} compressed".format)
def test_every_member_sees_the_same_order(make_node, room, churn, compressed):
    seed = int(os.environ.get("SLUICE_SEED", time.time_ns() % 2**32))
    print(f"seed {seed}: SLUICE_SEED={seed} to run it again")
    node = make_node(MESSAGES_PER_SECOND=10000, COMPRESSION="on" if compressed else None)
    members = asyncio.run(scenario(node, room, seed, churn, compressed))
    total = SENDERS * MESSAGES
    errors = [f"{member.user}: {error}" for member in members for error in member.errors]
    assert not errors, f"seed {seed}: {len(errors)} errors, of them\n" + "\n".join(errors[:20])
    reference = members[-1].seen
    # No hole and no duplicate, and everything that was sent is there exactly once.
    assert [seq for seq, _, _ in reference] == list(range(1, total + 1))
    sent = {f"{member.user}/{number}" for member in members[:SENDERS] for number in range(MESSAGES)}
    assert {id for _, _, id in reference} == sent
    for member in members:
        assert member.seen == reference, f"seed {seed}: {member.user} saw another order"
    for member in members[:SENDERS]:
        assert member.acked == {id: seq for seq, user, id in reference if user == member.user}
    drops = sum(member.drops for member in members)
    print(f"{drops} drops")
    assert (drops > MEMBERS // 2) == churn
