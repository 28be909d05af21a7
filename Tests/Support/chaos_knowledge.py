"""What the nodes and the Redis of a chaos run knew, and when: made from what they said to their members."""

import bisect
import collections

# A node that could reach Redis for so long has sent there what it kept for it. Far above what it needs: 5 s for the
# longest wait between two probes, and the time that a busy machine takes.
SETTLED_SECONDS = 12.0
# A node follows a room for 30 s after its last member; what it held is counted for a little less.
HELD_SECONDS = 25.0
# A node that could reach Redis for so long has put back there what it knows of former epochs.
PUT_BACK_SECONDS = 3.0
# So long what was published is on its way to a client at most, on a busy machine.
ON_ITS_WAY_SECONDS = 0.5
# Frames by which a node says that it holds a place, and all before it.
PLACING = {"message", "ack", "confirm"}


class Knowledge:
    """Of lives of nodes, by rooms. `sightings`: (room, key) → sightings, of all members."""

    def __init__(self, record, walks, sightings):
        self.record, self.sightings = record, sightings
        self.stays = collections.defaultdict(list)  # (room, life) → [(from, to)] of its members, in order
        for walk in walks:
            if (at := walk.trace.joined_at.get(walk.room)) is not None:
                self.stays[walk.room, walk.trace.life].append((at, walk.trace.ended or float("inf")))
        for stays in self.stays.values():
            stays.sort()
        self.heights = self.find_heights(walks)

    def find_heights(self, walks):
        """(room, life) → epoch → [(seq, when the life was first known to be so far)], both rising.

        A node that follows a history has read all of it: what stands below is held, whether members have heard of it or
        came with a position behind it.
        """
        steps = collections.defaultdict(lambda: collections.defaultdict(list))
        for walk in walks:
            steps_here = steps[walk.room, walk.trace.life]
            for _, seen in walk.sightings:
                if seen.kind in PLACING:
                    steps_here[seen.epoch].append((seen.time, seen.seq))
            for gap in walk.gaps:
                # Where it leads to, not all before that is held.
                steps_here[gap.after[0]].append((walk.trace.events[gap.index][0], 0))
            # A node that is behind may repeat the client's own position.
            if walk.after_join and not walk.after_join.get("pending"):
                steps_here[walk.after_join["epoch"]].append((walk.trace.joined_at[walk.room], walk.after_join["seq"]))
        heights = {}
        for place, epochs in steps.items():
            heights[place] = {}
            for epoch, steps_here in epochs.items():
                rising = heights[place][epoch] = []
                for at, seq in sorted(steps_here):
                    if not rising or seq > rising[-1][0]:
                        rising.append((seq, at))
        return heights

    def reached(self, room, life, epoch, seq):
        """When a life was first known to be so far, or None."""
        rising = self.heights.get((room, life), {}).get(epoch, [])
        at = bisect.bisect_left(rising, (seq,))
        return rising[at][1] if at < len(rising) else None

    def holders(self, room, places):
        """Lives that held what stands at one of these (epoch, seq), with the time from which it is known."""
        for life in self.record.lives:
            since = [self.reached(room, life, *place) for place in places]
            since = [at for at in since if at is not None]
            if since:
                yield life, min(since)

    def held(self, room, life, places, at):
        """Whether a life held what stands at one of these places then."""
        since = [self.reached(room, life, *place) for place in places]
        return any(time is not None and time <= at for time in since)

    def serves(self, life, room, at, since=None):
        """Whether a life had members in the room shortly before `at`, and so holds what it said to them; without
        a longer pause since `since`.
        """
        covered = at if since is None else since
        for came, went in self.stays.get((room, life), ()):
            if came <= covered:
                covered = max(covered, went + HELD_SECONDS) if went + HELD_SECONDS >= covered else covered
                if went + HELD_SECONDS >= at:
                    return True
        return False

    # Redis

    def is_wiped(self, room, seen):
        """Whether Redis was wiped at a time when no node held the message that lived on to bring it back."""
        first = min(sighting.time for sighting in seen)
        places = {(sighting.epoch, sighting.seq) for sighting in seen}
        for wipe in self.record.wipes:
            if wipe.until < first:
                continue
            # A node that held it at the wipe, and then had the time to commit it again.
            if not any(
                since <= wipe.until
                and (life.ended is None or life.ended > wipe.at)
                and self.serves(life, room, wipe.at)
                and (life.ended is None or self.record.clear_air(life, wipe.until) >= SETTLED_SECONDS)
                for life, since in self.holders(room, places)
            ):
                return True
        return False

    def is_known(self, room, epoch, seq, at):
        """Whether a position lies within what a living node, or Redis, has at a time: who stands there is not ahead."""
        return self.goes_on(room, epoch, seq, at) or any(
            since <= at and (life.ended is None or life.ended > at) and self.serves(life, room, at)
            for life, since in self.holders(room, [(epoch, seq)])
        )

    def goes_on(self, room, epoch, seq, at):
        """Whether a position of which members have heard lies in a history that no wipe has ended since."""
        first = min((since for _, since in self.holders(room, [(epoch, seq)])), default=None)
        if first is None or first > at:
            return False
        # What was heard of directly behind a wipe was on its way before it.
        return not any(first - ON_ITS_WAY_SECONDS <= wipe.until and wipe.at <= at for wipe in self.record.wipes)

    def knows_fork(self, room, places, epoch, at, server):
        """Whether a node that lives at this time held one of these places, and followed the room from there into this
        epoch: it knows where their holders stand in it, and has put that into Redis, for other nodes than itself.
        """
        for life, since in self.holders(room, [place for place in places if place[0] != epoch]):
            over = self.reached(room, life, epoch, 0)
            if (
                over is not None
                and since <= over <= at
                and (life.ended is None or life.ended > at)
                and self.serves(life, room, at, since)
                and (life is server or all(
                    self.record.clear_air(life, wipe.until, at) >= PUT_BACK_SECONDS
                    for wipe in self.record.wipes
                    if over < wipe.until and wipe.at <= at
                ))
            ):
                return True
        return False

    # Two histories at a time

    def in_split(self, at):
        """Whether two histories may have grown in one epoch at this time, with nobody who could know."""
        return any(split.at - 1 <= at <= split.until + 1 for split in self.record.splits)

    def crossed(self, member, at):
        """Whether a client changed nodes around a split in which something was said."""
        for split in self.record.splits:
            if split.at - 1 <= at <= split.until + 1:
                lives = {
                    trace.life
                    for trace in member.traces
                    if trace.opened <= split.until + SETTLED_SECONDS and (trace.ended or at) >= split.at - 1
                }
                if len(lives) > 1:
                    return True
        return False
