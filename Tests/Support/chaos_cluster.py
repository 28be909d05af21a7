"""A cluster that things are done to: nodes, each behind a proxy of its own to one Redis, and the record of what was done.

Everything here blocks; an event loop calls it in a thread.
"""

import dataclasses
import pathlib
import signal
import subprocess
import threading
import time

from fault_proxy import FaultProxy
from node import SANITIZER_REPORT, Node, elapse, free_port, seconds, until
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
    """A loss of all that Redis held: it ended at `at`, and was there again, empty, at `until`."""

    at: float
    until: float


class Host:
    """A node that is killed and started again under its NODE_ID."""

    def __init__(self, number, redis, settings):
        self.number = number
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
                until(self.node.is_ready, 20, f"readiness of {self.life}")
                self.is_up = True
                return
            except AssertionError:
                code = self.node.process.poll()
                self._ended("did not start")
                if code != 69 or attempt == 4:
                    raise
                self.node.port = free_port()
                self.node.environment["PORT"] = str(self.node.port)

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
            report = SANITIZER_REPORT.search(self.node.log)
            if report:
                self.faults.append(self.node.log[max(0, report.start() - 200) :][:4000])
        finally:
            if self.node.process and self.node.process.poll() is None:
                self.node.process.kill()
                self.node.process.wait()
            self.proxy.close()


class Cluster:
    """Hosts, their Redis, and what was done to them when."""

    def __init__(self, count, **settings):
        self.redis = Redis(append_only=True)
        self.count = count
        self.settings = settings
        self.hosts = []
        self.redis_lock = threading.Lock()
        self.record_lock = threading.Lock()
        self.wipes = []
        # (from, to, what, host): while these lasted, the host (None: no host) may not have reached Redis.
        self.troubles = []
        self.epoch = time.monotonic()

    def start(self):
        self.redis.start()
        for number in range(self.count):
            self.hosts.append(Host(number, self.redis, self.settings))
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
        self.redis.close()

    def logs_into(self, folder):
        """Copies the logs of all processes there."""
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for host in self.hosts:
            (folder / f"node-{host.number}.log").write_text(host.node.log)
        (folder / "redis.log").write_text(self.redis.log)

    # What can be done. `span` is how long it lasts, in seconds.

    def trouble(self, began, what, host=None):
        with self.record_lock:
            self.troubles.append((began, time.monotonic(), what, host))

    def end_node(self, number, span, how):
        host = self.hosts[number]
        with host.lock:
            began = time.monotonic()
            host.end(how)
            elapse(span)
            host.start()
            self.trouble(began, "kill node" if how == signal.SIGKILL else "restart node", number)

    def kill_node(self, number, span):
        self.end_node(number, span, signal.SIGKILL)

    def restart_node(self, number, span):
        self.end_node(number, span, signal.SIGTERM)

    def freeze_node(self, number, span):
        host = self.hosts[number]
        with host.lock:
            began = time.monotonic()
            host.node.process.send_signal(signal.SIGSTOP)
            elapse(span)
            host.node.process.send_signal(signal.SIGCONT)
            self.trouble(began, "freeze node", number)

    def restart_everything(self, _, span):
        for number in range(self.count):
            self.restart_node(number, span / 4)
        self.restart_redis(None, span / 4)

    def restart_redis(self, _, span, empty=False):
        with self.redis_lock:
            began = time.monotonic()
            self.redis.kill()
            elapse(span)
            if empty:
                self.redis.forget()
            self.redis.start()
            for host in self.hosts:
                host.proxy.target = self.redis.port
            self.trouble(began, "empty Redis" if empty else "restart Redis")
            if empty:
                self.wipes.append(Wipe(began, time.monotonic()))

    def empty_redis(self, _, span):
        self.restart_redis(None, span, empty=True)

    def empty_redis_twice(self, _, span):
        self.restart_redis(None, 0, empty=True)
        elapse(span)
        self.restart_redis(None, 0, empty=True)

    def freeze_redis(self, _, span):
        with self.redis_lock:
            began = time.monotonic()
            self.redis.freeze()
            elapse(span)
            self.redis.thaw()
            self.trouble(began, "freeze Redis")

    def cut(self, number, span):
        """Cuts the connections of a node to Redis a few times."""
        began = time.monotonic()
        for _ in range(1 + int(span)):
            self.hosts[number].proxy.cut()
            elapse(0.3)
        self.trouble(began, "cut", number)

    def refuse(self, number, span):
        proxy = self.hosts[number].proxy
        began = time.monotonic()
        proxy.refuse()
        elapse(span)
        proxy.accept_again()
        self.trouble(began, "refuse", number)

    def black_hole(self, number, span):
        proxy = self.hosts[number].proxy
        began = time.monotonic()
        proxy.black_hole()
        elapse(span)
        proxy.restore()
        self.trouble(began, "black hole", number)

    def clear_air(self, life, since, to=None):
        """The longest time in which a life could reach Redis undisturbed, between `since` and `to`, in seconds."""
        to = min(time.monotonic() if to is None else to, life.ended or float("inf"))
        longest, at = 0.0, since
        for began, ended, _, host in sorted(self.troubles, key=lambda trouble: trouble[:2]):
            if host is None or host == life.host:
                longest = max(longest, min(began, to) - at)
                at = max(at, ended)
        return max(longest, to - at)
