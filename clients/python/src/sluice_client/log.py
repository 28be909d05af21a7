"""What is known of a room's log: how far it was handed out, and which messages were. A value without I/O."""

from __future__ import annotations

import enum

from .frames import Place


class Verdict(enum.Enum):
    """What a committed message is to the application."""

    OLD = "had it, with its place"
    PLACED = "had it; its place is new"
    NEW = "must be handed out"


class Seen:
    """The messages that were handed out, by user and id, at most `bound`: their places, None while provisional."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._places: dict[tuple[str, str], Place | None] = {}

    def __contains__(self, key: tuple[str, str]) -> bool:
        return key in self._places

    def place(self, key: tuple[str, str]) -> Place | None:
        return self._places.get(key)

    def add(self, key: tuple[str, str], place: Place | None) -> None:
        self._places.pop(key, None)
        self._places[key] = place
        if len(self._places) > self._bound:
            del self._places[next(iter(self._places))]

    def forget(self, key: tuple[str, str]) -> None:
        self._places.pop(key, None)

    def verdict(self, key: tuple[str, str], place: Place) -> Verdict:
        """Of a message that has this place now."""
        if key not in self._places:
            return Verdict.NEW
        before = self._places[key]
        if before == place:
            return Verdict.OLD
        # Another place in one epoch: the sender used an id anew, long after.
        return Verdict.NEW if before is not None and before[0] == place[0] else Verdict.PLACED


class Log:
    """A room's log. Up to `position` everything was handed out.

    Each method returns the hole in words when the position jumps and no `gap` announced it, which should not be."""

    def __init__(self, max_seen: int, since: Place | None = None) -> None:
        self.position = since
        self.seen = Seen(max_seen)

    def _advance(self, place: Place) -> str | None:
        before, self.position = self.position, place
        if before is None or (before[0] == place[0] and place[1] <= before[1] + 1):
            return None
        return f"seq {place[1]} came after {before[1]}"

    def _passed(self, place: Place) -> bool:
        return self.position is not None and self.position[0] == place[0] and place[1] <= self.position[1]

    def entered(self, place: Place) -> None:
        """`joined_room` gives a position where there was none, and moves none."""
        self.position = self.position or place

    def provisional(self, user: str, id: str) -> bool:
        """A provisional message. True when it is new."""
        is_new = (user, id) not in self.seen
        if is_new:
            self.seen.add((user, id), None)
        return is_new

    def committed(self, user: str, id: str, place: Place) -> tuple[Verdict, str | None]:
        if self._passed(place):
            return Verdict.OLD, None
        verdict = self.seen.verdict((user, id), place)
        hole = self._advance(place)
        self.seen.add((user, id), place)
        return verdict, hole

    def acked(self, user: str, id: str, place: Place | None, *, is_duplicate: bool) -> str | None:
        """My message. A duplicate's place is an old one: what lies before it may still be on its way."""
        moves = place is not None and not is_duplicate and not self._passed(place)
        hole = self._advance(place) if place is not None and moves else None
        self.seen.add((user, id), place)
        return hole

    def confirmed(self, user: str, id: str, place: Place) -> str | None:
        """A place of another epoch, or one that was passed, answers a repetition and moves nothing; a new epoch comes
        with a gap."""
        is_next = self.position is None or (self.position[0] == place[0] and not self._passed(place))
        hole = self._advance(place) if is_next else None
        self.seen.add((user, id), place)
        return hole

    def skipped(self, place: Place) -> Place | None:
        """A `gap`, up to `place`. Returns the position before it."""
        before, self.position = self.position, place
        return before
