"""What can be done to a cluster in a chaos run: to its nodes, to its Redis, and to the ways between them.

Each fault takes the number of a host and `span`, how long it lasts in seconds, blocks so long, and leaves all healed.
"""

import contextlib
import shutil
import signal
import time

from fault_proxy import FaultProxy
from node import elapse, free_port, until
from redis import Redis, RedisError

# A tier that is held, one after the other: heavy is where most is given up.
TIERS = ("heavy", "moderate", "heavy", "light")


class NodeFaults:
    """To a node: ended, frozen, cut off, held at a tier."""

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

    def pin_tier(self, number, span):
        with self.record_lock:
            tier = TIERS[self.pins % len(TIERS)]
            self.pins += 1
        host = self.hosts[number]
        began = time.monotonic()
        # A node that is not there comes back at tier normal.
        with contextlib.suppress(OSError):
            host.put_tier(tier)
        elapse(span)
        with contextlib.suppress(OSError):
            host.put_tier("normal")
        with self.record_lock:
            self.tiers.append((began, time.monotonic(), f"tier {tier}", number))

    def cut(self, number, span):
        """Resets the connections of a node to Redis a few times."""
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

    def black_hole(self, number, span, only_subscriber=False):
        proxy = self.hosts[number].proxy
        began = time.monotonic()
        proxy.black_hole(only_subscriber)
        elapse(span)
        proxy.restore()
        self.trouble(began, "black hole, subscriber alone" if only_subscriber else "black hole", number)

    def black_hole_subscriber(self, number, span):
        self.black_hole(number, span, only_subscriber=True)


class RedisFaults:
    """To Redis: ended, emptied, frozen, put back in time, replaced by a replica, and unable to write."""

    def restart_redis(self, _, span, empty=False):
        with self.redis_lock:
            began = time.monotonic()
            self.redis.kill()
            elapse(span)
            if empty:
                self.redis.forget()
            self.redis.start()
            self.lead_all()
            self.trouble(began, "empty Redis" if empty else "restart Redis")
            if empty:
                self.wiped(began)

    def empty_redis(self, _, span):
        self.restart_redis(None, span, empty=True)

    def empty_redis_twice(self, _, span):
        self.restart_redis(None, 0, empty=True)
        elapse(span)
        self.restart_redis(None, 0, empty=True)

    def flush_redis(self, _, span):
        """FLUSHALL: all is gone, and no connection ends."""
        with self.redis_lock:
            began = time.monotonic()
            self.redis.command("FLUSHALL")
            self.wiped(began)
            self.trouble(began, "FLUSHALL")

    def freeze_redis(self, _, span):
        with self.redis_lock:
            began = time.monotonic()
            self.redis.freeze()
            elapse(span)
            self.redis.thaw()
            self.trouble(began, "freeze Redis")

    def restart_everything(self, _, span):
        for number in range(self.count):
            self.restart_node(number, span / 4)
        self.restart_redis(None, span / 4)

    # Unable to write

    def refuse_writes(self, span, what, refuse, allow):
        with self.redis_lock:
            began = time.monotonic()
            self.redis.command(*refuse)
            elapse(span)
            self.redis.command(*allow)
            self.trouble(began, what)

    def lack_replicas(self, _, span):
        name = "min-replicas-to-write"
        self.refuse_writes(span, "NOREPLICAS", ("CONFIG", "SET", name, 1), ("CONFIG", "SET", name, 0))

    def forbid_xadd(self, _, span):
        self.refuse_writes(
            span, "no right to XADD", ("ACL", "SETUSER", "default", "-xadd"), ("ACL", "SETUSER", "default", "+xadd")
        )

    def out_of_memory(self, _, span):
        self.refuse_writes(span, "maxmemory 1", ("CONFIG", "SET", "maxmemory", 1), ("CONFIG", "SET", "maxmemory", 0))

    def read_only(self, _, span):
        """The replica of a master that is not there."""
        self.refuse_writes(
            span, "read-only replica", ("REPLICAOF", "127.0.0.1", free_port()), ("REPLICAOF", "NO", "ONE")
        )

    # Back in time: what was committed last is gone, in the same epoch

    def roll_back_redis(self, _, span):
        """Ends it, and starts it with what it had when the fault began."""
        with self.redis_lock:
            began = time.monotonic()
            files = self.redis.files
            kept = files.with_name("kept")
            shutil.copytree(files, kept)
            elapse(span)
            self.redis.kill()
            shutil.rmtree(files)
            kept.rename(files)
            self.redis.start()
            self.lead_all()
            self.trouble(began, "Redis put back in time")
            self.wiped(began, split=True)

    @contextlib.contextmanager
    def replica(self):
        """A replica in step, and the way by which it hears of its master."""
        way = FaultProxy(self.redis.port)
        self.redis.command("CONFIG", "SET", "repl-diskless-sync-delay", 0)
        # Not among its own arguments: started again, it is a master.
        replica = Redis(append_only=True).start(["--replicaof", "127.0.0.1", str(way.port)])
        self.others.append(replica)
        try:
            until(lambda: b"master_link_status:up" in replica.command("INFO", "replication"), 20, "a replica in step")
            yield replica, way
        finally:
            way.close()

    def promote_replica(self, _, span):
        """The replica hears nothing any more; then the master ends, and the replica takes its place."""
        with self.redis_lock, self.replica() as (replica, way):
            began = time.monotonic()
            way.black_hole()
            elapse(span)
            self.redis.kill()
            way.cut()
            self.replace_redis(replica)
            self.lead_all()
            self.trouble(began, "lagging replica promoted")
            self.wiped(began, split=True)

    def split(self, number, span):
        """For a while one node writes to the promoted replica, and the others to the old master, which then ends."""
        with self.redis_lock, self.replica() as (replica, way):
            began = time.monotonic()
            way.black_hole()
            way.cut()
            old = self.redis
            self.replace_redis(replica)
            self.hosts[number].proxy.lead_to(replica.port)
            elapse(span)
            old.kill()
            self.lead_all()
            self.trouble(began, f"split: node-{number} at another Redis")
            self.wiped(began, split=True)

    def replace_redis(self, replica):
        self.others.append(self.redis)
        self.others.remove(replica)
        self.redis = replica
        with contextlib.suppress(RedisError):
            replica.command("REPLICAOF", "NO", "ONE")

    def lead_all(self):
        """All nodes' ways lead to the Redis of today; what they had open to another one ends."""
        for host in self.hosts:
            if host.proxy.target != self.redis.port:
                host.proxy.lead_to(self.redis.port)
