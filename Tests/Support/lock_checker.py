"""Whether what processes wrote down about their locks keeps the promises of docs/decisions/0008-locks.md.

An event is a dictionary: `event`, `at` (milliseconds of CLOCK_BOOTTIME), and for most `lock` and `token`:

    grant    a lock was acquired after `took_us`
    valid    `check` was true for the time `at`
    invalid  `check` was false for the time `at`
    lost     the holder was notified, when the last tick was `idle_ms` ago; the ttl would have ended at `ttl_end`
    written, fenced  the counter took the value, or refused the token; `valid`: whether `check` was true right before
    failed   no lock was acquired, because of `why`
"""

import collections
import itertools

# A tick comes each 250 ms. A process whose last one is longer ago did not run: it was frozen, or had no processor.
IDLE_MS = 500


def check(logs):
    """What is broken, in words, and figures. `logs` has the events of each process."""
    faults = []
    holds = collections.defaultdict(list)
    figures = collections.Counter()
    for process, events in logs.items():
        for event in events:
            figures[event["event"]] += 1
            if "token" in event:
                holds[event["lock"], event["token"]].append((process, event))
    spans = collections.defaultdict(list)
    for (lock, token), entries in holds.items():
        name = f"{lock} under token {token}"
        if len({process for process, _ in entries}) > 1:
            faults.append(f"{name} had several holders: {sorted({process for process, _ in entries})}")
        events = [event for _, event in entries]
        faults += _course(name, events, figures)
        times = [event["at"] for event in events if event["event"] == "valid"]
        if times:
            spans[lock].append((min(times), max(times), token))
    for lock, lock_spans in spans.items():
        faults += _exclusion(lock, sorted(lock_spans))
    return faults, figures


def _course(name, events, figures):
    """What is wrong with one hold."""
    faults = []
    over = None
    for event in events:
        if event["event"] == "valid" and over:
            faults.append(f"{name} was valid after it was {over}, at {event['at']}")
        if event["event"] in {"invalid", "lost"}:
            over = event["event"]
        if event["event"] == "lost":
            figures[f"lost: {event['why']}"] += 1
            if event["idle_ms"] > IDLE_MS:
                figures["lost while the process did not run"] += 1
            elif event["at"] > event["ttl_end"]:
                faults.append(f"{name}: the loss came {event['at'] - event['ttl_end']} ms after the end of the ttl")
        if event["event"] in {"written", "fenced"} and not event["valid"]:
            figures[f"{event['event']} after the loss"] += 1
    return faults


def _exclusion(lock, spans):
    """From the first to the last time at which `check` was true, in the order of the first."""
    faults = []
    for (_, end, token), (begin, _, next_token) in itertools.pairwise(spans):
        if begin < end:
            faults.append(f"{lock} was valid under {token} and {next_token} at once, for {end - begin} ms")
        if next_token <= token:
            faults.append(f"{lock}: token {next_token} follows {token}")
    # One that outlasts several others.
    latest = 0
    for begin, end, token in spans:
        if begin < latest:
            faults.append(f"{lock}: {token} begins before an earlier hold ends")
        latest = max(latest, end)
    return faults


class Counters:
    """A counter for each lock, which refuses a token below the highest that it has seen for that lock."""

    def __init__(self):
        self.values = collections.Counter()
        self.highest = collections.Counter()
        self.written = 0
        self.refused = 0
        self.lost_updates = 0

    def answer(self, line):
        """Of "read LOCK TOKEN": the value, and of "write LOCK TOKEN VALUE": the value, or "refused" to a low token."""
        verb, lock, token, *rest = line.split()
        if int(token) < self.highest[lock]:
            self.refused += 1
            return "refused"
        self.highest[lock] = int(token)
        if verb == "write":
            self.lost_updates += int(rest[0]) != self.values[lock] + 1
            self.values[lock] = int(rest[0])
            self.written += 1
        return str(self.values[lock])
