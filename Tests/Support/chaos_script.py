"""What is done to a cluster, and when: made from a seed."""

import asyncio
import dataclasses
import random

from redis import RedisError

# What can be done, by the name of the method, with the shortest and the longest time that it lasts, in seconds.
KINDS = {
    "kill_node": (0.0, 3.0),
    "restart_node": (0.0, 2.0),
    "freeze_node": (0.5, 4.0),
    "restart_redis": (0.0, 4.0),
    "empty_redis": (0.0, 4.0),
    "empty_redis_twice": (0.0, 3.0),
    "flush_redis": (0.0, 0.0),
    "freeze_redis": (1.0, 8.0),
    "roll_back_redis": (0.2, 2.0),
    "promote_replica": (0.2, 2.0),
    "split": (1.0, 4.0),
    "lack_replicas": (1.0, 6.0),
    "forbid_xadd": (1.0, 6.0),
    "out_of_memory": (1.0, 6.0),
    "read_only": (1.0, 6.0),
    "cut": (0.0, 3.0),
    "refuse": (0.5, 6.0),
    "black_hole": (1.0, 8.0),
    "black_hole_subscriber": (1.0, 8.0),
    "pin_tier": (3.0, 10.0),
    "restart_everything": (0.0, 4.0),
}
# Kinds that make up one question each.
MIXES = {
    "black_holes": ("black_hole", "black_hole_subscriber"),
    "wipes": ("flush_redis", "empty_redis", "empty_redis_twice"),
    "resets": ("cut", "refuse"),
    "kills+wipes": ("kill_node", "flush_redis", "empty_redis"),
    "kills": ("kill_node", "restart_node", "restart_redis", "restart_everything"),
    "freezes": ("freeze_node", "freeze_redis"),
    "refusals": ("lack_replicas", "forbid_xadd", "out_of_memory", "read_only"),
    "splits": ("roll_back_redis", "promote_replica", "split"),
    "tiers": ("pin_tier", "kill_node", "cut", "black_hole"),
}
# Rare, as they leave little of what was there: once in so many rounds through all kinds.
RARE = {"restart_everything": 2, "empty_redis_twice": 2}
FREEZE_LONG = 20.0


def kinds_of(names):
    """The kinds of these names, of kinds or mixes, each once; all when there are none."""
    kinds = [kind for name in names for kind in MIXES.get(name, (name,))]
    return tuple(dict.fromkeys(kinds)) or tuple(KINDS)


@dataclasses.dataclass(frozen=True)
class Fault:
    at: float  # seconds after the start
    kind: str
    host: int
    span: float

    def __str__(self):
        return f"{self.at:6.1f} s  {self.kind} node-{self.host} for {self.span:.1f} s"


def script(seed, length, hosts, kinds=tuple(KINDS)):
    """Faults over `length` seconds: all kinds in a random order, then again; some begin while others last."""
    generator = random.Random(seed)
    faults, bag, at, rounds = [], [], generator.uniform(1, 2), 0
    while at < length:
        if not bag:
            rounds += 1
            bag = [kind for kind in kinds if len(kinds) < len(KINDS) or rounds % RARE.get(kind, 1) == 0]
            generator.shuffle(bag)
        kind = bag.pop()
        low, high = KINDS[kind]
        span = generator.uniform(low, high)
        if kind == "freeze_redis" and length > 100 and rounds == 2:
            span = FREEZE_LONG
        faults.append(Fault(at, kind, generator.randrange(hosts), span))
        # Mostly after the last one, sometimes on top of it.
        at += generator.uniform(0.3, 2) if generator.random() < 0.4 else span + generator.uniform(0.5, 5)
    return faults


async def play(cluster, faults, say):
    """Does it all; returns when the last is over."""
    loop = asyncio.get_running_loop()
    start = loop.time()

    async def one(fault):
        await asyncio.sleep(max(0, start + fault.at - loop.time()))
        say(str(fault))
        try:
            await asyncio.to_thread(getattr(cluster, fault.kind), fault.host, fault.span)
        except (AssertionError, OSError, RedisError) as error:
            # The run goes on without it; a busy machine may be too slow for it.
            say(f"could not be done: {fault}: {type(error).__name__} {str(error)[:300]}")

    await asyncio.gather(*(one(fault) for fault in faults))
