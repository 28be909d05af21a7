"""Locks of real processes on a real Redis, disturbed; and how long a free lock takes.

    swift build --product lock_driver
    .build/test-venv/bin/python Tests/Measure/locks.py [--seconds 240] [--seed N] [--faults kill,wipe,…]
    .build/test-venv/bin/python Tests/Measure/locks.py --free 2000

Five processes acquire eight locks, raise a counter under them and release them, while processes are killed and frozen,
and Redis is killed (with and without its data), wiped, frozen and cut off. Then `lock_checker` reads what they wrote
down. The ttl and the quarantine are 3 s, so that a few minutes hold many faults; with the 30 s of a node (`--quarantine
30000`) most of the time nothing would be granted. LOCK_DRIVER_BIN names the driver (default: .build/debug/lock_driver).
"""

import argparse
import collections
import ctypes
import json
import os
import pathlib
import random
import signal
import socketserver
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Support"))
from forwarder import Forwarder  # noqa: E402
from lock_checker import Counters, check  # noqa: E402
from node import ROOT, elapse  # noqa: E402
from redis import DIES_WITH_PARENT, Redis  # noqa: E402

DRIVER = os.environ.get("LOCK_DRIVER_BIN", str(ROOT / ".build/debug/lock_driver"))
PROCESSES = 5
FAULTS = {
    "kill": "kill -9 of a process, and a new one",
    "freeze": "SIGSTOP of a process, for up to twice the ttl",
    "redis-kill": "kill -9 of Redis, and a start with its data",
    "redis-empty": "kill -9 of Redis, and a start without its data",
    "redis-freeze": "SIGSTOP of Redis",
    "wipe": "FLUSHALL",
    "hole": "nothing gets through to Redis and back, and arrives later",
    "cut": "all connections are reset",
}


def dies_with_parent():
    ctypes.CDLL(None).prctl(DIES_WITH_PARENT, signal.SIGKILL)


class CounterServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self):
        self.counters = Counters()
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), CounterRequest)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class CounterRequest(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self):
        for line in self.rfile:
            with self.server.lock:
                answer = self.server.counters.answer(line.decode())
            try:
                self.wfile.write(answer.encode() + b"\n")
            except OSError:
                return


class Drivers:
    """The processes; each new one has a log of its own."""

    def __init__(self, url, port, folder, seed, *arguments):
        self.command = [DRIVER, "--redis", url, "--counters", str(port), *map(str, arguments)]
        self.folder = pathlib.Path(folder)
        self.seed = seed
        self.started = 0
        self.processes = []

    def start(self):
        self.started += 1
        command = [*self.command, "--seed", str(self.seed * 1000 + self.started)]
        events = self.folder / f"process-{self.started:03}"
        process = subprocess.Popen([*command, "--events", events], preexec_fn=dies_with_parent)
        self.processes.append(process)
        return process

    def replace(self, process):
        process.kill()
        process.wait()
        self.processes.remove(process)
        self.start()

    def stop(self):
        for process in self.processes:
            process.kill()
            process.wait()

    def logs(self):
        """The events of each. What a killed process was writing has no end."""
        logs = {}
        for path in sorted(self.folder.glob("process-*")):
            logs[path.name] = [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
        return logs


class Disturbance:
    """One fault at a time, chosen by the seed; `again` undoes what lasts."""

    def __init__(self, choices, drivers, redis, proxy, ttl, kinds):
        self.choices = choices
        self.drivers = drivers
        self.redis = redis
        self.proxy = proxy
        self.ttl = ttl
        self.kinds = kinds
        self.counts = collections.Counter()

    def strike(self):
        kind = self.choices.choice(self.kinds)
        self.counts[kind] += 1
        process = self.choices.choice(self.drivers.processes)
        span = self.choices.uniform(0.2, 2 * self.ttl)
        match kind:
            case "kill":
                self.drivers.replace(process)
            case "freeze":
                process.send_signal(signal.SIGSTOP)
                elapse(span)
                process.send_signal(signal.SIGCONT)
            case "redis-kill" | "redis-empty":
                self.redis.kill()
                if kind == "redis-empty":
                    self.redis.forget()
                elapse(span / 2)
                self.redis.start()
            case "redis-freeze":
                self.redis.freeze()
                elapse(span)
                self.redis.thaw()
            case "wipe":
                self.redis.command("FLUSHALL")
            case "hole":
                self.proxy.black_hole()
                elapse(span)
                self.proxy.restore()
            case "cut":
                self.proxy.cut()


def disturb(options):
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 30)
    kinds = options.faults.split(",") if options.faults else list(FAULTS)
    choices = random.Random(seed)
    print(f"seed {seed}, {options.seconds:g} s, faults: {', '.join(kinds)}", flush=True)
    arguments = ["--ttl", options.ttl, "--quarantine", options.quarantine, "--timeout", 2]
    with tempfile.TemporaryDirectory(prefix="sluice-locks-") as folder, Redis(append_only=True) as redis:
        with Forwarder(redis.port) as proxy, CounterServer() as server:
            url = f"redis://127.0.0.1:{proxy.port}"
            drivers = Drivers(url, server.server_address[1], folder, seed, *arguments)
            disturbance = Disturbance(choices, drivers, redis, proxy, options.ttl / 1000, kinds)
            begin = shown = time.monotonic()
            try:
                for _ in range(PROCESSES):
                    drivers.start()
                while time.monotonic() < begin + options.seconds:
                    elapse(choices.uniform(1, 8))
                    disturbance.strike()
                    dead = [process for process in drivers.processes if process.poll() is not None]
                    assert not dead, f"a process ended by itself with {dead[0].returncode}"
                    if time.monotonic() > shown + 10:
                        shown = time.monotonic()
                        print(f"{shown - begin:5.0f} s: {server.counters.written:,} writes", flush=True)
            finally:
                drivers.stop()
            faults, figures = check(drivers.logs())
            report(disturbance, server.counters, figures)
            faults += counter_faults(server.counters, figures)
    for fault in faults[:50]:
        print(f"BROKEN: {fault}")
    print(f"{len(faults)} broken promises, seed {seed}")
    return 1 if faults else 0


