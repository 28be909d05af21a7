"""What one connection saw of one room, held to the contract frame by frame (section 2, "What is promised")."""

import dataclasses


@dataclasses.dataclass
class Violation:
    """A rule that was broken, and where: an event of a trace, or what was never seen at all."""

    rule: str
    text: str
    trace: object = None
    index: int | None = None
    room: str | None = None
    key: tuple | None = None

    @property
    def time(self):
        if self.trace is None:
            return float("inf")
        if self.index is None:
            return self.trace.ended or self.trace.opened
        return self.trace.events[self.index][0]


@dataclasses.dataclass(frozen=True)
class Sighting:
    """A message that has a place, as one connection heard of it."""

    time: float
    trace: object
    index: int
    # "message", "ack", "confirm"; "repetition": an ack, or a confirm, of a place that it had before; "read": a history
    kind: str
    epoch: str
    seq: int


@dataclasses.dataclass(frozen=True)
class Gap:
    """A jump of a connection's position in a room, from what was next to what is next."""

    index: int
    reason: str
    before: tuple | None  # (epoch, next seq)
    after: tuple

    def covers(self, epoch, seq):
        """Whether a place lies in what was jumped over."""
        if self.before is None or self.reason == "ahead":
            return False
        if self.before[0] == self.after[0]:
            return epoch == self.after[0] and self.before[1] <= seq < self.after[1]
        return epoch == self.before[0] and seq >= self.before[1] or epoch == self.after[0] and seq < self.after[1]


