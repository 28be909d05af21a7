"""Applications on the two clients of this project talk in two rooms, while nodes are killed and Redis loses everything.

    .build/test-venv/bin/python Tests/Measure/client_chaos.py [--seconds 60] [--seed N] [--nodes 2]

Two applications in Python and two in JavaScript write numbers into both rooms, each number after the ack of the one
before. A seed decides which fault comes when: a node gets kill -9 or SIGTERM, or redis-server gets kill -9 and begins
again empty. The next fault comes when the cluster is whole again and nothing waits for the store, since what only a
killed node held is lost with it. At the end each application must have been given all numbers of each other one, once
and in order. Exits with 1 when not, and says what was wrong. SLUICE_BIN names the binary.
"""

import argparse
import asyncio
import collections
import contextlib
import json
import pathlib
import random
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "Tests" / "Support"), str(ROOT / "clients" / "python" / "src")]
from node import Node, seconds, until  # noqa: E402
from redis import Redis  # noqa: E402
from sluice_client import Options, Sluice  # noqa: E402

ROOMS = ("lobby", "kitchen")
QUICK = Options(
    backoff_base_ms=50, backoff_max_ms=500, connect_timeout_ms=5000, idle_ms=2000, ping_timeout_ms=2000
)
CALM_S = 2.0  # between two faults
BOUND_S = 30.0  # for a cluster to be whole, and for the last numbers to come


class Checker:
    """What the applications were given."""

    def __init__(self):
        self.given = collections.defaultdict(list)  # reader, room, writer -> numbers
        self.written = {}  # writer -> room -> how many
        self.joined = set()
        self.notes = []  # gaps and errors
        self.welcomes = collections.Counter()

    def took(self, line):
        """A line of an application."""
        user = line["user"]
        if "seen" in line:
            room, writer, number = line["seen"]
            self.given[user, room, writer].append(number)
        elif "written" in line:
            self.written[user] = line["written"]
        elif "joined" in line:
            self.joined.add((user, line["joined"]))
        elif "welcome" in line:
            self.welcomes[user] += 1
        else:
            self.notes.append((round(time.monotonic(), 3), line))

    def expected(self, users):
        """Reader, room, writer and how many numbers."""
        for writer, counts in self.written.items():
            for room, count in counts.items():
                yield from ((reader, room, writer, count) for reader in users if reader != writer)

    def is_complete(self, users):
        return len(self.written) == len(users) and all(
            len(set(self.given[reader, room, writer])) >= count
            for reader, room, writer, count in self.expected(users)
        )

    def faults(self, users):
        """Lines about what was lost, doubled or out of order."""
        for user in users:
            if user not in self.written:
                last = [(at, note) for at, note in self.notes if note["user"] == user][-3:]
                yield f"{user} still waits for an ack, after {self.welcomes[user]} connections; {last}"
        for reader, room, writer, count in self.expected(users):
            given = self.given[reader, room, writer]
            lost, doubled = sorted(set(range(count)) - set(given)), len(given) - len(set(given))
            if lost or doubled or given != sorted(given):
                yield f"{reader} in {room} from {writer}: lost {lost[:20]} of {count}, doubled {doubled}, {given[-20:]}"


class PythonApplication:
    """Writes and reads in this process."""

    def __init__(self, user, urls, take):
        self.user = user
        self._say = lambda **fields: take({"user": user, **fields})
        self.client = Sluice(urls, user=user, options=QUICK)
        self._writes = True
        self._go = asyncio.Event()
        for type in ("gap", "error"):
            self.client.on(type, lambda event, type=type: self._say(**{type: event}))
        self.client.on("welcome", lambda event: self._say(welcome=event["node"]))
        self._tasks = [asyncio.create_task(self._write(self.client.room(name))) for name in ROOMS]

    async def _write(self, room):
        room.on("message", lambda message: self._say(seen=[message["room"], message["user"], message["content"]]))
        await room.joined()
        self._say(joined=room.name)
        await self._go.wait()
        number = 0
        while self._writes:
            await room.send(number)
            number += 1
            await asyncio.sleep(0.02)
        return room.name, number

    async def go(self):
        self._go.set()

    async def stop(self):
        self._writes = False
        self._say(written=dict(await asyncio.gather(*self._tasks)))

    async def close(self):
        await self.client.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class NodeApplication:
    """The same in a process of Node.js."""

    @classmethod
    async def start(cls, user, urls, take):
        self = cls()
        self.user = user
        self._process = await asyncio.create_subprocess_exec(
            "node", ROOT / "clients/js/test/application.js", user, ",".join(ROOMS), *urls,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        self._reading = asyncio.create_task(self._read(take))
        return self

    async def _read(self, take):
        while line := await self._process.stdout.readline():
            take(json.loads(line))

    async def go(self):
        self._process.stdin.write(b"\n")
        await self._process.stdin.drain()

    stop = go  # the first line begins, the second ends

    async def close(self):
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), 5)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await self._reading


