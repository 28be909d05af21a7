"""Waits in a chaos run: whatever a connection asked for was answered within a bound while the connection lived."""

from chaos_walk import Violation

# A node knows after 2.5 s that Redis is away, and then answers by itself. The rest is for a busy machine.
ANSWER_SECONDS = 15.0
ANSWERS = {"ack", "error", "history"}


def check(record):
    """The violations: too late, or not up to the end of the connection."""
    violations = []
    for member in record.members:
        for trace in member.traces:
            violations += of_trace(record, trace)
    return violations


def of_trace(record, trace):
    ended = trace.ended if trace.ended is not None else trace.opened

    def is_long(since, to):
        return to - since - record.frozen(trace.life, since, to) > ANSWER_SECONDS

    def late(what, since, to, index=None, room=None, key=None):
        return Violation("waits", f"{what}: no answer within {to - since:.1f} s", trace, index, room, key)

    first = trace.member.rooms[0]
    came = trace.joined_at.get(first)
    for room in trace.member.rooms:
        since = trace.opened if room == first else came
        to = trace.joined_at.get(room, ended)
        if since is not None and is_long(since, to):
            yield late(f"to be in {room}", since, to, room=room)
    waiting = {}  # id → (time, index, room)
    for index, (at, room, frame) in enumerate(trace.events):
        id = frame.get("id")
        if frame["type"] in {"sent", "asked"}:
            waiting.setdefault(id, (at, index, room))
        elif frame["type"] in ANSWERS and id in waiting:
            since, sent, where = waiting.pop(id)
            if is_long(since, at):
                yield late(id, since, at, sent, where, (trace.member.user, id))
    for id, (since, sent, where) in waiting.items():
        if is_long(since, ended):
            yield late(id, since, ended, sent, where, (trace.member.user, id))
