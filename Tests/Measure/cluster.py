"""What a cluster carries, and how fast it comes back: prints figures, asserts nothing.

    swift build -c release --static-swift-stdlib --product sluice --product load_test
    .build/test-venv/bin/python Tests/Measure/cluster.py commits | latency | outbox | takeover

commits    messages per second through Redis on one node, in turns with redis-benchmark running the same script on the
           same server with the same batch size
latency    10,000 messages/s to 5 others each: members on one node, and members on two nodes
outbox     100,000 messages kept while Redis is away: how long until it has them, and what live traffic sees meanwhile
takeover   kill -9 of a node whose clients reconnect to another one at once: how long until each has resumed
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Support"))
from client import Client  # noqa: E402
from node import ROOT, Node, until  # noqa: E402
from redis import Redis  # noqa: E402

LOAD_TEST = os.environ.get("LOAD_TEST_BIN", str(ROOT / ".build/release/load_test"))
COMMIT = ROOT / "Sources/ClusterState/Log/Scripts/commit.lua"
FREE = {"MESSAGES_PER_SECOND": 10**9, "LOG_LEVEL": "WARNING", "PRESENCE_GRACE_SECONDS": 0}


def start(redis, count=1, **settings):
    nodes = [Node(REDIS_URL=redis.url, NODE_ID=f"node-{number}", **(FREE | settings)) for number in range(count)]
    for node in nodes:
        node.start()
    for node in nodes:
        until(lambda: node.get("/health").json["mode"] == "cluster", 20, "the cluster")
    return nodes


def load(nodes, *arguments, bound=120):
    """Runs load_test; its report."""
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.json"
        urls = [word for node in nodes for word in ("--url", f"ws://127.0.0.1:{node.port}")]
        command = [LOAD_TEST, *urls, "--json", str(report), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=bound)
        if done.returncode != 0:
            sys.exit(done.stdout[-2000:] + done.stderr[-2000:])
        return json.loads(report.read_text())


def calls(redis, command):
    """How often Redis has run a command, and for how many microseconds in all."""
    info = redis.command("INFO", "commandstats").decode()
    for line in info.splitlines():
        if line.startswith(f"cmdstat_{command}:"):
            fields = dict(part.split("=") for part in line.split(":", 1)[1].split(","))
            return int(fields["calls"]), float(fields["usec"])
    return 0, 0.0


def benchmark(redis, batch, body, count):
    """Messages per second that redis-benchmark commits with the gateway's script, `batch` at a time."""
    digest = redis.command("SCRIPT", "LOAD", COMMIT.read_text()).decode()
    tag = "sluice:{room:bench}"
    keys = [f"{tag}:place", f"{tag}:log"] + [f"{tag}:id:u{number}:__rand_int__" for number in range(batch)]
    values = [tag, "", "0", "e", "300000", "1000", "86400000", "1", "", ""]
    values += [str(int(time.time() * 1000)), "x" * body, ""] * batch
    command = ["redis-benchmark", "-p", str(redis.port), "-c", "4", "-P", "4", "-r", "1000000000", "-n", str(count)]
    command += ["--csv", "EVALSHA", digest, str(len(keys)), *keys, *values]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"redis-benchmark: {(done.stdout + done.stderr)[-500:]}")
    output = done.stdout
    return float(output.strip().splitlines()[-1].split('","')[1].strip('"')) * batch


