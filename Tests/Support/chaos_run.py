"""One chaos run: members talk on a cluster while a script breaks it; in the end all is healed, and all is checked."""

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import random
import time

from chaos_checker import Checker, Record
from chaos_cluster import Cluster
from chaos_directs import missing
from chaos_member import Member
from chaos_script import KINDS, play, script
from node import seconds, until

SETTINGS = {
    "MESSAGES_PER_SECOND": 100_000,
    # Nothing is trimmed and no id is forgotten within a run: whatever is missing has another reason.
    "HISTORY_SIZE": 100_000,
    "INBOX_SIZE": 100_000,
    "DEDUPE_WINDOW_SECONDS": 3600,
}
HEAL_SECONDS = 40
QUIET_SECONDS = 20
# Nodes look after quiet rooms every second or two; what they still hold is back in Redis so long after the last fault.
RESTORED_SECONDS = 8
USERS_SECONDS = 20
# A run takes its length and so much more, or it is wrong.
END_SECONDS = 240


@dataclasses.dataclass(frozen=True)
class Options:
    seed: int
    length: float  # of the time with faults, in seconds
    members: int = 20
    rooms: int = 4
    nodes: int = 3
    rate: float = 2.0  # messages per second of each member
    repeats: float = 0.03  # share of them that are said a second time, though they were answered
    directs: float = 0.1  # share of messages that go to one user instead of a room
    reads: float = 0.03  # share in whose place a history is read
    forgets: float = 0.2  # share of the drops of some members after which they come without their state
    kinds: tuple = tuple(KINDS)  # of faults

    @property
    def is_tiered(self):
        return "pin_tier" in self.kinds


