"""The messages that wait for their ack."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .core import UNKNOWN_OUTCOME, Core, reject, resolve
from .errors import SluiceError
from .frames import Frame, Place
from .rules import message_id_problem

Key = tuple[str, str, str]  # "room" or "to", its name, the message's id


@dataclass(eq=False)
class Outgoing:
    """A message of mine, until its ack."""

    key: Key
    text: str
    size: int
    future: asyncio.Future[Frame]
    callers: int = 0
    in_flight: bool = False  # sent on this connection
    first_sent: tuple[float, float] | None = None  # by the monotonic clock and by the wall clock

    @property
    def room(self) -> str | None:
        return self.key[1] if self.key[0] == "room" else None


class Sending:
    """My messages, in the order of sending."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._items: dict[Key, Outgoing] = {}
        self._in_flight = 0

    def __len__(self) -> int:
        return len(self._items)

    async def send(self, key: Key, frame: Frame, content: Any, timeout_ms: float | None) -> Frame:
        """Queues a message, or waits along when the same one waits already; returns the ack."""
        item = self._items.get(key) or self._enqueue(key, frame, content)
        item.callers += 1
        waiting = asyncio.shield(item.future)
        try:
            return await (waiting if timeout_ms is None else asyncio.wait_for(waiting, timeout_ms / 1000))
        except TimeoutError:
            if item.callers == 1:
                self._give_up(item)
            raise SluiceError("timeout", UNKNOWN_OUTCOME) from None
        except asyncio.CancelledError:
            if item.callers == 1 and item.first_sent is None and self._items.get(key) is item:
                self._take_out(key)  # withdrawn
            raise
        finally:
            item.callers -= 1

    def _enqueue(self, key: Key, frame: Frame, content: Any) -> Outgoing:
        self._core.open_or_raise()
        if problem := message_id_problem(key[2]):
            raise SluiceError("bad_identifier", f"id {problem}")
        if len(self._items) >= self._core.options.max_queue:
            raise SluiceError("queue_full", "too many messages wait to be sent")
        given = {name: value for name, value in frame.items() if value is not None}
        try:
            text = json.dumps({**given, "id": key[2], "content": content}, allow_nan=False, ensure_ascii=False)
            size = len(text.encode())
        except (TypeError, ValueError, RecursionError) as error:
            raise SluiceError("unserialisable", str(error)) from error
        item = self._items[key] = Outgoing(key, text, size, asyncio.get_running_loop().create_future())
        self._core.wake()
        return item

    def waits(self, room: str, id: str) -> bool:
        """Whether this message of mine waits for its ack."""
        return ("room", room, id) in self._items

    def acked(self, key: Key, ack: Frame) -> bool:
        """Its ack came. True when it waited."""
        item = self._take_out(key)
        if item:
            resolve(item.future, ack)
        return item is not None

    def replayed(self, room: str, id: str, place: Place, ts: object) -> bool:
        """My own message came in a replay: that is its ack, which was lost with a connection."""
        ack = {"type": "ack", "room": room, "id": id, "epoch": place[0], "seq": place[1], "ts": ts, "replayed": True}
        was_waiting = self.acked(("room", room, id), ack)
        if was_waiting:
            self._core.tell("ack", ack)
        return was_waiting

    def refused(self, id: str, room: object, error: SluiceError, wait_ms: float | None) -> bool:
        """An `error` for a message. True when it was one of mine; with `wait_ms` it is sent again then."""
        for key, item in self._items.items():
            if key[2] != id or (room is not None and item.room is not None and item.room != room):
                continue
            if wait_ms is None:
                self._take_out(key)
                reject(item.future, error)
            else:
                self._in_flight -= item.in_flight
                item.in_flight = False
                self._core.wake()
            return True
        return False

    def next(
        self, is_in: Callable[[str], bool], bytes_max: float, now: float, wall: float
    ) -> Outgoing | None:
        """The first message that may be sent now; what may never be sent is rejected on the way."""
        options = self._core.options
        if self._in_flight >= options.max_in_flight:
            return None
        for item in list(self._items.values()):
            if item.in_flight or (item.room is not None and not is_in(item.room)):
                continue
            # Asleep, a machine may not count by its monotonic clock: the server has forgotten the id.
            first, limit = item.first_sent, options.send_timeout_ms / 1000
            if first and max(now - first[0], wall - first[1]) > limit:
                self._give_up(item)
            elif item.size > bytes_max:  # the server would end the connection over it
                self._take_out(item.key)
                reject(item.future, SluiceError("too_large", f"a message may have {bytes_max} bytes"))
            else:
                return item
        return None

    def sent(self, item: Outgoing, now: float, wall: float) -> None:
        """It is on its way."""
        item.in_flight = True
        item.first_sent = item.first_sent or (now, wall)
        self._in_flight += 1

    def disconnected(self) -> None:
        """What was sent and not acked must be sent again."""
        self._in_flight = 0
        for item in self._items.values():
            item.in_flight = False

    def expire(self, now: float) -> None:
        """Rejects what waits for its ack too long."""
        limit = self._core.options.send_timeout_ms / 1000
        for item in list(self._items.values()):
            if item.first_sent and now - item.first_sent[0] > limit:
                self._give_up(item)

    def end(self, error: SluiceError, room: str | None = None) -> None:
        """Rejects what waits: of this room, or all."""
        for key, item in list(self._items.items()):
            if room is None or item.room == room:
                self._take_out(key)
                reject(item.future, error)

    def _give_up(self, item: Outgoing) -> None:
        if self._items.get(item.key) is item:
            self._take_out(item.key)
        reject(item.future, SluiceError("timeout", UNKNOWN_OUTCOME))

    def _take_out(self, key: Key) -> Outgoing | None:
        item = self._items.pop(key, None)
        if item:
            self._in_flight -= item.in_flight
            self._core.wake()
        return item