class Walk:
    """Goes through the events of one connection and room. Fills `sightings`, `steps` and `violations`.

    `known` has what the client knew before this connection: (user, id) → places.
    """

    def __init__(self, trace, room, known=None):
        self.trace, self.room, self.known = trace, room, known or {}
        self.epoch, self.next_seq = None, None
        self.sightings = []  # (key, Sighting), in their order
        # (index, what, key or Gap): all that a client's view is made of. what: "shown" (without a place, or the own
        # ack "local"), "gap", and the kinds of sightings.
        self.steps = []
        self.provisional = {}  # key → index of the message, or of the own ack "local"
        self.stood = {}  # key → (epoch, next seq) when it was shown without a place
        self.heard = {}  # key → index of the first frame that gave it a place or showed it without one
        self.placed = set()
        self.confirmed = set()
        self.local = []  # (id, index) of acks "local"
        self.not_stored = set()  # keys whose acks say so
        self.gaps = []  # Gap
        self.sent = []  # ids in the order of sending
        self.acks = []  # (id, seq, epoch) of first answers "redis"
        self.asked = {}  # id of a history request → index
        self.violations = []
        self.after_join = None  # how the connection came: the joined_room before its gap or its first frame
        self.gap_due = False
        self.is_pending = False

    def broken(self, rule, text, index, key=None):
        self.violations.append(Violation(rule, text, self.trace, index, self.room, key))

    def go(self):
        for index, (_, room, frame) in enumerate(self.trace.events):
            if room == self.room and (step := getattr(self, "on_" + frame["type"], None)):
                if frame["type"] not in {"sent", "asked", "joined_room", "gap"}:
                    self.settle(index)
                step(index, frame)
                if frame["type"] not in {"sent", "asked", "joined_room"}:
                    self.settle(index)
        return self

    @property
    def position(self):
        return None if self.epoch is None else (self.epoch, self.next_seq)

    # Coming

    def on_joined_room(self, index, frame):
        if self.after_join:
            return self.broken("order", "joined_room a second time", index)
        self.after_join, self.is_pending = frame, bool(frame.get("pending"))
        given = self.trace.given.get(self.room)
        if given is None:
            # A node that is behind may not know the epoch yet; the first frame with a place has it.
            if frame.get("epoch") is not None:
                self.epoch, self.next_seq = frame["epoch"], frame["seq"] + 1
            elif not self.is_pending:
                self.broken("resume", f"no epoch: {frame}", index)
            if frame["recovered"] or frame["missed"]:
                self.broken("resume", f"recovered without a position: {frame}", index)
            return
        self.epoch, self.next_seq = given[0], given[1] + 1
        if self.is_pending:
            return
        if not frame["recovered"]:
            self.gap_due = True
        elif frame["epoch"] != given[0] or frame["seq"] != given[1] + frame["missed"]:
            self.broken("resume", f"recovered from {given}, and {frame}", index)

    def settle(self, index):
        """Anything but a gap follows: where one was due, it is missing. What is not stored has its gap where it lacks,
        among the messages that were missed."""
        if self.gap_due and (self.epoch != self.after_join["epoch"] or self.next_seq > self.after_join["seq"]):
            self.gap_due = False
            self.broken("resume", "neither recovered nor a gap", index)

    def on_gap(self, index, frame):
        reason, epoch, seq = frame["reason"], frame["epoch"], frame["next_seq"]
        if self.after_join is None:
            return self.broken("order", f"a gap before joined_room: {frame}", index)
        same, behind = epoch == self.epoch, self.next_seq is not None and seq > self.next_seq
        is_first = self.gap_due
        fits = {
            "epoch_changed": not same,
            "trimmed": same and behind or self.epoch is None,
            "not_stored": same and behind or self.epoch is None,
            # Only who comes can be ahead; where the node had to catch up first, it says so late.
            "ahead": same and not behind and (is_first or self.is_pending),
        }.get(reason, False)
        where = "nothing" if self.epoch is None else f"{self.epoch} {self.next_seq - 1}"
        if not fits:
            self.broken("gap", f"{frame} for the position {where}, {self.after_join}", index)
        elif is_first and reason != "not_stored" and not self.is_sampled():
            joined = self.after_join
            # Of what follows some may be left out, as the client has it from a former epoch.
            if joined["epoch"] != epoch or joined["seq"] < seq - 1 + joined["missed"]:
                self.broken("gap", f"{frame} for the position {where}, {joined}", index)
        if reason != "not_stored":
            self.is_pending = False
        self.gap_due = False
        gap = Gap(index, reason, self.position, (epoch, seq))
        self.epoch, self.next_seq = epoch, seq
        self.gaps.append(gap)
        self.steps.append((index, "gap", gap))

    def is_sampled(self):
        """Whether this connection has heard of holes: then `missed` says less than the seqs."""
        return any(
            room == self.room and frame["type"] == "gap" and frame["reason"] == "not_stored"
            for _, room, frame in self.trace.events
        )

    # Messages

    def on_sent(self, index, frame):
        self.sent.append(frame["id"])

    def place(self, index, frame, seq, key, kind):
        """A frame that takes the next place."""
        where = f"{self.epoch} {self.next_seq}"
        if self.after_join is None:
            self.broken("order", f"{kind} before joined_room", index, key)
        elif self.epoch is not None and (frame["epoch"], seq) != self.position:
            rule = "behind" if frame["epoch"] == self.epoch and seq < self.next_seq else "order"
            self.broken(rule, f"{kind} at {frame['epoch']} {seq} where {where} is next", index, key)
        self.epoch, self.next_seq = frame["epoch"], seq + 1
        if key in self.placed:
            rule = "confirmed twice" if kind == "confirm" and key in self.confirmed else "once"
            self.broken(rule, f"{kind} of what had a place on this connection", index, key)
        self.placed.add(key)
        self.heard.setdefault(key, index)
        self.saw(index, key, kind, frame["epoch"], seq)

    def saw(self, index, key, kind, epoch, seq):
        self.sightings.append((key, Sighting(self.trace.events[index][0], self.trace, index, kind, epoch, seq)))
        self.steps.append((index, kind, key))

    def show(self, index, key):
        self.provisional.setdefault(key, index)
        self.stood.setdefault(key, self.position)
        self.heard.setdefault(key, index)
        self.steps.append((index, "shown", key))

    def on_message(self, index, frame):
        key = (frame["user"], frame["id"])
        if not frame.get("provisional"):
            if key in self.provisional and key not in self.confirmed and key not in self.placed:
                self.broken("once", "a message that was shown without a place, not its confirm", index, key)
            return self.place(index, frame, frame["seq"], key, "message")
        if "seq" in frame or "epoch" in frame:
            self.broken("provisional", f"with a place: {frame}", index, key)
        if key in self.heard:
            return self.broken("once", "provisional, and known on this connection", index, key)
        self.show(index, key)

    def on_ack(self, index, frame):
        key = (self.trace.member.user, frame["id"])
        if frame.get("stored") is False:
            self.not_stored.add(key)
        if frame["durable"] == "local":
            if "seq" in frame or "epoch" in frame:
                self.broken("provisional", f"with a place: {frame}", index, key)
            if frame.get("stored") is False:
                self.broken("ack", f"local, and not to be stored: {frame}", index, key)
            self.local.append((frame["id"], index))
            if key not in self.placed and key not in self.provisional:
                self.show(index, key)
            return
        if frame["durable"] != "redis":
            self.broken("ack", f"durable {frame['durable']} in a cluster", index, key)
        epoch, seq = frame["epoch"], frame["seq"]
        if not frame.get("duplicate"):
            self.acks.append((frame["id"], seq, epoch))
            return self.place(index, frame, seq, key, "ack")
        # Its place was passed, or lies among what this connection saw in a former epoch, or is the next one: then the
        # ack takes it.
        if (epoch, seq) == self.position:
            return self.place(index, frame, seq, key, "ack")
        self.saw(index, key, "repetition", epoch, seq)

    def had_passed(self, key, place):
        """Whether a place was behind the client when a message was shown to it without that place."""
        epoch, next_seq = self.stood.get(key) or (None, None)
        return place[0] == epoch == self.epoch and place[1] < min(next_seq, self.next_seq)

    def on_confirm(self, index, frame):
        for entry in frame["entries"]:
            key = (entry["user"], entry["id"])
            if key not in self.provisional:
                self.broken("confirm", "of what was not shown on this connection", index, key)
            place = (frame["epoch"], entry["seq"])
            if self.had_passed(key, place) or place in self.known.get(key, ()) and place != self.position:
                # The author said it a second time, to a node that could not know it: the confirm moves nothing.
                self.saw(index, key, "repetition", *place)
            elif key not in self.placed and any(gap.reason == "not_stored" and gap.covers(*place) for gap in self.gaps):
                # The node heard late of its own message's place, which is not stored and was passed.
                self.placed.add(key)
                self.saw(index, key, "confirm", *place)
            else:
                self.place(index, frame, entry["seq"], key, "confirm")
            self.confirmed.add(key)

    # Reading

    def on_asked(self, index, frame):
        self.asked[frame["id"]] = index

    def on_history(self, index, frame):
        """A node shows what it keeps: all that it showed before it was asked, and gave no place since."""
        since = self.asked.pop(frame["id"], None)
        if since is None:
            return self.broken("history", f"nobody asked for {frame['id']}", index)
        seqs = [seq for seq, _, _ in frame["entries"] if seq is not None]
        if seqs != sorted(set(seqs)) or None in [seq for seq, _, _ in frame["entries"][: len(seqs)]]:
            self.broken("history", "not ascending, or not with what waits for its place at the end", index)
        there = {(user, id) for _, user, id in frame["entries"]}
        hidden = [
            key
            for key, at in self.provisional.items()
            if at < since and key not in self.placed and key not in self.confirmed and key not in there
        ]
        if hidden:
            text = f"a history without {len(hidden)} messages that the node showed before, and keeps"
            self.broken("hidden", text, index, hidden[0])
        for seq, user, id in frame["entries"]:
            if seq is not None:
                self.sightings.append(
                    ((user, id), Sighting(self.trace.events[index][0], self.trace, index, "read", frame["epoch"], seq))
                )
