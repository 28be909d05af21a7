"""Holds the direct messages of a chaos run to the contract: a device gets each once, in order, behind its cursor."""

import collections
import dataclasses

from chaos_directs import INBOX
from chaos_knowledge import HELD_SECONDS, SETTLED_SECONDS
from chaos_walk import Violation

# What came to a node so long before a wipe has come to all nodes that follow the inbox.
SPREAD_SECONDS = 2.0
# A cursor is written at once; where nothing was wrong for so long before and after, it was.
QUIET_BEFORE, QUIET_AFTER = 8.0, 2.0


@dataclasses.dataclass
class Device:
    """What the connections of one member said to it of its user's inbox."""

    member: object
    since: float | None = None  # when it had a cursor: it was connected, and the node could write one
    shown: dict = dataclasses.field(default_factory=dict)  # key → time
    placed: dict = dataclasses.field(default_factory=dict)  # key → [(time, trace, epoch, seq)]
    processed: dict = dataclasses.field(default_factory=dict)  # key → (time, trace) of the first inbox_ack behind it
    gaps: list = dataclasses.field(default_factory=list)  # (time, reason)
    violations: list = dataclasses.field(default_factory=list)
    waiting: dict = dataclasses.field(default_factory=dict)  # of the last connection: key → index, shown, no place

    def broken(self, rule, text, trace, index, key=None):
        self.violations.append(Violation(rule, text, trace, index, INBOX, key))


def check(record, counts):
    """What is wrong with the direct messages of a run."""
    devices = {member: walk(record, member, counts) for member in record.members}
    violations = [violation for device in devices.values() for violation in device.violations]
    violations += compare(record)
    by_user = collections.defaultdict(list)
    for device in devices.values():
        by_user[device.member.user].append(device)
    for member in record.members:
        counts["directs"] += len(member.directs.acked)
        for id, receiver in member.directs.pending.items():
            text = f"{member.name} got no answer to {id} to {receiver}"
            violations.append(Violation("direct: no answer", text, key=(member.user, id)))
        for id, (receiver, at, durable, life) in member.directs.acked.items():
            sent = member.directs.first_sent.get(id, (receiver, at))[1]
            known = Known(member, id, receiver, sent, at, durable, life)
            violations += delivered(record, counts, known, by_user[receiver], receiver)
            copies = [device for device in by_user[member.user] if device.member is not member]
            if receiver != member.user:
                violations += delivered(record, counts, known, copies, member.user, is_copy=True)
    return violations


# One device

def walk(record, member, counts):
    device = Device(member)
    for trace in member.traces:
        one_connection(record, device, trace, counts)
    return device


