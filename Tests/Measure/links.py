"""How links are held: prints figures, asserts nothing.

    swift build -c release --static-swift-stdlib --product sluice
    .build/test-venv/bin/python Tests/Measure/links.py live | replay | many | simulation [--seeds N] [--seconds N]

live        50 links each over 3 nodes: how long until all are up, and until they are up again after kill -9 and after a
            graceful stop of a node; with the defaults, and with the shortest times
replay      20 take-overs, kill -9 each, of a link with replay while messages come: what its server missed or got twice
many        5,000 links that nobody speaks on, on one node: memory of each, commands of Redis per second, processor
simulation  the owners' rules under seeded faults, 20 nodes and 1,000 links, as many seeds as the time allows
"""

import argparse
import collections
import concurrent.futures
import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Support"))
from link_server import LinkServer  # noqa: E402
from lock_command import skip_quarantine  # noqa: E402
from node import ROOT, Node, until  # noqa: E402
from redis import Redis  # noqa: E402

SHORTEST = {"LINK_CHECK_SECONDS": 0.5, "LINK_HEARTBEAT_TIMEOUT_SECONDS": 2}
FREE = {"LINK_ALLOWED_HOSTS": "127.0.0.1", "LOG_LEVEL": "WARNING", "GOVERNOR_DRY_RUN": 1, "DRAIN_SECONDS": 0}


@contextlib.contextmanager
def cluster(count, **settings):
    with Redis() as redis, contextlib.ExitStack() as stack:
        skip_quarantine(redis)
        nodes = [Node(REDIS_URL=redis.url, NODE_ID=f"node-{number}", **(FREE | settings)) for number in range(count)]
        for node in nodes:
            node.start()
            stack.callback(node.stop)
        for node in nodes:
            until(lambda: len(node.get("/api/nodes").json["nodes"]) == count, 20, "the cluster")
        yield redis, nodes


def create(node, server, count, **fields):
    def make(number):
        body = {"id": f"l{number}", "url": server.url(f"/{number}"), **fields}
        assert node.post("/api/links", body, bound=30).status == 201

    with concurrent.futures.ThreadPoolExecutor(16) as several:
        list(several.map(make, range(count)))


def owners(node):
    links, cursor = [], ""
    while cursor is not None:
        page = node.get(f"/api/links?limit=500{cursor}").json
        links += page["links"]
        cursor = f"&cursor={page['next_cursor']}" if "next_cursor" in page else None
    return {link["id"]: link.get("owner") for link in links if link["state"] == "connected"}


def all_up(server, count, bound=60):
    until(lambda: len({peer.path for peer in server.living()}) == count, bound, "all links")


def gaps(server, former):
    """How long each of these connections' paths was without one."""
    times = []
    for peer in former:
        after = [other.at for other in server.peers if other.path == peer.path and other.at > peer.at]
        times.append(min(after) - peer.end)
    return times


def held_by(node, server, name):
    """The connections of a node's links."""
    return [server.one(f"/{id[1:]}") for id, owner in owners(node).items() if owner == name]


def live():
    count = 150
    for title, settings in (("defaults", {}), ("shortest times", SHORTEST)):
        with LinkServer() as server, cluster(3, **settings) as (_, nodes):
            begin = time.monotonic()
            create(nodes[0], server, count)
            made = time.monotonic()
            all_up(server, count)
            print(f"{title}: {count} links made in {made - begin:.1f} s, all up {time.monotonic() - made:.1f} s later")
            until(lambda: len(owners(nodes[0])) == count, 30, "the states")
            print("  by node:", dict(collections.Counter(owners(nodes[0]).values())))
            former = held_by(nodes[0], server, "node-2")
            nodes[2].process.kill()
            until(lambda: all(peer.end for peer in former), 10, "the ends")
            all_up(server, count)
            print(f"  kill -9: {len(former)} links away for {max(gaps(server, former)):.1f} s at most")
            until(lambda: len(owners(nodes[0])) == count, 30, "the states")
            former = held_by(nodes[0], server, "node-1")
            nodes[1].stop()
            all_up(server, count)
            print(f"  graceful: {len(former)} links away for {max(gaps(server, former)):.2f} s at most")
            print(f"  held twice: {len(server.overlaps())}")


