"""Holds what all members of a chaos run saw to the contract: nothing lost, doubled or reordered, one order for all, no
wait without an end.
"""

import collections
import dataclasses

import chaos_inbox
import chaos_waits
from chaos_knowledge import SETTLED_SECONDS, Knowledge
from chaos_view import sightings_of, views_of
from chaos_walk import Violation

# How connections may end: by the client, with their node, or because it is stopped.
ENDS = ("dropped", "over", "lost", "closed with 1012", "closed with 1006", "closed with None")
# A node at tier heavy may send connections away, too.
ENDS_SHED = (*ENDS, "closed with 1013")


@dataclasses.dataclass
class Record:
    """What a run left."""

    members: list
    lives: list  # of nodes, in the order of their starts
    wipes: list
    clear_air: object  # (life, since, to=None) → seconds
    histories: dict  # room → {node: (epoch, seq, [(seq, user, id)])} at the end
    faults: list  # what nodes did that no fault asked for
    splits: list = dataclasses.field(default_factory=list)  # times in which an epoch may have had two histories
    inboxes: dict = dataclasses.field(default_factory=dict)  # member → (epoch, [(seq, from, id, to)]) at the end
    # (life, since, to) → seconds in which the process stood still, by a fault
    frozen: object = lambda life, since, to: 0.0
    users: dict = dataclasses.field(default_factory=dict)  # room → {node: set of users that it lists} at the end
    is_tiered: bool = False  # tiers were pinned: what they refuse is no offence