def one_connection(record, device, trace, counts):
    if device.since is None:
        device.since = cursor_made(record, trace)
    place, placed, shown, confirmed = None, set(), {}, set()
    own = set()  # keys of what this connection sent
    before = {key: entries[0] for key, entries in device.placed.items()}

    def take(at, index, key, epoch, seq, kind):
        nonlocal place
        if key in placed:
            device.broken("direct: once", f"{kind} of what had a place on this connection", trace, index, key)
        elif key in before:
            again(at, index, key, kind)
        if place and place[0] == epoch and seq <= place[1]:
            device.broken("direct: order", f"{kind} at {epoch} {seq} behind {place}", trace, index, key)
        place = (epoch, seq)
        placed.add(key)
        device.placed.setdefault(key, []).append((at, trace, epoch, seq))

    def again(at, index, key, kind):
        """What the device had is repeated up to where its cursor was written, and not beyond."""
        done = device.processed.get(key)
        if done is None or not is_kept(record, done, at) or not can_read(record, trace, at):
            counts["directs that a device got again, rightly"] += 1
        else:
            text = f"{kind} of what this device had processed {at - done[0]:.1f} s ago, at {done[1]}"
            device.broken("direct: once", text, trace, index, key)

    for index, (at, room, frame) in enumerate(trace.events):
        kind = frame["type"]
        if room != INBOX:
            continue
        if kind == "sent":
            own.add((device.member.user, frame["id"]))
        elif kind == "ack" and frame["durable"] == "local":
            if "seq" in frame or "epoch" in frame:
                device.broken("direct: provisional", f"with a place: {frame}", trace, index)
        elif kind == "direct":
            key = (frame["from"], frame["id"])
            if not frame.get("provisional"):
                if key in shown and key not in confirmed:
                    text = "a direct that was shown without a place, not its confirm"
                    device.broken("direct: once", text, trace, index, key)
                take(at, index, key, frame["epoch"], frame["seq"], "direct")
            elif "seq" in frame or "epoch" in frame:
                device.broken("direct: provisional", f"with a place: {frame}", trace, index, key)
            elif key in shown or key in placed:
                device.broken("direct: once", "provisional, and known on this connection", trace, index, key)
            else:
                shown[key] = index
                device.shown.setdefault(key, at)
        elif kind == "confirm":
            for entry in frame["entries"]:
                key = (entry["user"], entry["id"])
                if key in confirmed:
                    device.broken("direct: confirmed twice", "on one connection", trace, index, key)
                elif key not in shown and key not in own:
                    device.broken("direct: confirm", "of what was not shown on this connection", trace, index, key)
                confirmed.add(key)
                if key in shown:
                    take(at, index, key, frame["epoch"], entry["seq"], "confirm")
        elif kind == "gap":
            device.gaps.append((at, frame["reason"]))
            if frame["reason"] == "epoch_changed" and place and place[0] == frame["epoch"]:
                device.broken("direct: gap", f"names the epoch in which it was: {frame}", trace, index)
            place = (frame["epoch"], frame["next_seq"] - 1)
        elif kind == "inbox_ack":
            for key, entries in device.placed.items():
                if any(epoch == frame["epoch"] and seq <= frame["seq"] for _, _, epoch, seq in entries):
                    device.processed.setdefault(key, (at, trace))
    device.waiting = {key: index for key, index in shown.items() if key not in confirmed and key not in placed}
    if trace.end == "over":
        for key, index in device.waiting.items():
            text = "shown without a place, and not confirmed up to the end"
            device.broken("direct: unconfirmed", text, trace, index, key)


def cursor_made(record, trace):
    """When a device had a cursor by this connection, or None: a node that can't reach Redis writes none."""
    came = trace.joined_at.get(trace.member.rooms[0])
    if came is None or trace.ended is None:
        return None
    soon = came + QUIET_AFTER
    if trace.ended >= soon and record.clear_air(trace.life, came, soon) >= QUIET_AFTER - 0.01:
        return soon
    return trace.ended if record.clear_air(trace.life, came, trace.ended) >= SETTLED_SECONDS else None


def lost_cursor(record, device, sent):
    """Whether a device was away when a wipe took its cursor, and came back after this time."""
    traces = device.member.traces
    return any(
        wipe.until >= before.ended and wipe.at <= after.opened and after.opened >= sent
        for before, after in zip(traces, traces[1:])
        for wipe in record.wipes
    )


def is_kept(record, done, at):
    """Whether a cursor that was acked at `done` still has to hold at a later time: the node had the time to write it,
    or lived on with its user, and no wipe took it.
    """
    when, trace = done
    life = trace.life
    is_quiet = record.clear_air(life, when - QUIET_BEFORE, when + QUIET_AFTER) >= QUIET_BEFORE + QUIET_AFTER - 0.01
    lived = min(life.ended or float("inf"), trace.ended or float("inf"))
    is_written = is_quiet and lived >= when + QUIET_AFTER or record.clear_air(life, when, at) >= SETTLED_SECONDS
    if not is_written:
        return False
    for wipe in record.wipes:
        if wipe.until >= when and wipe.at <= at:
            # The node that was acked to still had the device at the wipe, and then the time to put its cursor back.
            is_there = (trace.ended or float("inf")) >= wipe.at and (life.ended or float("inf")) > wipe.at
            if not is_there or record.clear_air(life, wipe.until, at) < SETTLED_SECONDS:
                return False
    return True


def can_read(record, trace, at):
    """Whether the node of a connection could read the cursor when it came."""
    since = max(trace.life.started, trace.opened - QUIET_BEFORE)
    return record.clear_air(trace.life, since, at) >= at - since - 0.01


# Nothing lost