class Cluster:
    """The nodes and their Redis."""

    def __init__(self, count, stack):
        self.redis = stack.enter_context(Redis())
        self.nodes = [Node(REDIS_URL=self.redis.url, NODE_ID=f"n{number}") for number in range(count)]
        for node in self.nodes:
            stack.callback(node.stop)
            node.start()
        self.wait_until_whole()

    def wait_until_whole(self):
        """All nodes see each other, and nothing waits for the store."""
        until(lambda: all(self._is_whole(node) for node in self.nodes), BOUND_S, "the cluster")

    def _is_whole(self, node):
        with contextlib.suppress(OSError):
            status = node.get("/api/system/status").json
            redis = status["redis"]
            return (
                (status["mode"], redis["state"], redis["outbox_messages"]) == ("cluster", "online", 0)
                and status["cluster"]["nodes"] == len(self.nodes)
            )
        return False

    def kill_node(self, chance):
        node = chance.choice(self.nodes)
        node.process.kill()
        node.process.wait()
        time.sleep(chance.random())
        node.start()

    def end_node(self, chance):
        node = chance.choice(self.nodes)
        node.process.terminate()
        node.process.wait()
        node.start()

    def reset_redis(self, chance):
        self.redis.kill()
        time.sleep(chance.random() * 2)
        self.redis.start()


async def play(options, say):
    chance, checker = random.Random(options.seed), Checker()
    with contextlib.ExitStack() as stack:
        cluster = await asyncio.to_thread(Cluster, options.nodes, stack)
        urls = [f"ws://127.0.0.1:{node.port}" for node in cluster.nodes]
        shifted = urls[1:] + urls[:1]
        applications = [
            PythonApplication("py-1", urls, checker.took),
            PythonApplication("py-2", shifted, checker.took),
            await NodeApplication.start("js-1", urls, checker.took),
            await NodeApplication.start("js-2", shifted, checker.took),
        ]
        stopping = []
        users = [each.user for each in applications]
        try:
            await wait_until(lambda: len(checker.joined) == len(users) * len(ROOMS), "all in their rooms")
            for each in applications:
                await each.go()
            deadline, faults = time.monotonic() + options.seconds, collections.Counter()
            while time.monotonic() < deadline:
                fault = chance.choice([cluster.kill_node, cluster.kill_node, cluster.end_node, cluster.reset_redis])
                faults[fault.__name__] += 1
                say(f"{deadline - time.monotonic():5.0f} s left: {fault.__name__}")
                await asyncio.to_thread(fault, chance)
                await asyncio.to_thread(cluster.wait_until_whole)
                await asyncio.sleep(CALM_S * chance.random())
            stopping = [asyncio.ensure_future(each.stop()) for each in applications]
            with contextlib.suppress(TimeoutError):
                await wait_until(lambda: checker.is_complete(users), "all numbers")
            await asyncio.sleep(0.5)  # what is doubled comes late
        finally:
            for each in applications:
                await each.close()
        await asyncio.gather(*stopping, return_exceptions=True)
    wrong = list(checker.faults(users))
    numbers = sum(sum(counts.values()) for counts in checker.written.values())
    given = sum(map(len, checker.given.values()))
    say(f"seed {options.seed}: {dict(faults)}; {numbers} numbers written, {given} given")
    say(f"connections: {dict(checker.welcomes)}; gaps and errors: {len(checker.notes)}")
    for line in wrong:
        say(f"WRONG: {line}")
    if wrong or options.notes:
        for at, note in checker.notes:
            say(f"{at} {note}")
    return 1 if wrong else 0


async def wait_until(condition, what):
    deadline = time.monotonic() + seconds(BOUND_S)
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        await asyncio.sleep(0.02)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="of faults")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--notes", action="store_true", help="show gaps and errors also when nothing is wrong")
    options = parser.parse_args()
    return asyncio.run(play(options, lambda text: print(text, flush=True)))


if __name__ == "__main__":
    sys.exit(main())