class Checker:
    """`violations` in the order of time, `counts` for the table."""

    def __init__(self, record):
        self.record = record
        self.violations = []
        self.counts = collections.Counter()
        self.final = {}  # (room, key) → seq at the end
        self.authors = {}  # (room, key) → member
        self.not_stored = set()  # (room, key) whose acks say so

    def check(self):
        self.violations += [Violation("process", text) for text in self.record.faults]
        for member in self.record.members:
            self.violations += [Violation("frame", text, trace) for trace, text in member.errors]
            self.authors |= {(room, (member.user, id)): member for room, id in member.first_sent}
        self.walk()
        self.agree()
        self.compare_histories()
        for view in self.views.values():
            self.violations += view.judge(self.knowledge, self.counts)
        self.answered()
        self.kept_order()
        self.nothing_lost()
        self.confirmed()
        self.same_view()
        self.same_users()
        self.violations += chaos_waits.check(self.record)
        self.violations += chaos_inbox.check(self.record, self.counts)
        self.counts["inboxes read at the end"] = len(self.record.inboxes)
        self.violations.sort(key=lambda violation: violation.time)
        return self

    def walk(self):
        ends = ENDS_SHED if self.record.is_tiered else ENDS
        for member in self.record.members:
            for trace in member.traces:
                if not trace.end.startswith(ends):
                    self.violations.append(Violation("close", trace.end, trace))
        self.views = views_of(self.record.members)
        self.walks = [walk for view in self.views.values() for walk in view.walks]
        self.sightings = sightings_of(self.views)
        self.holes = collections.defaultdict(set)  # room → gaps "not_stored"
        self.knowledge = Knowledge(self.record, self.walks, self.sightings)
        for walk in self.walks:
            self.violations += walk.violations
            self.not_stored |= {(walk.room, key) for key in walk.not_stored}
            self.counts.update("gap " + gap.reason for gap in walk.gaps)
            self.holes[walk.room] |= {gap for gap in walk.gaps if gap.reason == "not_stored"}
            self.counts["joined pending"] += bool(walk.after_join and walk.after_join.get("pending"))
        self.counts["not stored"] = len(self.not_stored)
        # Whose acks that say so were on their way, too.
        self.sampled = set(self.not_stored)
        if self.record.is_tiered:
            self.sampled |= {
                place
                for place, seen in self.sightings.items()
                if place not in self.not_stored and self.is_not_stored(*place, seen)
            }

    # One order

    def agree(self):
        """All say the same of (epoch, seq), and an epoch has a message once."""
        self.places, seqs = {}, {}
        everything = sorted(
            ((sighting.time, room, key, sighting) for (room, key), seen in self.sightings.items() for sighting in seen),
            key=lambda entry: entry[0],
        )
        for _, room, key, seen in everything:
            place = (room, seen.epoch, seen.seq)
            found = []
            if (other := self.places.setdefault(place, key)) != key:
                found.append((f"{place} is {key} here and {other} elsewhere", (key, other), (seen.seq,)))
            if (other := seqs.setdefault((room, seen.epoch, key), seen.seq)) != seen.seq:
                text = f"{key} has {seen.seq} here and {other} elsewhere in {seen.epoch}"
                found.append((text, (key,), (seen.seq, other)))
            if (room, key) not in self.authors:
                found.append(("never sent", (key,), ()))
            for text, keys, numbers in found:
                # Two sides of a split can't know of each other.
                if any(self.is_of_split(room, one, *((seen.epoch, seq) for seq in numbers)) for one in keys):
                    self.counts["left out: two histories in a split"] += 1
                else:
                    self.violations.append(Violation("agreement", text, seen.trace, seen.index, room, key))

    def sent_at(self, room, key):
        author = self.authors.get((room, key))
        return author and author.first_sent[room, key[1]]

    def is_of_split(self, room, key, *places):
        """Whether a message was said, or got one of its places (epoch, seq), while there may have been two histories:
        what was said before, and waited for Redis, got its place then."""
        times = self.placed_at(room, key)
        abouts = [self.sent_at(room, key), *(times.get(place) for place in places)]
        return any(about is not None and self.knowledge.in_split(about) for about in abouts)

    def placed_at(self, room, key):
        """When each place of a message first showed, by place."""
        times = {}
        for seen in self.sightings[room, key]:
            place = (seen.epoch, seen.seq)
            times[place] = min(seen.time, times.get(place, seen.time))
        return times

    def compare_histories(self):
        """All nodes have the same in the end, and what was seen of its epoch stands in it."""
        self.newest = {}  # room → (epoch, newest seq)
        for room, histories in self.record.histories.items():
            longest = max(histories.values(), key=lambda history: len(history[2]), default=None)
            if longest is None:
                self.violations.append(Violation("history", "no node has it", room=room))
                continue
            epoch, newest, entries = longest
            self.newest[room] = epoch, newest
            kept = self.kept(room, entries)
            for node, (its_epoch, its_newest, its_entries) in histories.items():
                its_kept = self.kept(room, its_entries)
                if (its_epoch, its_newest) != (epoch, newest) or its_kept != kept[len(kept) - len(its_kept) :]:
                    mine, other = f"{its_epoch} {its_newest}", f"{epoch} {newest}"
                    text = f"{node} has {mine}, {len(its_entries)} entries; another {other}, {len(entries)}"
                    lacks = set(kept) ^ set(its_kept)
                    text += f"; {len(lacks)} are in one alone, such as {min(lacks)}" if lacks else ""
                    self.violations.append(Violation("history", text, room=room))
            for key, count in collections.Counter((user, id) for _, user, id in entries).items():
                if count > 1:
                    self.violations.append(Violation("history", f"{count} times in it", room=room, key=key))
            for seq, user, id in entries:
                self.final[room, (user, id)] = seq
                other = self.places.get((room, epoch, seq), (user, id))
                if other != (user, id) and not self.is_of_split(room, other, (epoch, seq)):
                    text = f"{epoch} {seq} is {user} {id} in it, and was seen as {other}"
                    self.violations.append(Violation("history", text, room=room, key=(user, id)))

    def kept(self, room, entries):
        """Without what is not stored: a node has it that was there, and another one has not."""
        return [entry for entry in entries if (room, entry[1:]) not in self.sampled]

    def same_view(self):
        """In the end every client stands where the histories end."""
        for member in self.record.members:
            for room, position in member.positions.items():
                if room in self.newest and position != self.newest[room] and member.traces:
                    text = f"{member.name} stands at {position}, the history at {self.newest[room]}"
                    self.violations.append(Violation("view", text, member.traces[-1], room=room))

    def same_users(self):
        """In the end every node lists who is there."""
        for room, lists in self.record.users.items():
            there = {member.user for member in self.record.members if room in member.rooms}
            for node, users in lists.items():
                if users != there:
                    text = f"{node} lacks {sorted(there - users)[:5]}, and has {sorted(users - there)[:5]} too much"
                    self.violations.append(Violation("users", f"{text}; {len(there)} are there", room=room))

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
            for room, id in member.refused:
                self.counts["refused"] += 1
                if (room, (member.user, id)) in self.final and (room, id) not in member.answered:
                    self.counts["refused, and committed all the same"] += 1

    def confirmed(self):
        """What was shown without a place on a connection that lived to the end has got its confirm there."""
        for view in self.views.values():
            if not view.walks or view.walks[-1].trace.end != "over":
                continue
            walk = view.walks[-1]
            for key, index in walk.provisional.items():
                # What the client had before got its place then.
                if key in walk.confirmed or key in walk.placed or key in walk.known:
                    continue
                text = "shown without a place, and not confirmed up to the end"
                self.violations.append(Violation("unconfirmed", text, walk.trace, index, walk.room, key))

    # Nothing lost

    def nothing_lost(self):
        locals_ = collections.defaultdict(list)  # (room, key) → [(life, time)]
        for walk in self.walks:
            for id, index in walk.local:
                key = (walk.trace.member.user, id)
                locals_[walk.room, key].append((walk.trace.life, walk.trace.events[index][0]))
        self.latest_committed = self.find_latest_committed()
        for (room, key), member in self.authors.items():
            seen = [sighting for sighting in self.sightings.get((room, key), []) if sighting.kind != "read"]
            if (room, key) in self.final:
                self.seen_by_all(room, key, member)
            elif (room, key) in self.sampled:
                self.counts["left out of the history: not stored"] += 1
                self.seen_by_all(room, key, member)
            elif seen:
                if self.knowledge.is_wiped(room, seen):
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

    def is_not_stored(self, room, key, seen):
        """Whether a gap said of one of its places that it is not stored: the ack that said so was on its way."""
        places = {(sighting.epoch, sighting.seq) for sighting in seen}
        return self.record.is_tiered and any(
            gap.covers(*place)
            for gap in self.holes[room]
            for place in places
        )

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

    def lost(self, room, key, seen, text):
        last = max(seen, key=lambda sighting: sighting.time, default=None)
        self.violations.append(Violation("lost", text, last and last.trace, last and last.index, room, key))

    def seen_by_all(self, room, key, author):
        """A message that was committed came, with its place, to all who were in since before it was sent; what is
        not in the history may be covered by a gap.
        """
        at = author.first_sent[room, key[1]]
        seen = self.sightings[room, key]
        places = {(sighting.epoch, sighting.seq) for sighting in seen if sighting.kind != "repetition"}
        for member in self.record.members:
            view = self.views.get((member, room))
            if view is None or not view.is_due(at) or view.has(key):
                continue
            if member.user == key[0] and (room, key[1]) in member.answered and any(
                sighting.kind == "repetition" and sighting.trace.member is member for sighting in seen
            ):
                continue
            reason = view.is_covered(places)
            if reason and ((room, key) not in self.final or reason == "not_stored" and (room, key) in self.not_stored):
                self.counts["not seen: a gap covers what is not stored"] += 1
            elif any(self.knowledge.crossed(member, about) for about in (at, *self.placed_at(room, key).values())):
                self.counts["not seen: crossed a split"] += 1
            else:
                self.missed(room, key, member, view.walks)

    def missed(self, room, key, member, walks):
        """A member never saw a message. Where: at the first of its frames that are behind it in the same epoch."""
        if key in walks[-1].provisional:
            return  # `confirmed` says so.
        spots = {(seen.epoch, seen.seq) for seen in self.sightings[room, key]}
        spot = None
        for walk in walks:
            for _, seen in walk.sightings:
                if seen.kind not in {"repetition", "read"} and any(
                    seen.epoch == epoch and seen.seq > seq for epoch, seq in spots
                ):
                    spot = spot or (walk, seen.index)
            if spot:
                break
        walk, index = spot or (walks[-1], None)
        gaps = [gap.reason for gap in walk.gaps if index is None or gap.index <= index]
        if gaps:
            rule, text = "lost behind a gap", f"{member.name} never saw it; a gap says {gaps[-1]}; the history holds it"
        else:
            rule, text = "lost in silence", f"{member.name} never saw it, and no gap says so"
        self.violations.append(Violation(rule, text, walk.trace, index, room, key))
