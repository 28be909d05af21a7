"""Holds what all members of a chaos run saw to the contract: nothing lost, doubled or reordered, one order for all."""

import bisect
import collections
import dataclasses

import chaos_directs
from chaos_walk import Violation, Walk

# A node that could reach Redis for so long has sent there what it kept for it. Far above what it needs: 5 s for the
# longest wait between two probes, and the time that a busy machine takes.
SETTLED_SECONDS = 12.0
# A node follows a room for 30 s after its last member; what it held is counted for a little less.
HELD_SECONDS = 25.0
# How connections may end: by the client, with their node, or because it is stopped.
ENDS = ("dropped", "over", "lost", "closed with 1012", "closed with 1006", "closed with None")


@dataclasses.dataclass
class Record:
    """What a run left."""

    members: list
    lives: list  # of nodes, in the order of their starts
    wipes: list
    clear_air: object  # (life, since) → seconds
    histories: dict  # room → {node: (epoch, seq, [(seq, user, id)])} at the end
    faults: list  # what nodes did that no fault asked for


class Checker:
    """`violations` in the order of time, `counts` for the table."""

    def __init__(self, record):
        self.record = record
        self.violations = []
        self.counts = collections.Counter()
        self.walks = []
        self.by_member = collections.defaultdict(list)  # (member, room) → walks in their order
        self.sightings = collections.defaultdict(list)  # (room, key) → sightings
        self.final = {}  # (room, key) → seq at the end
        self.authors = {}  # (room, key) → member

    def check(self):
        self.violations += [Violation("process", text) for text in self.record.faults]
        for member in self.record.members:
            self.violations += [Violation("frame", text, trace) for trace, text in member.errors]
            self.authors |= {(room, (member.user, id)): member for room, id in member.first_sent}
        self.walk()
        self.agree()
        self.compare_histories()
        self.once_over_connections()
        self.answered()
        self.kept_order()
        self.nothing_lost()
        self.confirmed()
        self.violations += chaos_directs.check(self.record, self.counts)
        self.violations.sort(key=lambda violation: violation.time)
        return self

    def walk(self):
        for member in self.record.members:
            for trace in member.traces:
                if not trace.end.startswith(ENDS):
                    self.violations.append(Violation("close", trace.end, trace))
                for room in member.rooms:
                    walk = Walk(trace, room).go()
                    self.walks.append(walk)
                    self.by_member[member, room].append(walk)
                    self.violations += walk.violations
                    for key, sighting in walk.sightings:
                        self.sightings[room, key].append(sighting)
                    self.counts.update("gap " + reason for _, reason in walk.gaps)

    # One order

    def agree(self):
        """All say the same of (epoch, seq), and an epoch has a message once."""
        places, seqs = {}, {}
        everything = sorted(
            ((sighting.time, room, key, sighting) for (room, key), seen in self.sightings.items() for sighting in seen),
            key=lambda entry: entry[0],
        )
        for _, room, key, seen in everything:
            place = (room, seen.epoch, seen.seq)
            if places.setdefault(place, key) != key:
                text = f"{place} is {key} here and {places[place]} elsewhere"
                self.violations.append(Violation("agreement", text, seen.trace, seen.index, room, key))
            if seqs.setdefault((room, seen.epoch, key), seen.seq) != seen.seq:
                text = f"{key} has {seen.seq} here and {seqs[room, seen.epoch, key]} elsewhere in {seen.epoch}"
                self.violations.append(Violation("agreement", text, seen.trace, seen.index, room, key))
            if (room, key) not in self.authors:
                self.violations.append(Violation("agreement", "never sent", seen.trace, seen.index, room, key))
        self.places = places

    def compare_histories(self):
        """All nodes have the same in the end, and what was seen of its epoch stands in it."""
        for room, histories in self.record.histories.items():
            longest = max(histories.values(), key=lambda history: len(history[2]), default=None)
            if longest is None:
                self.violations.append(Violation("history", "no node has it", room=room))
                continue
            epoch, newest, entries = longest
            for node, (its_epoch, its_newest, its_entries) in histories.items():
                same_end = entries[len(entries) - len(its_entries) :]
                if (its_epoch, its_newest) != (epoch, newest) or its_entries != same_end:
                    mine, other = f"{its_epoch} {its_newest}", f"{epoch} {newest}"
                    text = f"{node} has {mine}, {len(its_entries)} entries; another {other}, {len(entries)}"
                    self.violations.append(Violation("history", text, room=room))
            keys = collections.Counter((user, id) for _, user, id in entries)
            for key, count in keys.items():
                if count > 1:
                    self.violations.append(Violation("history", f"{count} times in it", room=room, key=key))
            for seq, user, id in entries:
                self.final[room, (user, id)] = seq
                if self.places.get((room, epoch, seq), (user, id)) != (user, id):
                    text = f"{epoch} {seq} is {user} {id} in it, and was seen as {self.places[room, epoch, seq]}"
                    self.violations.append(Violation("history", text, room=room, key=(user, id)))

    def once_over_connections(self):
        """What had a place on an earlier connection comes again only when a gap has come since."""
        for (_, room), walks in self.by_member.items():
            gaps, since = 0, {}  # gaps so far; key → gaps up to where it had its place
            for walk in walks:
                steps = [(index, "gap", None) for index, _ in walk.gaps]
                steps += [(seen.index, seen.kind, key) for key, seen in walk.sightings]
                steps += [
                    (index, "message", key)
                    for key, index in walk.provisional.items()
                    if walk.trace.events[index][2]["type"] == "message"
                ]
                placed = {}
                for index, kind, key in sorted(steps, key=lambda step: step[0]):
                    if kind == "gap":
                        gaps += 1
                    elif kind == "message" and key in since and since[key] < gaps:
                        self.counts["repeated behind a gap"] += 1
                    elif kind == "message" and key in since:
                        text = "seen on an earlier connection, and no gap allows it again"
                        self.violations.append(Violation("once", text, walk.trace, index, room, key))
                    if key in walk.placed and kind in {"message", "ack", "confirm"}:
                        placed[key] = gaps
                since |= placed

    def kept_order(self):
        """What one connection sent, and was acked there, has its places in that order."""
        for walk in self.walks:
            sent = {}
            for number, id in enumerate(walk.sent):
                sent.setdefault(id, number)
            last = {}
            for id, seq, epoch in walk.acks:
                if id in sent and sent[id] < last.get(epoch, (-1, None))[0]:
                    text = f"{id} has {seq} behind {last[epoch][1]}, which was sent later"
                    self.violations.append(Violation("sender's order", text, walk.trace, room=walk.room))
                last[epoch] = (sent.get(id, -1), id)

    def answered(self):
        """In the end everything that was sent has been answered."""
        for member in self.record.members:
            for room, ids in member.pending.items():
                for id in ids:
                    text = f"{member.name} got no answer to {id}"
                    self.violations.append(Violation("answer", text, room=room, key=(member.user, id)))
            for (room, id), _ in member.refused.items():
                self.counts["refused"] += 1
                if (room, (member.user, id)) in self.final and (room, id) not in member.answered:
                    self.counts["refused, and committed all the same"] += 1

    def confirmed(self):
        """What was shown without a place on a connection that lived to the end has got its confirm there."""
        for walks in self.by_member.values():
            if not walks or walks[-1].trace.end != "over":
                continue
            for key, index in walks[-1].provisional.items():
                if key not in walks[-1].confirmed and key not in walks[-1].placed:
                    text = "shown without a place, and not confirmed up to the end"
                    self.violations.append(
                        Violation("unconfirmed", text, walks[-1].trace, index, walks[-1].room, key)
                    )

    # Nothing lost

    def nothing_lost(self):
        locals_ = collections.defaultdict(list)  # (room, key) → [(life, time)]
        for walk in self.walks:
            for id, index in walk.local:
                key = (walk.trace.member.user, id)
                locals_[walk.room, key].append((walk.trace.life, walk.trace.events[index][0]))
        self.heights = self.find_heights()
        self.latest_committed = self.find_latest_committed()
        for (room, key), member in self.authors.items():
            seen = self.sightings.get((room, key), [])
            in_final = (room, key) in self.final
            if not in_final:
                if seen:
                    if self.is_wiped(room, key, seen):
                        self.counts["left out: only in a Redis that was wiped"] += 1
                        continue
                    self.lost(room, key, seen, "it had a place, and is not in the history")
                elif (room, key) in locals_:
                    holders = locals_[room, key]
                    if all(self.took_along(room, life, at) for life, at in holders):
                        self.counts["left out: only with a node that ended"] += 1
                        continue
                    names = ", ".join(str(life) for life, _ in holders)
                    self.lost(room, key, seen, f"acked local by {names}, not committed")
                continue
            self.seen_by_all(room, key, member)

    def took_along(self, room, life, at):
        """Whether a node may have ended with what it kept since `at`: it had no time to commit it, and committed
        nothing that was sent to it later, as nothing overtakes what waits.
        """
        return (
            life.ended is not None
            and self.record.clear_air(life, at) < SETTLED_SECONDS
            and self.latest_committed.get((room, life), 0) <= at
        )

    def find_latest_committed(self):
        """(room, life) → when the latest of those messages was sent that this life has acked as committed."""
        latest = {}
        for walk in self.walks:
            sent = {}
            for at, room, frame in walk.trace.events:
                if room == walk.room and frame["type"] == "sent":
                    sent.setdefault(frame["id"], at)
            place = (walk.room, walk.trace.life)
            for id, _, _ in walk.acks:
                latest[place] = max(latest.get(place, 0), sent.get(id, 0))
        return latest

    def find_heights(self):
        """(room, life) → epoch → [(seq, when the life was first known to be so far)], both rising.

        A node that follows a history has read all of it: what stands below is held, whether members were told of it or
        came with a position behind it.
        """
        steps = collections.defaultdict(lambda: collections.defaultdict(list))
        for walk in self.walks:
            told = steps[walk.room, walk.trace.life]
            for _, seen in walk.sightings:
                if seen.kind != "repetition":
                    told[seen.epoch].append((seen.time, seen.seq))
            if walk.after_join:
                told[walk.after_join["epoch"]].append((walk.trace.joined_at[walk.room], walk.after_join["seq"]))
        heights = {}
        for place, epochs in steps.items():
            heights[place] = {}
            for epoch, told in epochs.items():
                rising = heights[place][epoch] = []
                for at, seq in sorted(told):
                    if not rising or seq > rising[-1][0]:
                        rising.append((seq, at))
        return heights

    def holders(self, room, seen):
        """Lives that held a message, with the time from which it is known."""
        places = {(sighting.epoch, sighting.seq) for sighting in seen}
        for life in self.record.lives:
            epochs = self.heights.get((room, life), {})
            since = [
                epochs[epoch][at][1]
                for epoch, seq in places
                if epoch in epochs and (at := bisect.bisect_left(epochs[epoch], (seq,))) < len(epochs[epoch])
            ]
            if since:
                yield life, min(since)

    def serves(self, life, room, at):
        """Whether a life had members in the room shortly before `at`, and so holds what it told them."""
        return any(
            walk.trace.joined_at[room] <= at and (walk.trace.ended or at) >= at - HELD_SECONDS
            for walk in self.walks
            if walk.room == room and walk.trace.life is life and room in walk.trace.joined_at
        )

    def is_wiped(self, room, key, seen):
        """Whether Redis was wiped at a time when no node held the message that lived on to bring it back."""
        first = min(sighting.time for sighting in seen)
        for wipe in self.record.wipes:
            if wipe.until < first:
                continue
            # A node that held it at the wipe, and then had the time to commit it again.
            if not any(
                since <= wipe.until
                and (life.ended is None or life.ended > wipe.at)
                and self.serves(life, room, wipe.at)
                and (life.ended is None or self.record.clear_air(life, wipe.until) >= SETTLED_SECONDS)
                for life, since in self.holders(room, seen)
            ):
                return True
        return False

    def lost(self, room, key, seen, text):
        last = max(seen, key=lambda sighting: sighting.time, default=None)
        self.violations.append(
            Violation("lost", text, last and last.trace, last and last.index, room, key)
        )

    def seen_by_all(self, room, key, author):
        """A message that stands in the history was told, with its place, to all who were in since before it was sent."""
        at = author.first_sent[room, key[1]]
        for member in self.record.members:
            walks = self.by_member.get((member, room))
            if not walks:
                continue
            joined = min((walk.trace.joined_at[room] for walk in walks if room in walk.trace.joined_at), default=None)
            if joined is None or joined > at or any(key in walk.placed for walk in walks):
                continue
            if member.user == key[0] and (room, key[1]) in member.answered and any(
                seen.kind == "repetition" and seen.trace.member is member for seen in self.sightings[room, key]
            ):
                continue
            self.missed(room, key, member, walks)

    def missed(self, room, key, member, walks):
        """A member never saw a message. Where: at the first of its frames that are behind it in the same epoch."""
        if key in walks[-1].provisional:
            return  # `confirmed` says so.
        spots = {(seen.epoch, seen.seq) for seen in self.sightings[room, key]}
        spot = None
        for walk in walks:
            for _, seen in walk.sightings:
                if seen.kind != "repetition" and any(seen.epoch == epoch and seen.seq > seq for epoch, seq in spots):
                    spot = spot or (walk, seen.index)
            if spot:
                break
        walk, index = spot or (walks[-1], None)
        gaps = [reason for at, reason in walk.gaps if index is None or at <= index]
        if gaps:
            rule, text = "lost behind a gap", f"{member.name} never saw it; a gap says {gaps[-1]}; the history holds it"
        else:
            rule, text = "lost in silence", f"{member.name} never saw it, and no gap says so"
        self.violations.append(Violation(rule, text, walk.trace, index, room, key))
