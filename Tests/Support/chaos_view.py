"""What one client saw of one room, over all its connections, nodes and epochs: an id is given to it once."""

import collections
import math

from chaos_knowledge import SETTLED_SECONDS
from chaos_walk import Violation, Walk

# A newcomer is not given what others had so long before it came.
NEWCOMER_SECONDS = 5.0


class View:
    """The connections of a member in a room, in order: `walks`. `judge` comes when all walks of the run are known."""

    def __init__(self, member, room):
        self.member, self.room = member, room
        self.walks = []
        self.fresh = []  # numbers of walks that began without a position
        known = {}
        for number, trace in enumerate(member.traces):
            if trace.given.get(room) is None:
                known = {}
                self.fresh.append(number)
            walk = Walk(trace, room, known).go()
            self.walks.append(walk)
            known = {key: set(places) for key, places in known.items()}
            for key, seen in walk.sightings:
                if seen.kind != "read":
                    known.setdefault(key, set()).add((seen.epoch, seen.seq))

    def has(self, key):
        return any(key in walk.placed for walk in self.walks)

    def is_covered(self, places):
        """The reason of a gap that leads over one of these places, or None."""
        for walk in self.walks:
            for gap in walk.gaps:
                if any(gap.covers(*place) for place in places):
                    return gap.reason
        return None

    def is_due(self, at):
        """Whether it was in since before then, and has kept its state: it has to see what was said."""
        joined = [walk.trace.joined_at.get(self.room) for walk in self.walks]
        known = [time for time in joined if time is not None]
        # Who has dropped its state comes as a newcomer, and is in once the room says so.
        since = max([known[0], *(joined[number] or math.inf for number in self.fresh if number)]) if known else math.inf
        return since <= at

    def judge(self, knowledge, counts):
        """The violations of what is promised to a client."""
        self.knowledge, self.counts, self.violations = knowledge, counts, []
        self.seen = {}  # key → [(epoch, seq, Sighting)] since it last dropped its state
        self.confirmed = set()
        for number, walk in enumerate(self.walks):
            if number in self.fresh:
                self.drop_state()
                self.newcomer(walk)
            here, self.excused = {}, set()
            sightings = {(seen.index, key): seen for key, seen in walk.sightings if seen.kind != "read"}
            for index, what, subject in walk.steps:
                if what == "gap":
                    self.gap(walk, index, subject, here)
                    continue
                if subject in self.seen:
                    self.again(walk, index, what, subject)
                if what == "confirm":
                    self.confirmed.add(subject)
                if what in {"message", "ack", "confirm"}:
                    here.setdefault(subject, []).append(sightings[index, subject])
            # What came twice on one connection is the walk's to say.
            for key, sightings in here.items():
                self.seen.setdefault(key, []).extend(sightings)
        return self.violations

    def broken(self, rule, text, walk, index, key=None):
        self.violations.append(Violation(rule, text, walk.trace, index, self.room, key))

    def drop_state(self):
        self.seen, self.confirmed = {}, set()

    def gap(self, walk, index, gap, here):
        if gap.before is None:
            return
        (epoch, next_seq), at = gap.before, walk.trace.events[index][0]
        if gap.reason == "epoch_changed" and epoch != gap.after[0] and next_seq > 1:
            # At 0 it may stand in an epoch that a node made for its members without Redis.
            if self.knowledge.goes_on(self.room, epoch, next_seq - 1, at):
                text = f"{epoch} {next_seq - 1} is in a history that goes on: nothing was lost"
                self.broken("forked", text, walk, index)
        if gap.reason != "ahead":
            return
        if self.knowledge.in_split(at):
            # Nobody on this side can know what the other one has.
            self.counts["gap ahead, in a split"] += 1
            self.drop_state()
            here.clear()
        elif self.knowledge.is_known(self.room, epoch, next_seq - 1, at):
            text = f"{epoch} {next_seq - 1} is not ahead: a node that lives, or Redis, had it"
            self.broken("ahead", text, walk, index)
        else:
            self.counts["gap ahead, rightly"] += 1
            self.drop_state()
            here.clear()

    def again(self, walk, index, what, key):
        """A message of which the client knew the place comes on a later connection."""
        at, seen = walk.trace.events[index][0], self.seen[key]
        places = {(sighting.epoch, sighting.seq) for sighting in seen}
        if what in {"ack", "repetition"}:
            return  # An answer to what it said again.
        if key in self.excused:
            self.counts["shown again by a node that could not know"] += 1
            return
        if what == "shown":
            # A node that never had it can't know that the client has.
            if not self.knowledge.held(self.room, walk.trace.life, places, at):
                self.excused.add(key)
                return
        elif self.excuse(walk, places, seen, at):
            return
        first = seen[0]
        rule = "confirmed twice" if what == "confirm" and key in self.confirmed else "once"
        text = f"{what}, and {first.trace} had it at {first.epoch} {first.seq}; nothing allows it again"
        self.broken(rule, text, walk, index, key)

    def excuse(self, walk, places, seen, at):
        """Whether nobody could know that the client has what stood at these places."""
        if self.knowledge.crossed(self.member, seen[0].time):
            self.counts["repeated: crossed a split"] += 1
        elif self.is_led_over(walk, places, at):
            return False
        else:
            self.counts["repeated: nobody knew the fork"] += 1
        return True

    def is_led_over(self, walk, places, at):
        """Whether a client with these places had to be led over into the epoch in which it is now: a node that lives
        knows the fork, or there was none.
        """
        epochs = {epoch for epoch, _ in places}
        given = walk.trace.given.get(self.room)
        now = [gap.after[0] for gap in walk.gaps if walk.trace.events[gap.index][0] <= at]
        now = now[-1] if now else given and given[0]
        return now in epochs or self.knowledge.knows_fork(self.room, places, now, at, walk.trace.life)

    def newcomer(self, walk):
        """Who comes without a position to a node that knows nothing yet is not given the past when the node does."""
        joined = walk.after_join
        if not joined or joined.get("seq"):
            return
        opened = walk.trace.opened
        for key, seen in walk.sightings:
            # After a wipe the past is what other nodes bring back.
            if seen.kind != "message" or any(
                wipe.until >= opened - SETTLED_SECONDS and wipe.at <= seen.time for wipe in self.knowledge.record.wipes
            ):
                continue
            first = min(
                (other.time for other in self.knowledge.sightings[self.room, key] if other.kind != "read"),
                default=seen.time,
            )
            if first < opened - NEWCOMER_SECONDS:
                self.broken("newcomer", "came without a position, and is given the past", walk, seen.index, key)


def views_of(members):
    """(member, room) → View."""
    return {(member, room): View(member, room) for member in members for room in member.rooms}


def sightings_of(views):
    """(room, key) → all sightings of a message."""
    sightings = collections.defaultdict(list)
    for view in views.values():
        for walk in view.walks:
            for key, seen in walk.sightings:
                sightings[view.room, key].append(seen)
    return sightings
