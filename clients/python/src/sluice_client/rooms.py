"""The rooms that the application entered: joining them, what is known of their logs, read marks, leaving."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import Any

from . import frames
from .core import Core, reject, resolve
from .errors import SluiceError
from .frames import Frame, Place
from .log import Log, Verdict
from .requests import Requests
from .room import Room
from .rules import new_id
from .sending import Sending

# Read marks rise in steps of this.
READ_EVERY_S = 0.3


@dataclass(eq=False)
class Record:
    """What is known of a room."""

    room: Room
    log: Log
    is_joined: bool = False  # on this connection
    waiter: asyncio.Future[Frame] | None = None  # of `joined`
    asked_at: float = 0.0
    read_wanted: int = 0
    read_sent: int = 0
    read_at: float = -inf  # the first mark goes at once


class Rooms:
    """All rooms, by name."""

    def __init__(self, core: Core, sending: Sending, requests: Requests) -> None:
        self._core = core
        self._sending = sending
        self._requests = requests
        self._records: dict[str, Record] = {}
        # My leaves on this connection that the server has not answered: until then its frames are of the former stay.
        self._leaving: Counter[str] = Counter()
        self._address_room = ""

    def __bool__(self) -> bool:
        return bool(self._records)

    def __iter__(self) -> Iterator[Room]:
        return iter([record.room for record in self._records.values()])

    def get(self, name: str) -> Room | None:
        record = self._records.get(name)
        return record.room if record else None

    def enter(self, name: str, since: Place | None) -> Room:
        room = Room(self, name, self._core.options.max_unread)
        self._records[name] = Record(room, Log(self._core.options.max_seen, since))
        self._join(name)
        return room

    def position(self, name: str) -> Place | None:
        record = self._records.get(name)
        return record.log.position if record else None

    def is_in(self, name: str) -> bool:
        record = self._records.get(name)
        return record is not None and record.is_joined

    async def join(self, name: str) -> Frame:
        self._core.open_or_raise()
        record = self._record(name)
        if record.waiter is None:
            record.waiter = asyncio.get_running_loop().create_future()
            record.asked_at = time.monotonic()
            if record.is_joined:
                self._core.write({"type": "join", "room": name})  # answered by `joined_room` alone
        return await asyncio.shield(record.waiter)

    def _record(self, name: str) -> Record:
        """Raises when the room was left, or never entered."""
        if name not in self._records:
            raise SluiceError("not_in_room", "join the room first")
        return self._records[name]

    async def send(self, name: str, frame: Frame, content: Any, timeout_ms: float | None) -> Frame:
        self._core.open_or_raise()
        self._record(name)
        key = ("room", name, frame["id"] or new_id())
        return await self._sending.send(key, {**frame, "type": "message", "room": name}, content, timeout_ms)

    async def request(self, name: str, frame: Frame) -> Frame:
        self._core.open_or_raise()
        self._record(name)
        return await self._requests.ask(name, frame)

    def typing(self, name: str, typing: bool) -> bool:
        limits = self._core.limits
        if not self.is_in(name) or "typing" in limits.suspended or not limits.take(time.monotonic()):
            return False
        return self._core.write({"type": "typing", "typing": bool(typing), "room": name})

    def signal(self, name: str, signal: str, data: Any) -> bool:
        frame = {"type": "signal", "name": signal, "room": name, **({} if data is None else {"data": data})}
        try:
            json.dumps(frame, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise SluiceError("unserialisable", str(error)) from error
        limits = self._core.limits
        if not self.is_in(name) or "typing" in limits.suspended or not limits.take(time.monotonic()):
            return False
        return self._core.write(frame)

    def choose_address(self) -> tuple[str, Place | None]:
        """The room of the next connection's address, with its position: one that let us in before, if there is one."""
        known = (name for name, record in self._records.items() if record.log.position is not None)
        self._address_room = next(known, next(iter(self._records)))
        return self._address_room, self.position(self._address_room)

    def leave(self, name: str) -> None:
        was_in = self.is_in(name)
        self.forget(name, SluiceError("not_in_room", "the room was left"), feeds=None)
        if was_in:
            self._say_leave(name)

    def _say_leave(self, name: str) -> None:
        if name == self._address_room:
            self._address_room = ""
        self._leaving[name] += self._core.write({"type": "leave", "room": name})

    def _join(self, name: str) -> None:
        position = self.position(name)
        at = {} if position is None else {"epoch": position[0], "since": position[1]}
        self._core.write({"type": "join", "room": name, **at})

    def forget(self, name: str, error: SluiceError, feeds: SluiceError | None) -> None:
        """The room is left: what waits for it gets the error, and iterations end, with `feeds` if that is one."""
        record = self._records.pop(name, None)
        self._sending.end(error, name)
        self._requests.end(error, name)
        if record:
            if record.waiter:
                reject(record.waiter, error)
            record.room._end(feeds)

    def mark_read(self, name: str, seq: int) -> None:
        record = self._records.get(name)
        if record and seq > record.read_wanted:
            record.read_wanted = seq
            self._core.wake()

    def due_read(self, now: float) -> Record | None:
        """A room with a read mark that must be sent."""
        for record in self._records.values():
            if record.is_joined and record.read_wanted > record.read_sent:
                left = READ_EVERY_S - (now - record.read_at)
                if left <= 0:
                    return record
                self._core.wake(left)
        return None

    def read_frame(self, record: Record, now: float) -> Frame:
        """The `read` frame of a mark that is due, which is sent now."""
        record.read_sent, record.read_at = record.read_wanted, now
        return {"type": "read", "seq": record.read_wanted, "room": record.room.name}

    # The connection

    def welcomed(self) -> None:
        """Enters all rooms but the address's, which the server enters itself."""
        for name in self._records:
            if name != self._address_room:
                self._join(name)

    def disconnected(self) -> None:
        self._leaving.clear()
        for record in self._records.values():
            record.is_joined = False

    def expire(self, now: float) -> None:
        """Rejects who waits for being in a room too long."""
        for record in self._records.values():
            if record.waiter and now - record.asked_at > self._core.options.request_timeout_ms / 1000:
                waiter, record.waiter = record.waiter, None
                reject(waiter, SluiceError("timeout", "no answer came in time"))

    def end(self, error: SluiceError, feeds: SluiceError | None) -> None:
        """The client ends; its rooms stay, for a new beginning."""
        for record in self._records.values():
            record.is_joined = False
            waiter, record.waiter = record.waiter, None
            if waiter:
                reject(waiter, error)
            record.room._end(feeds)

    # Receiving

    def _addressed(self, frame: Frame) -> tuple[str, Record | None]:
        """The room that a frame is of; no record when it was left, also when it was entered anew since."""
        name = frames.text(frame, "room")
        return name, None if self._leaving[name] else self._records.get(name)

    def is_of_former_stay(self, frame: Frame) -> bool:
        """Whether a frame is of a room that I left, and the server had not heard of it."""
        room = frame.get("room")
        return isinstance(room, str) and self._leaving[room] > 0

    def got_joined_room(self, frame: Frame) -> None:
        name, record = self._addressed(frame)
        if record is None:
            if not self._leaving[name]:
                self._say_leave(name)  # left meanwhile, by this side
            return
        place, mark = frames.place(frame), frame.get("read_seq", 0)
        if not isinstance(mark, int):
            raise ValueError("no read_seq")
        record.is_joined = True
        record.log.entered(place)
        record.read_sent = mark
        self._core.tell("joined_room", frame)
        waiter, record.waiter = record.waiter, None
        if waiter:
            resolve(waiter, frame)
        self._core.wake()

    def got_left_room(self, frame: Frame) -> None:
        name, record = self._addressed(frame)
        if self._leaving[name]:
            if frame.get("reason") in ("left", "forbidden"):
                self._leaving[name] -= 1
            self._core.tell_of(None, "left_room", frame)
            return
        error = SluiceError("not_in_room", f"the room was {frame.get('reason')}")
        if name == self._address_room:
            self._address_room = ""
        self.forget(name, error, feeds=error)
        self._core.tell_of(record.room if record else None, "left_room", frame)

    def got_message(self, frame: Frame) -> None:
        name, record = self._addressed(frame)
        user, id = frames.text(frame, "user"), frames.text(frame, "id")
        if record is None:
            return
        if frame.get("provisional"):
            # My own, without its ack yet, is the application's already.
            is_mine = user == self._core.user and self._sending.waits(name, id)
            if record.log.provisional(user, id) and not is_mine:
                self._hand_out(record, frame)
            return
        place = frames.place(frame)
        verdict, hole = record.log.committed(user, id, place)
        self._tell_hole(name, hole)
        if user == self._core.user and self._sending.replayed(name, id, place, frame.get("ts")):
            return
        if verdict is Verdict.NEW:
            self._hand_out(record, frame)
        elif verdict is Verdict.PLACED:
            entries = [{"user": user, "id": id, "seq": place[1]}]
            self._core.tell("confirm", {"type": "confirm", "room": name, "epoch": place[0], "entries": entries})

    def _hand_out(self, record: Record, frame: Frame) -> None:
        self._core.tell("message", frame)
        for feed in list(record.room._feeds):
            feed.put(frame)

    def got_ack(self, frame: Frame) -> None:
        """The place of my own message."""
        name, record = self._addressed(frame)
        id = frames.text(frame, "id")
        place = None if frame.get("seq") is None else frames.place(frame)
        if record:
            is_duplicate = bool(frame.get("duplicate"))
            self._tell_hole(name, record.log.acked(self._core.user, id, place, is_duplicate=is_duplicate))

    def got_confirm(self, frame: Frame) -> None:
        name, record = self._addressed(frame)
        if record is None:
            return
        for user, id, place in frames.entries(frame):
            self._tell_hole(name, record.log.confirmed(user, id, place))
        self._core.tell("confirm", frame)

    def got_gap(self, frame: Frame) -> None:
        _, record = self._addressed(frame)
        place = frames.following(frame)
        if record is None:
            return
        before = record.log.skipped(place)
        if before is None or before[0] != place[0]:  # read marks are seqs of one epoch
            record.read_wanted = record.read_sent = 0
        previous = None if before is None else {"epoch": before[0], "seq": before[1]}
        self._core.tell("gap", {**frame, "previous": previous})

    def refused(self, frame: Frame, error: SluiceError, wait_ms: float | None) -> bool:
        """An `error` for no message. True when it was for a `join` or a `leave`."""
        name = frame.get("room")
        if not isinstance(name, str):
            return False
        if self._leaving[name] and error.code == "not_in_room":
            self._leaving[name] -= 1  # the server had put us out before
            return True
        record = self._records.get(name)
        if record is None or record.is_joined or name == self._address_room or self._leaving[name]:
            return False
        if wait_ms is None:
            self.forget(name, error, feeds=error)
            event = {"code": error.code, "message": error.message, "room": name}
            record.room._emit("error", event, self._core.log)
        else:
            asyncio.get_running_loop().call_later(wait_ms / 1000, self._join_again, name, record)
        return True

    def _join_again(self, name: str, record: Record) -> None:
        if self._records.get(name) is record and not record.is_joined:
            self._join(name)

    def _tell_hole(self, name: str, hole: str | None) -> None:
        if hole:
            self._core.tell_error("hole", hole, room=name)