@dataclasses.dataclass(frozen=True)
class Known:
    """A direct that was acked."""

    member: object  # the sender
    id: str
    receiver: str
    sent: float
    at: float  # of the first ack
    durable: str
    life: object  # of the node that acked

    @property
    def key(self):
        return (self.member.user, self.id)


def delivered(record, counts, known, devices, user, is_copy=False):
    """A direct in the inbox of a user: it came to each device that had a cursor when it was sent, and to one of all."""
    key = known.key
    have = [device for device in devices if key in device.placed or key in device.waiting]
    due = [device for device in devices if device.since is not None and device.since <= known.sent]
    if not is_copy and not due and not have and devices:
        due = devices[:1]
    lacking = [device for device in due if device not in have]
    if not lacking:
        return
    what = f"{known.id} of {key[0]} to {known.receiver}, acked {known.durable} by {known.life}"
    what += ", the sender's own copy," if is_copy else ","
    entries = next((record.inboxes[one.member][1] for one in devices if one.member in record.inboxes), None)
    is_there = entries is not None and any(entry[1:3] == key for entry in entries)
    if not is_there and is_excused(record, known, devices, user):
        counts["left out: a direct that nobody held"] += 1
        return
    for device in lacking:
        if len(due) > 1 and lost_cursor(record, device, known.sent):
            counts["left out: a direct to a device whose cursor a wipe took"] += 1
            continue
        gaps = [reason for at, reason in device.gaps if at >= known.sent]
        text = f"{what} never came to {device.member.name}; "
        text += f"a gap says {gaps[-1]}" if gaps else "no gap says so"
        text += "" if entries is None else "; the inbox holds it" if is_there else "; it is not in the inbox"
        trace = device.member.traces[-1] if device.member.traces else None
        yield Violation("direct: lost", text, trace, None, INBOX, key)


def is_excused(record, known, devices, user):
    """Whether nobody who lived on held a direct."""
    if known.durable == "local" and known.life.ended is not None:
        if record.clear_air(known.life, known.at) < SETTLED_SECONDS:
            return True
    for wipe in record.wipes:
        if wipe.until < known.at:
            continue
        holders = {known.life} if wipe.at <= known.at + HELD_SECONDS else set()
        for device in devices:
            for at, trace, _, _ in device.placed.get(known.key, ()):
                if at <= wipe.until and (trace.ended or at) >= wipe.at - HELD_SECONDS:
                    holders.add(trace.life)
            for trace in device.member.traces:
                came = trace.joined_at.get(device.member.rooms[0])
                if (
                    came is not None
                    and came <= wipe.at - SPREAD_SECONDS
                    and known.at <= wipe.at - SPREAD_SECONDS
                    and (trace.ended or came) >= wipe.at - HELD_SECONDS
                ):
                    holders.add(trace.life)
        lived = [life for life in holders if life.ended is None or life.ended > wipe.at]
        if not any(life.ended is None or record.clear_air(life, wipe.until) >= SETTLED_SECONDS for life in lived):
            return True
    return False


# Inboxes at the end

def compare(record):
    """All devices of a user are shown the same inbox in the end, by whatever node."""
    without = [member.name for member in record.members if member.traces and member not in record.inboxes]
    if record.inboxes and without:
        yield Violation("direct: inbox", f"{', '.join(without[:10])} could not read it in the end", room=INBOX)
    first = {}
    for member, (epoch, entries) in record.inboxes.items():
        # A sender's own copy may be left out for the device that sent it.
        inbox = (epoch, [entry for entry in entries if entry[1] != member.user])
        other, theirs = first.setdefault(member.user, (member, inbox))
        if inbox != theirs:
            lacks = set(inbox[1]) ^ set(theirs[1])
            text = f"{member.name} is shown {inbox[0]}, {len(inbox[1])} entries, and {other.name} {theirs[0]}, "
            text += f"{len(theirs[1])}; in one alone: {sorted(lacks)[:3]}"
            yield Violation("direct: inbox", text, room=INBOX)
        keys = collections.Counter(entry[1:] for entry in entries)
        for key, count in keys.items():
            if count > 1:
                text = f"{count} times in the inbox of {member.user}"
                yield Violation("direct: inbox", text, room=INBOX, key=key[:2])
