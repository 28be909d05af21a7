"""A cluster that things are done to: nodes, each behind a proxy of its own to one Redis, and the record of what was
done. `chaos_faults` has what can be done.

Everything here blocks; an event loop calls it in a thread.
"""

import contextlib
import dataclasses
import pathlib
import signal
import subprocess
import threading
import time

from chaos_faults import NodeFaults, RedisFaults
from fault_proxy import FaultProxy
from node import SANITIZER_REPORT, Node, free_port, seconds, until
from redis import Redis


@dataclasses.dataclass(eq=False)
class Life:
    """One process of a node, from its start to its end (None: it lives)."""

    host: int
    boot: int
    started: float
    ended: float | None = None
    how: str | None = None

    def __str__(self):
        return f"node-{self.host}/{self.boot}"


@dataclasses.dataclass
class Wipe:
    """A loss of what Redis held, or of its newest: from `at` on, until Redis was there again without it."""

    at: float
    until: float


class Host:
    """A node that is killed and started again under its NODE_ID."""

    def __init__(self, number, redis, is_tiered, settings):
        self.number = number
        self.is_tiered = is_tiered
        self.proxy = FaultProxy(redis.port)
        self.node = Node(REDIS_URL=f"redis://127.0.0.1:{self.proxy.port}", NODE_ID=f"node-{number}", **settings)
        self.lives = []
        self.is_up = False
        self.lock = threading.Lock()
        self.faults = []  # what no fault asks for: exit codes, sanitizer reports

    @property
    def life(self):
        return self.lives[-1]

    def start(self):
        """Starts the process and waits until it serves; on another port when somebody has taken its own."""
        for attempt in range(5):
            self.lives.append(Life(self.number, len(self.lives), time.monotonic()))
            self.node.launch()
            try:
                until(self.is_ready, 20, f"readiness of {self.life}")
                self.is_up = True
                return
            except AssertionError:
                code = self.node.process.poll()
                self._ended("did not start")
                if code != 69 or attempt == 4:
                    raise
                self.node.port = free_port()
                self.node.environment["PORT"] = str(self.node.port)

    def is_ready(self):
        """Whether it serves; the tier that it is held at does not hang on how busy the machine is."""
        if self.is_tiered:
            with contextlib.suppress(OSError):
                self.put_tier("normal")
        return self.node.is_ready()

    def put_tier(self, tier):
        self.node.put("/api/system/tier", {"tier": tier})

    def end(self, number):
        """Ends the process by this signal, and waits."""
        self.is_up = False
        process = self.node.process
        if process.poll() is not None:
            self.faults.append(f"{self.life} ended by itself with {process.returncode}:\n{self.node.log[-3000:]}")
        else:
            # What it holds is gone from now on at the latest.
            process.send_signal(signal.SIGCONT)
            process.send_signal(number)
            try:
                code = process.wait(seconds(15))
            except subprocess.TimeoutExpired:
                self.faults.append(f"{self.life} did not end within 15 s after signal {number}")
                process.kill()
                code = process.wait()
            if code != (0 if number == signal.SIGTERM else -number):
                self.faults.append(f"{self.life}: exit code {code} after signal {number}:\n{self.node.log[-3000:]}")
        self._ended("killed" if number == signal.SIGKILL else "stopped")

    def _ended(self, how):
        self.life.ended, self.life.how = time.monotonic(), how

    def close(self):
        """Ends everything."""
        try:
            if self.node.process and self.node.process.poll() is None and self.is_up:
                self.end(signal.SIGTERM)
                # It lived to the end of the run: what it held is no loss.
                self.life.ended = self.life.how = None
            report = SANITIZER_REPORT.search(self.node.log)
            if report:
                self.faults.append(self.node.log[max(0, report.start() - 200) :][:4000])
        finally:
            if self.node.process and self.node.process.poll() is None:
                self.node.process.kill()
                self.node.process.wait()
            self.proxy.close()


class Cluster(NodeFaults, RedisFaults):
    """Hosts, their Redis, and what was done to them when. With `tiers` they are held at tier normal but for faults."""

    def __init__(self, count, tiers=False, **settings):
        if tiers:
            settings["GOVERNOR_DRY_RUN"] = 0
        self.redis = Redis(append_only=True)
        self.others = []  # replicas, and masters that were replaced
        self.is_tiered = tiers
        self.count = count
        self.settings = settings
        self.hosts = []
        self.redis_lock = threading.Lock()
        self.record_lock = threading.Lock()
        self.wipes = []
        self.splits = []  # of the wipes those after which two histories of one epoch may have been
        self.pins, self.tiers = 0, []  # (from, to, what, host)
        # (from, to, what, host): while these lasted, the host (None: no host) may not have reached Redis.
        self.troubles = []
        self.epoch = time.monotonic()

    def start(self):
        self.redis.start()
        for number in range(self.count):
            self.hosts.append(Host(number, self.redis, self.is_tiered, self.settings))
            self.hosts[-1].start()
        for host in self.hosts:
            until(lambda: self.is_joined(host), 20, "the cluster")

    def is_joined(self, host):
        try:
            return host.node.get("/health").json["mode"] == "cluster"
        except OSError:
            return False

    def living(self):
        return [host for host in self.hosts if host.is_up]

    def lives(self):
        return [life for host in self.hosts for life in host.lives]

    def close(self):
        for host in self.hosts:
            host.close()
        for redis in [self.redis, *self.others]:
            redis.close()

    def logs_into(self, folder):
        """Copies the logs of all processes there."""
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for host in self.hosts:
            (folder / f"node-{host.number}.log").write_text(host.node.log)
        (folder / "redis.log").write_text(self.redis.log)

    # The record

    def trouble(self, began, what, host=None):
        with self.record_lock:
            self.troubles.append((began, time.monotonic(), what, host))

    def wiped(self, began, split=False):
        """What Redis held from `began` on, or all, is gone; `split`: of the same epoch."""
        with self.record_lock:
            self.wipes.append(Wipe(began, time.monotonic()))
            if split:
                self.splits.append(self.wipes[-1])

    def frozen(self, life, since, to):
        """The seconds between two times in which the process stood still."""
        return sum(
            max(0.0, min(ended, to) - max(began, since))
            for began, ended, what, host in self.troubles
            if what == "freeze node" and host == life.host
        )

    def clear_air(self, life, since, to=None):
        """The longest time in which a life could reach Redis undisturbed, between `since` and `to`, in seconds."""
        to = min(time.monotonic() if to is None else to, life.ended or float("inf"))
        longest, at = 0.0, since
        for began, ended, _, host in sorted(self.troubles, key=lambda trouble: trouble[:2]):
            if host is None or host == life.host:
                longest = max(longest, min(began, to) - at)
                at = max(at, ended)
        return max(longest, to - at)
