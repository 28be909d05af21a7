"""What a chaos run found, for people: a table of figures, and the trace of what went wrong."""

import collections

from chaos_directs import INBOX

# Events around an offence that are shown.
AROUND = 12
# Of each rule the shortest story is shown, of so many.
LOOKED_AT = 30
# Lines of a message's way that are shown.
WAY_MAX = 40
COMING_MAX = 24


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else float("nan")


def table(run):
    """The figures, line by line."""
    members, checker = run.members, run.checker
    frames = collections.Counter()
    for member in members:
        for trace in member.traces:
            for _, room, frame in trace.events:
                kind = frame["type"]
                if kind == "ack":
                    kind = "acked again" if frame.get("duplicate") else "acked " + frame["durable"]
                elif kind == "message":
                    kind = "delivered provisional" if frame.get("provisional") else "delivered"
                elif kind == "confirm":
                    frames["confirmed"] += len(frame["entries"])
                    continue
                elif room == INBOX:
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
        ("in the histories at the end", len(checker.final)),
        # What the contract allows, and what it leaves open.
        *((kind, count) for kind, count in sorted(checker.counts.items()) if kind != "refused"),
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
    if frame["type"] == "history":
        newest = frame["entries"][-3:]
        return f"history id={frame['id']} epoch={frame['epoch']} {len(frame['entries'])} entries, the last {newest}"
    if frame["type"] == "welcome":
        return f"welcome mode={frame['mode']} tier={frame['tier']} inbox={frame['inbox']}"
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
        lines.append("  how the client came there:")
        lines += [f"    {when - began:8.3f} {text}" for when, text in coming(violation)[-COMING_MAX:]]
    if violation.key:
        lines.append("  the way of the message:")
        steps = sorted(way(run, violation), key=lambda step: step[0])
        for when, text in steps[:WAY_MAX]:
            lines.append(f"    {when - began:8.3f} {text}")
        if len(steps) > WAY_MAX:
            lines.append(f"    and {len(steps) - WAY_MAX} steps more")
        times += [when for when, _ in steps]
    if times:
        lines.append("  what was done meanwhile:")
        faults = sorted(done(run, min(times) - 12, max(times) + 2))
        lines += [f"    {when - began:8.3f} {text}" for when, text in faults]
    return lines


def coming(violation):
    """(time, words) of all that moved a client's position in a room but messages, until a rule was broken."""
    return [
        (when, f"{trace}: {short(frame)}")
        for trace in violation.trace.member.traces
        for when, where, frame in trace.events
        if frame["type"] == "welcome" or where == violation.room and frame["type"] in {"joined_room", "gap"}
        if when <= violation.time
    ]


def done(run, low, high):
    """(time, words) of the faults between two times."""
    for start, end, what, host in run.cluster.troubles + run.cluster.tiers:
        if end >= low and start <= high:
            yield start, f"{what}{'' if host is None else f' node-{host}'} until {end - run.began:.3f}"
    for life in run.cluster.lives():
        if low <= life.started <= high:
            yield life.started, f"{life} started"
        if life.ended and low <= life.ended <= high:
            yield life.ended, f"{life} {life.how}"


def way(run, violation):
    """(time, words) of all that was sent and said of one message: on the client's own connections, the author's, and
    where somebody heard of it first and last.
    """
    user, id = key = violation.key
    heard = []
    for member in run.members:
        near = member.user == user or violation.trace and violation.trace.member is member
        for trace in member.traces:
            for when, where, frame in trace.events:
                kind = frame["type"]
                if where != violation.room and violation.room is not None:
                    continue
                mine = kind in {"sent", "ack", "error"} and member.user == user and frame.get("id") == id
                shown = kind in {"message", "direct"} and (frame.get("user", frame.get("from")), frame["id"]) == key
                confirmed = kind == "confirm" and any((one["user"], one["id"]) == key for one in frame["entries"])
                if confirmed:
                    seqs = [one["seq"] for one in frame["entries"] if (one["user"], one["id"]) == key]
                    frame = {"type": "confirm", "epoch": frame["epoch"], "seqs": seqs}
                if mine or shown or confirmed:
                    step = (when, f"{trace}: {short(frame)}")
                    if near:
                        yield step
                    else:
                        heard.append(step)
    heard.sort()
    yield from heard[:3] + heard[3:][-3:]


def offences(run, of_each):
    """Up to so many violations of each rule, the shortest stories first, with what is known of them."""
    by_rule = collections.defaultdict(list)
    for violation in run.checker.violations:
        by_rule[violation.rule].append(violation)
    for rule, violations in by_rule.items():
        stories = sorted((offence(run, violation) for violation in violations[:LOOKED_AT]), key=len)
        for lines in stories[:of_each]:
            yield "\n".join(lines)


def summary(runs):
    """One line for each run, and the sums of all rules: (seed, messages, Counter of rules)."""
    lines = [f"{'seed':>12} {'messages':>9} {'offences':>9}  by rule"]
    sums = collections.Counter()
    for seed, messages, rules in runs:
        words = ", ".join(f"{rule} {count}" for rule, count in rules.most_common()) or "none"
        lines.append(f"{seed:12} {messages:9} {sum(rules.values()):9}  {words}")
        sums += rules
    if len(runs) > 1:
        words = ", ".join(f"{rule} {count}" for rule, count in sums.most_common()) or "none"
        lines.append(f"{'all':>12} {sum(messages for _, messages, _ in runs):9} {sum(sums.values()):9}  {words}")
    return lines
