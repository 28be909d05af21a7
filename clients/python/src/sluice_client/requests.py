"""Pages of history and lists of users: asked until they are answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from .core import Core, reject, resolve
from .errors import SluiceError
from .frames import Frame
from .rules import new_id


@dataclass(eq=False)
class Request:
    """A question, until its answer."""

    id: str
    room: str
    frame: Frame
    future: asyncio.Future[Frame]
    asked_at: float
    not_before: float = 0.0
    is_sent: bool = False  # on this connection


class Requests:
    """The questions that wait for their answers, by id."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._items: dict[str, Request] = {}

    async def ask(self, room: str, frame: Frame) -> Frame:
        """Asks in a room, when it is entered, and again on the next connection; returns the answer."""
        self._core.open_or_raise()
        id, future = new_id(), asyncio.get_running_loop().create_future()
        given = {name: value for name, value in frame.items() if value is not None}
        self._items[id] = Request(id, room, {**given, "id": id, "room": room}, future, time.monotonic())
        self._core.wake()
        try:
            answer: Frame = await future
            return answer
        finally:
            self._items.pop(id, None)

    def answered(self, frame: Frame) -> None:
        request = self._items.pop(str(frame.get("id")), None)
        if request:
            resolve(request.future, frame)

    def refused(self, id: str, error: SluiceError, wait_ms: float | None, now: float) -> bool:
        """An `error` for a question. True when it was one; with `wait_ms` it is asked again then."""
        request = self._items.get(id)
        if request is None:
            return False
        if wait_ms is None:
            reject(self._items.pop(id).future, error)
        else:
            request.is_sent, request.not_before = False, now + wait_ms / 1000
            self._core.wake(wait_ms / 1000)
        return True

    def next(self, is_in: Callable[[str], bool], now: float) -> Request | None:
        """The first question that may be sent now."""
        for request in self._items.values():
            if not request.is_sent and now >= request.not_before and is_in(request.room):
                return request
        return None

    def disconnected(self) -> None:
        for request in self._items.values():
            request.is_sent = False

    def expire(self, now: float) -> None:
        """Rejects what waits for its answer too long."""
        for id, request in list(self._items.items()):
            if now - request.asked_at > self._core.options.request_timeout_ms / 1000:
                reject(self._items.pop(id).future, SluiceError("timeout", "no answer came in time"))

    def end(self, error: SluiceError, room: str | None = None) -> None:
        """Rejects what waits: of this room, or all."""
        for id, request in list(self._items.items()):
            if room is None or request.room == room:
                reject(self._items.pop(id).future, error)