def commits(options):
    rates = []
    with Redis() as redis:
        [node] = start(redis, WORKERS=1)
        for turn in range(options.rounds):
            before, _ = calls(redis, "xadd")
            scripts, _ = calls(redis, "evalsha")
            load(
                [node], "--connections", 2 * options.rooms, "--rooms", options.rooms, "--senders", options.rooms,
                "--window", options.window, "--duration", options.seconds, "--payload-bytes", 100)
            after, _ = calls(redis, "xadd")
            committed, batches = after - before, calls(redis, "evalsha")[0] - scripts
            ours = committed / options.seconds
            batch = max(round(committed / batches), 1)
            theirs = benchmark(redis, batch, 170, max(200_000 // batch, 1000))
            rates.append((ours, theirs))
            rate = f"{ours:,.0f}/s; redis-benchmark {theirs:,.0f}/s"
            print(f"  {committed:,} committed, {batch} at a time: {rate}", flush=True)
        node.stop()
    ours, theirs = (statistics.median(column) for column in zip(*rates))
    print(f"commits: {ours:,.0f} per second, {ours / theirs:.2f} x redis-benchmark")


def latency(options):
    for count, name in ((1, "one node"), (2, "two nodes")):
        with Redis() as redis:
            nodes = start(redis, count, WORKERS=1)
            report = load(
                nodes, "--connections", 600, "--rooms", 100, "--senders", 100, "--message-rate", options.rate,
                "--duration", options.seconds, "--payload-bytes", 100)
            messages = report["messages"]
            for what in ("delivery", "ack"):
                figures = ", ".join(f"{key} {messages[what][key]:.2f}" for key in ("p50", "p90", "p99", "p999", "max"))
                print(f"{name}, {what}: {figures} ms")
            print(f"  sent {messages['sentPerSecond']:,.0f}/s, delivered {messages['deliveredPerSecond']:,.0f}/s, "
                  f"lost {messages['lost']}, misordered {messages['misordered']}", flush=True)
            for node in nodes:
                node.stop()


def outbox(options):
    with Redis(append_only=True) as redis:
        [node] = start(redis, WORKERS=1, OUTBOX_MESSAGES=options.messages + 10_000)
        talker, listener = Client(node, "live", "talker"), Client(node, "live", "listener")
        talker.fence(), listener.fence()
        redis.kill()
        until(lambda: node.get("/health").json["mode"] == "degraded", 5, "degraded")
        status = lambda: node.get("/api/system/status").json["redis"]  # noqa: E731
        writers = [Client(node, f"kept-{number % 10}", f"writer-{number}") for number in range(20)]

        def write(writer):
            for number in range(options.messages // len(writers)):
                writer.send("message", content="x" * 100, id=f"{writer.user}-{number}")
                if number % 64 == 63:
                    writer.fence()
            writer.fence()

        threads = [threading.Thread(target=write, args=(writer,)) for writer in writers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        kept = status()["outbox_messages"]
        delays, confirmed = [], None
        redis.restart()
        since = time.monotonic()
        while status()["outbox_messages"] > 0 and time.monotonic() - since < 60:
            sent = time.monotonic()
            talker.send("message", content="live")
            listener.seek("message", bound=20)
            delays.append((time.monotonic() - sent) * 1000)
            time.sleep(0.01)
        confirmed = time.monotonic() - since
        delays.sort()
        print(f"outbox: {kept:,} messages kept; gone {confirmed:.2f} s after Redis answered again; "
              f"the node says {until(lambda: status().get('last_resync'), 5, 'the resync')}")
        print(f"live messages meanwhile: {len(delays)}, p50 {delays[len(delays) // 2]:.1f} ms, "
              f"p99 {delays[int(len(delays) * 0.99)]:.1f} ms, longest {delays[-1]:.1f} ms")
        node.stop()


def takeover(options):
    with Redis() as redis:
        nodes = start(redis, 2, WORKERS=1)
        times = []
        for turn in range(options.rounds):
            first, second = nodes[turn % 2], nodes[(turn + 1) % 2]
            clients = [Client(first, f"room-{number % 10}", f"user-{number}") for number in range(options.clients)]
            positions = {}
            for client in clients:
                client.send("message", content=client.user)
                positions[client.user] = client.seek("ack")
            others = [Client(second, f"room-{number}", f"other-{number}") for number in range(10)]
            first.process.kill()
            killed = time.monotonic()
            for other in others:
                other.send("message", content="missed")
                other.seek("ack")

            def come_back(client):
                position = positions[client.user]
                with Client(second, client.room, client.user, since=position["seq"], epoch=position["epoch"]) as back:
                    while back.next().get("content") != "missed":
                        pass
                times.append((time.monotonic() - killed) * 1000)

            threads = [threading.Thread(target=come_back, args=(client,)) for client in clients]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            for other in others:
                other.close()
            first.process.wait()
            first.start()
            until(lambda: first.get("/health").json["mode"] == "cluster", 20, "the cluster")
        times.sort()
        print(f"takeover: {len(times)} clients: p50 {times[len(times) // 2]:.0f} ms, "
              f"p99 {times[int(len(times) * 0.99)]:.0f} ms, longest {times[-1]:.0f} ms (Python's own time included)")
        for node in nodes:
            node.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["commits", "latency", "outbox", "takeover"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rooms", type=int, default=16)
    parser.add_argument("--window", type=int, default=256)
    parser.add_argument("--rate", type=int, default=10_000)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=100)
    options = parser.parse_args()
    globals()[options.what](options)


if __name__ == "__main__":
    main()
