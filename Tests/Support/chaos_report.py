"""What a chaos run found, for people: a table of figures, and the trace of what went wrong."""

import collections

# Events around an offence that are shown.
AROUND = 12


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else float("nan")


def table(run):
    """The figures, line by line."""
    members, checker = run.members, run.checker
    frames = collections.Counter()
    for member in members:
        for trace in member.traces:
            for _, _, frame in trace.events:
                kind = frame["type"]
                if kind == "ack":
                    kind = "acked again" if frame.get("duplicate") else "acked " + frame["durable"]
                elif kind == "message":
                    kind = "delivered provisional" if frame.get("provisional") else "delivered"
                elif kind == "confirm":
                    frames["confirmed"] += len(frame["entries"])
                    continue
                frames[kind] += 1
    resumes = [resume for member in members for resume in member.resumes]
    faults = collections.Counter(fault.kind for fault in run.faults)
    times = percentile(resumes, 0.5), percentile(resumes, 0.99), max(resumes, default=0)
    rows = [
        ("messages", sum(len(member.first_sent) for member in members)),
        ("sent, repetitions and retries included", frames["sent"]),
        *((kind, frames[kind]) for kind in ("acked redis", "acked local", "acked again")),
        ("refused", checker.counts["refused"]),
        *((kind, frames[kind]) for kind in ("delivered", "delivered provisional", "confirmed")),
        *((f"gap {kind}", checker.counts[f"gap {kind}"]) for kind in ("epoch_changed", "trimmed", "ahead")),
        ("repeated behind a gap", checker.counts["repeated behind a gap"]),
        *((kind, checker.counts[kind]) for kind in ("directs", "directs that a device got again")),
        ("in the histories at the end", len(checker.final)),
        *((kind, count) for kind, count in sorted(checker.counts.items()) if kind.startswith(("left out", "refused,"))),
        ("connections", sum(len(member.traces) for member in members)),
        ("reconnects", len(resumes)),
        ("time to resume, p50 / p99 / longest, ms", " / ".join(f"{time * 1000:.0f}" for time in times)),
        ("processes of nodes", len(run.cluster.lives())),
        ("Redis wiped", len(run.cluster.wipes)),
        *((f"fault {kind}", count) for kind, count in sorted(faults.items())),
        ("violations", len(checker.violations)),
    ]
    by_rule = collections.Counter(violation.rule for violation in checker.violations)
    rows += [(f"  {rule}", count) for rule, count in by_rule.most_common()]
    return [f"{name:45} {value}" for name, value in rows]


def short(frame):
    """A frame in few words."""
    rest = " ".join(f"{name}={value}" for name, value in frame.items() if name not in {"type", "room"})
    return f"{frame['type']} {rest}"


def offence(run, violation):
    """What is known of one violation: the connection around it, the way of the message, and what was done meanwhile."""
    began = run.began
    lines = [f"{violation.rule}: {violation.text}", f"  room {violation.room}, message {violation.key}"]
    times = []
    if trace := violation.trace:
        lines.append(f"  connection {trace}, opened {trace.opened - began:.3f}, with {trace.given}; {trace.end}")
        index = len(trace.events) - 1 if violation.index is None else violation.index
        times.append(violation.time)
        kept = [
            (at, event)
            for at, event in enumerate(trace.events)
            if event[1] in {violation.room, None} or violation.room is None
        ]
        here = next((number for number, (at, _) in enumerate(kept) if at >= index), len(kept) - 1)
        for at, (when, room, frame) in kept[max(0, here - AROUND) : here + AROUND // 2]:
            lines.append(f"  {'>' if at == index else ' '} {when - began:8.3f} {room} {short(frame)}")
    if violation.key:
        lines.append("  the way of the message:")
        for when, text in sorted(way(run, violation.room, violation.key))[:40]:
            lines.append(f"    {when - began:8.3f} {text}")
            times.append(when)
    if times:
        lines.append("  what was done meanwhile:")
        low, high = min(times) - 12, max(times) + 2
        done = [
            (start, f"{what}{'' if host is None else f' node-{host}'} until {end - began:.3f}")
            for start, end, what, host in run.cluster.troubles
            if end >= low and start <= high
        ]
        lives = run.cluster.lives()
        done += [(life.started, f"{life} started") for life in lives if low <= life.started <= high]
        done += [(life.ended, f"{life} {life.how}") for life in lives if life.ended and low <= life.ended <= high]
        lines += [f"    {when - began:8.3f} {text}" for when, text in sorted(done)]
    return lines


def way(run, room, key):
    """All that was sent and told of one message, on all connections."""
    user, id = key
    for member in run.members:
        for trace in member.traces:
            for when, where, frame in trace.events:
                if where != room:
                    continue
                kind = frame["type"]
                mine = kind in {"sent", "ack", "error"} and member.user == user and frame.get("id") == id
                if mine or kind == "message" and (frame["user"], frame["id"]) == key:
                    yield when, f"{trace}: {short(frame)}"
                elif kind == "confirm" and any((entry["user"], entry["id"]) == key for entry in frame["entries"]):
                    yield when, f"{trace}: {short(frame)}"


def offences(run, of_each):
    """The first violation, and up to so many of each rule, with what is known of them."""
    shown = collections.Counter()
    for violation in run.checker.violations:
        shown[violation.rule] += 1
        if shown[violation.rule] <= of_each:
            yield "\n".join(offence(run, violation))
