"""Direct messages to this user: handed out once, and acked when the application has them."""

from __future__ import annotations

from . import frames
from .core import Core
from .errors import SluiceError
from .events import Emitter, Feed, Messages
from .frames import Frame, Place
from .log import Seen, Verdict


class Inbox(Emitter):
    """Direct messages to this user. Events: `direct`, `confirm`, `gap`.

    What listeners have returned from, and what an `async for` has gone on from, is acked to the server; the rest
    comes again at the device's next connection. There is one `async for` at a time."""

    def __init__(self, core: Core) -> None:
        super().__init__()
        self._core = core
        self._seen = Seen(core.options.max_seen)
        self._position: Place | None = None  # up to here everything was handed out
        # An ack holds for all before it. When something was handed to nobody, nothing behind it is acked until the
        # next connection, on which it comes again.
        self._is_held = False
        self._ack: Place | None = None  # to be sent
        self._feed: Feed | None = None

    def __aiter__(self) -> Messages:
        if self._feed and self._feed.is_abandoned:
            self._feed.close()
        if self._feed:
            raise SluiceError("busy", "the inbox is read already")
        self._feed = Feed(self._core.options.max_unread, gone_on=self._processed, closed=self._closed)
        return Messages(self._feed)

    @property
    def _waits(self) -> bool:
        """True while an `async for` has not gone on from all that came."""
        return self._feed is not None and bool(self._feed.unread)

    def _welcomed(self) -> None:
        self._is_held, self._ack = False, None

    def _next_ack(self) -> Frame | None:
        """The `inbox_ack` that is due."""
        place, self._ack = self._ack, None
        return None if place is None else {"type": "inbox_ack", "epoch": place[0], "seq": place[1]}

    def _acked(self, place: Place) -> None:
        if not self._is_held:
            self._ack = place
            self._core.wake()

    def _moved(self, place: Place) -> None:
        before = self._position
        if not self._is_held and (before is None or before[0] != place[0] or before[1] < place[1]):
            self._position = place

    def _processed(self, direct: Frame) -> None:
        """An `async for` went on from this one."""
        place = self._seen.place((direct["from"], direct["id"]))
        if place:
            self._acked(place)

    def _closed(self, feed: Feed) -> None:
        """An `async for` ended: what it left must come again, unless a listener had it."""
        self._feed = None
        if self._core.hears("direct") or self._hears("direct"):
            for direct in feed.unread:
                self._processed(direct)
            return
        for direct in feed.unread:
            key = (direct["from"], direct["id"])
            place, before = self._seen.place(key), self._position
            self._seen.forget(key)
            self._is_held = True
            if place and before and before[0] == place[0]:
                self._position = (place[0], min(before[1], place[1] - 1))

    def _end(self, error: SluiceError | None) -> None:
        if self._feed:
            self._feed.end(error)

    # Receiving

    def _got_direct(self, frame: Frame) -> None:
        key = (frames.text(frame, "from"), frames.text(frame, "id"))
        if frame.get("provisional"):
            if key not in self._seen and self._hand_out(frame):
                self._seen.add(key, None)
            return
        place, position = frames.place(frame), self._position
        if position and position[0] == place[0] and place[1] <= position[1]:
            return
        verdict = self._seen.verdict(key, place)
        if verdict is Verdict.NEW:
            if not self._hand_out(frame):
                return
        self._seen.add(key, place)
        self._moved(place)
        if verdict is Verdict.PLACED:
            entries = [{"user": key[0], "id": key[1], "seq": place[1]}]
            self._core.tell("confirm", {"type": "confirm", "inbox": True, "epoch": place[0], "entries": entries})
        if not self._waits:
            self._acked(place)

    def _hand_out(self, frame: Frame) -> bool:
        """False when nobody has it: it stays pending for this device."""
        is_heard = self._core.tell("direct", frame)
        is_taken = self._feed is not None and self._feed.put(frame)
        self._is_held = self._is_held or not (is_heard or is_taken)
        return is_heard or is_taken

    def _got_confirm(self, frame: Frame) -> None:
        for user, id, place in frames.entries(frame):
            if (user, id) in self._seen:
                self._seen.add((user, id), place)
                self._moved(place)
                if not self._waits:
                    self._acked(place)
            elif user != self._core.user:
                self._is_held = True  # nobody had it
        self._core.tell("confirm", frame)

    def _got_gap(self, frame: Frame) -> None:
        before, self._position = self._position, frames.following(frame)
        previous = None if before is None else {"epoch": before[0], "seq": before[1]}
        self._core.tell("gap", {**frame, "previous": previous})