def counter_faults(counters, figures):
    faults = []
    if counters.lost_updates:
        faults.append(f"{counters.lost_updates} updates of the counters were lost")
    if sum(counters.values.values()) != counters.written:
        faults.append(f"the counters stand at {sum(counters.values.values())} after {counters.written} writes")
    if figures["written"] > counters.written:
        faults.append(f"{figures['written']} writes were answered, {counters.written} done")
    return faults


def report(disturbance, counters, figures):
    for kind, count in sorted(disturbance.counts.items()):
        print(f"  {count:4} × {FAULTS[kind]}")
    writes = f"{counters.written:,} counter writes, {counters.refused} tokens refused"
    print(f"  {figures['grant']:,} locks acquired, {writes}")
    for name, count in sorted(figures.items()):
        if " " in name or name in {"lost", "invalid", "failed"}:
            print(f"  {count:,} {name}")


def free(options):
    """The time from asking for a lock that nobody has to holding it."""
    with tempfile.TemporaryDirectory(prefix="sluice-locks-") as folder, Redis() as redis, CounterServer() as server:
        arguments = ["--cycles", options.free + 1, "--locks", "a", "--hold", 0, "--long-every", 0]
        arguments += ["--ttl", options.ttl, "--quarantine", options.quarantine]
        drivers = Drivers(redis.url, server.server_address[1], folder, options.seed or 1, *arguments)
        assert drivers.start().wait(120) == 0
        events = drivers.logs()["process-001"]
    # The first one waits for the end of the quarantine.
    times = sorted(event["took_us"] / 1000 for event in events if event["event"] == "grant")[:-1]
    cuts = statistics.quantiles(times, n=100)
    spread = f"p50 {cuts[49]:.2f} ms, p99 {cuts[98]:.2f} ms, most {times[-1]:.2f} ms"
    print(f"{len(times)} × acquire of a free lock: {spread}")
    return 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--faults", help=f"of: {', '.join(FAULTS)} (default: all)")
    parser.add_argument("--ttl", type=int, default=3000, help="in milliseconds (3000)")
    parser.add_argument("--quarantine", type=int, default=3000, help="in milliseconds (3000)")
    parser.add_argument("--free", type=int, default=0, help="only measure so many acquires of a free lock")
    options = parser.parse_args()
    sys.exit(free(options) if options.free else disturb(options))


if __name__ == "__main__":
    main()