def replay():
    with LinkServer() as server, cluster(2, **SHORTEST) as (_, nodes):
        create(nodes[0], server, 1, room="room", replay=True)
        server.one("/0", 30)
        names = {f"node-{number}": node for number, node in enumerate(nodes)}
        sent, away = 0, []
        over = threading.Event()
        speaker = [nodes[0]]

        def speak():
            nonlocal sent
            while not over.is_set():
                body = {"user": "ann", "content": sent, "id": str(sent)}
                with contextlib.suppress(OSError):
                    if speaker[0].post("/api/rooms/room/messages", body).status in (200, 201):
                        sent += 1
                over.wait(0.02)

        thread = threading.Thread(target=speak, daemon=True)
        for turn in range(20):
            owner = until(lambda: owners(nodes[0]).get("l0"), 30, "an owner")
            speaker[0] = next(node for name, node in names.items() if name != owner)
            if turn == 0:
                thread.start()
            former = server.one("/0", 30)
            until(lambda: len(former.texts) > 20, 30, "messages")
            names[owner].process.kill()
            names[owner].process.wait()
            until(lambda: former.end, 10, "the end")
            until(lambda: len(server.living("/0")) == 1, 60, "the next owner")
            away += gaps(server, [former])
            names[owner].start()
            until(lambda: len(nodes[0].get("/api/nodes").json["nodes"]) >= 2, 30, "the cluster")
        over.set()
        thread.join()
        texts = [json.loads(text)["content"] for peer in server.peers for text in list(peer.texts)]
        until(lambda: sent - 1 in [json.loads(text)["content"] for text in server.peers[-1].texts], 30, "the last one")
        texts = [json.loads(text)["content"] for peer in server.peers for text in list(peer.texts)]
        counts = collections.Counter(texts)
        lost = [number for number in range(sent) if number not in counts]
        print(
            f"{sent} messages over 20 take-overs: {len(lost)} lost, "
            f"{sum(each - 1 for each in counts.values())} twice, away for {max(away):.1f} s at most")


def commands(redis):
    return int(re.search(rb"total_commands_processed:(\d+)", redis.command("INFO", "stats")).group(1))


def load(redis, node, length):
    """Commands per second, and the node's processor in per cent of a core, over some seconds."""
    hertz = os.sysconf("SC_CLK_TCK")

    def ticks():
        fields = pathlib.Path(f"/proc/{node.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    before, begin, used = commands(redis), time.monotonic(), ticks()
    threading.Event().wait(length)
    took = time.monotonic() - begin
    return (commands(redis) - before) / took, (ticks() - used) / hertz / took * 100


def many():
    count = 5_000
    with LinkServer() as server, cluster(1) as (redis, nodes):
        node = nodes[0]

        def resident():
            return node.get("/api/system/status").json["process"]["rss_bytes"]

        threading.Event().wait(5)
        idle, before = load(redis, node, 10), resident()
        begin = time.monotonic()
        create(node, server, count)
        all_up(server, count, 120)
        print(f"{count} links up {time.monotonic() - begin:.0f} s after the first was made")
        threading.Event().wait(30)
        busy, after = load(redis, node, 30), resident()
        print(f"memory of each: {(after - before) / count / 1024:.1f} KiB")
        print(f"commands per second: {busy[0]:.1f}, without links {idle[0]:.1f}")
        print(f"processor: {busy[1]:.1f} % of a core, without links {idle[1]:.1f} %")


def simulation(seeds, length):
    """The suite's own test with a larger world."""
    environment = {**os.environ, "LINK_NODES": "20", "LINK_LINKS": "1000", "LINK_SEEDS": str(seeds)}
    environment["LINK_SECONDS"] = str(length)
    command = ["swift", "test", "--disable-xctest", "--skip-build", "--filter", "LinkShareTests"]
    sys.exit(subprocess.run(command, env=environment, cwd=ROOT).returncode)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["live", "replay", "many", "simulation"])
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=600)
    asked = parser.parse_args()
    if asked.what == "simulation":
        simulation(asked.seeds, asked.seconds)
    {"live": live, "replay": replay, "many": many}[asked.what]()