class Run:
    """After `go`: `checker` with what was found, `members`, `cluster`, and `said`, the times of all faults."""

    def __init__(self, options, out=print):
        self.options, self.out = options, out
        self.cluster = Cluster(options.nodes, tiers=options.is_tiered, **SETTINGS)
        self.said = []
        self.notes = []
        self.members, self.histories, self.inboxes, self.users = [], {}, {}, {}
        self.faults = script(options.seed, options.length, options.nodes, options.kinds)

    def say(self, text):
        self.said.append((time.monotonic(), text))
        self.out(f"[{time.monotonic() - self.began:6.1f} s] {text}")

    def go(self, logs_into=None):
        """Runs it all, and checks. `logs_into`: a folder for the logs of the processes when something is wrong."""
        self.began = time.monotonic()
        try:
            self.cluster.start()
            asyncio.run(self.play_within(self.options.length * 2 + seconds(END_SECONDS)))
        finally:
            self.cluster.close()
        self.checker = Checker(
            Record(
                members=self.members,
                lives=self.cluster.lives(),
                wipes=self.cluster.wipes,
                splits=self.cluster.splits,
                clear_air=self.cluster.clear_air,
                frozen=self.cluster.frozen,
                histories=self.histories,
                inboxes=self.inboxes,
                users=self.users,
                is_tiered=self.options.is_tiered,
                faults=self.notes + [fault for host in self.cluster.hosts for fault in host.faults],
            )
        ).check()
        if logs_into and self.checker.violations:
            self.cluster.logs_into(logs_into)
        return self

    def make_members(self):
        options = self.options
        generator = random.Random(options.seed + 1)
        rooms = [f"chaos-{number}" for number in range(options.rooms)]
        self.members = []
        for number in range(options.members):
            # One in five shares its user with the one before; one in three is in a second room.
            user = f"user-{number - 1 if number % 5 == 4 else number}"
            mine = [rooms[number % len(rooms)]]
            if number % 3 == 0 and len(rooms) > 1:
                mine.append(rooms[(number + 1) % len(rooms)])
            drops_after = None if number % 5 < 2 else generator.uniform(4, 20)
            own = random.Random(generator.random())
            self.members.append(Member(self.cluster, number, user, mine, own, options, drops_after))
            self.members[-1].forgets = options.forgets if number % 5 == 2 else 0.0

        users = sorted({member.user for member in self.members})
        for member in self.members:
            member.others = [user for user in users if user != member.user]

    async def play_within(self, bound):
        try:
            async with asyncio.timeout(bound):
                await self.play()
        except TimeoutError:
            self.notes.append(f"the run did not end within {bound:.0f} s")
            self.say(self.notes[-1])

    async def play(self):
        loop = asyncio.get_running_loop()
        loop.set_default_executor(concurrent.futures.ThreadPoolExecutor(64))
        self.make_members()
        late = [member for number, member in enumerate(self.members) if number % 8 == 7]
        early = [member for member in self.members if member not in late]
        tasks = [asyncio.ensure_future(member.run()) for member in early]
        try:
            await asyncio.wait_for(asyncio.gather(*(member.ready.wait() for member in early)), seconds(30))
            start, length = loop.time(), self.options.length
            speaking = [asyncio.ensure_future(member.speak(start + length + 3)) for member in self.members]
            for member in late:
                delay = member.generator.uniform(0, length * 0.7)
                tasks.append(asyncio.ensure_future(self.come_later(member, delay)))
            await play(self.cluster, self.faults, self.say)
            self.say("healed")
            healed = loop.time()
            await self.until(lambda: self.all_joined(), HEAL_SECONDS, "not all nodes came back to the cluster")
            self.say(f"all nodes are in the cluster, after {loop.time() - healed:.1f} s")
            await asyncio.gather(*speaking)
            await self.until(lambda: not self.unsettled(), QUIET_SECONDS, "not everything was answered and confirmed")
            await asyncio.sleep(max(0, healed + seconds(RESTORED_SECONDS) - loop.time()))
            await self.last_words()
            # What is not there by then is for the checker to judge.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds(5)):
                    while any(missing(self.members)):
                        await asyncio.sleep(0.1)
            self.histories = await asyncio.to_thread(self.read_histories)
            self.users = await asyncio.to_thread(self.read_users)
            inboxes = await asyncio.gather(*(member.read_inbox() for member in self.members))
            self.inboxes = {member: inbox for member, inbox in zip(self.members, inboxes) if inbox}
            await asyncio.gather(*(member.leave() for member in self.members))
            await asyncio.wait(tasks, timeout=seconds(5))
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*tasks, return_exceptions=True)

    async def come_later(self, member, delay):
        await asyncio.sleep(delay)
        await member.run()

    async def until(self, condition, bound, complaint):
        """Looks again and again; what does not come true is noted, and the run goes on."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds(bound)
        while True:
            result = condition()
            if asyncio.iscoroutine(result):
                result = await result
            if result:
                return
            if loop.time() > deadline:
                waiting = self.unsettled()
                self.notes.append(f"{complaint} within {seconds(bound):g} s; {len(waiting)} wait: {waiting[:10]}")
                self.say(self.notes[-1])
                return
            await asyncio.sleep(0.1)

    async def all_joined(self):
        return all([await asyncio.to_thread(self.cluster.is_joined, host) for host in self.cluster.hosts])

    def unsettled(self):
        """What members still wait for, in words."""
        waiting = []
        for member in self.members:
            waiting += [f"{member.name} to be in {room}" for room in member.rooms if room not in member.inside]
            waiting += [f"{member.name} for an answer to {id}" for id in member.directs.pending]
            waiting += [f"{member.name} for the confirm of the direct {key}" for key in member.directs.unconfirmed]
            for room in member.rooms:
                waiting += [f"{member.name} for an answer to {id} in {room}" for id in member.pending[room]]
                waiting += [f"{member.name} for the confirm of {key} in {room}" for key in member.unconfirmed[room]]
        return waiting

    async def last_words(self):
        """A last message in each room; whoever has it, has what was before it."""
        for member in self.members:
            member.drops_after = None
        speakers = {room: member for member in self.members for room in member.rooms}
        keys = {room: (member.user, await member.say(room, f"last-{room}")) for room, member in speakers.items()}

        def position(member, room):
            return member.positions.get(room)

        def all_there():
            return all(not member.pending[room] for room, member in speakers.items()) and all(
                len({position(member, room) for member in self.members if room in member.rooms}) == 1
                for room in keys
            )

        await self.until(all_there, QUIET_SECONDS, "not all members came to the same position")

    def read_histories(self):
        """room → node → what it says of the room's history."""
        histories = {}
        for room in {room for member in self.members for room in member.rooms}:
            histories[room] = {}
            for host in self.cluster.hosts:
                history = read_history(host.node, room)
                if history:
                    histories[room][f"node-{host.number}"] = history
        return histories

    def read_users(self):
        """room → node → the users that it lists, once all are as they have to be, or after some time."""
        rooms = sorted({room for member in self.members for room in member.rooms})
        there = {room: {member.user for member in self.members if room in member.rooms} for room in rooms}
        found = {}

        def all_right():
            found.update(
                {
                    room: {f"node-{host.number}": read_users(host.node, room) for host in self.cluster.hosts}
                    for room in rooms
                }
            )
            return all(users == there[room] for room in rooms for users in found[room].values())

        with contextlib.suppress(AssertionError):
            until(all_right, USERS_SECONDS, "the lists of users")
        return found


def read_users(node, room):
    answer = node.get(f"/api/rooms/{room}/users?limit=500")
    return {user["user"] for user in answer.json["users"]} if answer.status == 200 else set()


def read_history(node, room):
    """(epoch, newest seq, [(seq, user, id)]), or None where the node does not have the room."""
    answer = node.get(f"/api/rooms/{room}")
    if answer.status == 404:
        return None
    place = answer.json
    entries, before = [], None
    while True:
        query = "?limit=500" + (f"&before={before}" if before else "")
        page = node.get(f"/api/rooms/{room}/messages{query}").json
        entries[:0] = [(message["seq"], message["user"], message["id"]) for message in page["messages"]]
        if page["complete"] or not page["messages"]:
            return place["epoch"], place["seq"], entries
        before = page["messages"][0]["seq"]
