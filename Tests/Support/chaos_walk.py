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
    """A message that has a place, as one connection was told."""

    time: float
    trace: object
    index: int
    kind: str  # "message", "ack", "confirm", "repetition" (an ack that says duplicate)
    epoch: str
    seq: int


class Walk:
    """Goes through the events of one connection and room. Fills `sightings` and `violations`."""

    def __init__(self, trace, room):
        self.trace, self.room = trace, room
        self.epoch, self.next_seq = None, None
        self.sightings = []  # (key, Sighting), in their order
        self.provisional = {}  # key → index of the message, or of the own ack "local"
        self.told = {}  # key → index of the first frame that gave it a place or showed it without one
        self.placed = set()
        self.confirmed = set()
        self.local = []  # (id, index) of acks "local"
        self.gaps = []  # (index, reason)
        self.sent = []  # ids in the order of sending
        self.acks = []  # (id, seq, epoch) of first answers "redis"
        self.violations = []
        self.after_join = None  # how the connection came: the joined_room before its gap or its first frame
        self.gap_due = False

    def broken(self, rule, text, index, key=None):
        self.violations.append(Violation(rule, text, self.trace, index, self.room, key))

    def go(self):
        for index, (_, room, frame) in enumerate(self.trace.events):
            if room == self.room and (step := getattr(self, "on_" + frame["type"], None)):
                if frame["type"] not in {"sent", "joined_room", "gap"}:
                    self.settle(index)
                step(index, frame)
        return self

    # Coming

    def on_joined_room(self, index, frame):
        if self.after_join:
            return self.broken("order", "joined_room a second time", index)
        self.after_join = frame
        given = self.trace.given.get(self.room)
        if given is None:
            self.epoch, self.next_seq = frame["epoch"], frame["seq"] + 1
            if frame["recovered"] or frame["missed"]:
                self.broken("resume", f"recovered without a position: {frame}", index)
        elif frame["recovered"]:
            self.epoch, self.next_seq = given[0], given[1] + 1
            if frame["epoch"] != given[0] or frame["seq"] != given[1] + frame["missed"]:
                self.broken("resume", f"recovered from {given}, and {frame}", index)
        else:
            self.epoch, self.next_seq = given[0], given[1] + 1
            self.gap_due = True

    def settle(self, index):
        """Anything but a gap follows: where one was due, it is missing."""
        if self.gap_due:
            self.gap_due = False
            self.broken("resume", "neither recovered nor a gap", index)

    def on_gap(self, index, frame):
        reason, epoch, seq = frame["reason"], frame["epoch"], frame["next_seq"]
        if self.epoch is None:
            return self.broken("order", f"a gap before joined_room: {frame}", index)
        same = epoch == self.epoch
        if self.gap_due:
            self.gap_due = False
            joined = self.after_join
            fits = {
                "epoch_changed": not same,
                "trimmed": same and seq > self.next_seq,
                "ahead": same and seq < self.next_seq,
            }.get(reason, False)
            if not fits or joined["epoch"] != epoch or joined["seq"] != seq - 1 + joined["missed"]:
                self.broken("gap", f"{frame} for the position {self.epoch} {self.next_seq - 1}, {joined}", index)
        elif not {
            "epoch_changed": not same or seq >= self.next_seq,
            "trimmed": same and seq > self.next_seq,
        }.get(reason, False):
            self.broken("gap", f"{frame} where {self.epoch} {self.next_seq} is next", index)
        self.epoch, self.next_seq = epoch, seq
        self.gaps.append((index, reason))

    # Messages

    def on_sent(self, index, frame):
        self.sent.append(frame["id"])

    def place(self, index, frame, seq, key, kind):
        """A frame that takes the next place."""
        if self.epoch is None:
            self.broken("order", f"{kind} before joined_room", index, key)
        elif (frame["epoch"], seq) != (self.epoch, self.next_seq):
            where = f"{self.epoch} {self.next_seq}"
            self.broken("order", f"{kind} at {frame['epoch']} {seq} where {where} is next", index, key)
        self.epoch, self.next_seq = frame["epoch"], seq + 1
        if key in self.placed:
            self.broken("once", f"{kind} of what had a place on this connection", index, key)
        self.placed.add(key)
        self.told.setdefault(key, index)
        self.saw(index, key, kind, frame["epoch"], seq)

    def saw(self, index, key, kind, epoch, seq):
        self.sightings.append((key, Sighting(self.trace.events[index][0], self.trace, index, kind, epoch, seq)))

    def on_message(self, index, frame):
        key = (frame["user"], frame["id"])
        if not frame.get("provisional"):
            if key in self.provisional and key not in self.confirmed:
                self.broken("once", "a message that was shown without a place, not its confirm", index, key)
            return self.place(index, frame, frame["seq"], key, "message")
        if "seq" in frame or "epoch" in frame:
            self.broken("provisional", f"with a place: {frame}", index, key)
        if key in self.told:
            self.broken("once", "provisional, and known on this connection", index, key)
        self.provisional[key] = index
        self.told.setdefault(key, index)

    def on_ack(self, index, frame):
        key = (self.trace.member.user, frame["id"])
        if frame["durable"] == "local":
            if "seq" in frame or "epoch" in frame:
                self.broken("provisional", f"with a place: {frame}", index, key)
            self.local.append((frame["id"], index))
            if key not in self.placed:
                self.provisional.setdefault(key, index)
                self.told.setdefault(key, index)
            return
        if frame["durable"] != "redis":
            self.broken("ack", f"durable {frame['durable']} in a cluster", index, key)
        epoch, seq = frame["epoch"], frame["seq"]
        if not frame.get("duplicate"):
            self.acks.append((frame["id"], seq, epoch))
            return self.place(index, frame, seq, key, "ack")
        # Its place was passed, or lies among what this connection saw in a former epoch, or is the next one: then the
        # ack takes it.
        if (epoch, seq) == (self.epoch, self.next_seq):
            return self.place(index, frame, seq, key, "ack")
        self.saw(index, key, "repetition", epoch, seq)

    def on_confirm(self, index, frame):
        for entry in frame["entries"]:
            key = (entry["user"], entry["id"])
            if key not in self.provisional:
                self.broken("confirm", "of what was not shown on this connection", index, key)
            self.confirmed.add(key)
            self.place(index, frame, entry["seq"], key, "confirm")
