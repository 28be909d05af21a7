"""A room, as the application has it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from typing import Any, Protocol

from .events import Emitter, Feed, Messages
from .frames import Frame, Place


class RoomCore(Protocol):
    """What a room may ask of its client."""

    def position(self, room: str) -> Place | None: ...
    def join(self, room: str) -> Awaitable[Frame]: ...
    def send(self, room: str, frame: Frame, content: Any, timeout_ms: float | None) -> Awaitable[Frame]: ...
    def typing(self, room: str, typing: bool) -> bool: ...
    def signal(self, room: str, name: str, data: Any) -> bool: ...
    def mark_read(self, room: str, seq: int) -> None: ...
    def request(self, room: str, frame: Frame) -> Awaitable[Frame]: ...
    def leave(self, room: str) -> None: ...


class Room(Emitter):
    """A room that this client is in, or enters; made by `Sluice.room`.

    Events, by `on`: `message`, `ack`, `confirm`, `gap`, `joined_room`, `left_room`, `joined`, `left`, `presence`,
    `typing`, `signal`, `read`, `error`, each with the server's frame as a dict. `async for message in room` gives the
    messages that come from then on."""

    def __init__(self, core: RoomCore, name: str, max_unread: int) -> None:
        super().__init__()
        self._core = core
        self._max_unread = max_unread
        self._feeds: list[Feed] = []
        self.name = name

    @property
    def position(self) -> Place | None:
        """(epoch, seq) up to which everything was handed out."""
        return self._core.position(self.name)

    def joined(self) -> Awaitable[Frame]:
        """Waits for being in the room; gives the last `joined_room`. Raises the server's refusal."""
        return self._core.join(self.name)

    async def send(
        self,
        content: Any,
        *,
        id: str | None = None,
        message_type: str | None = None,
        reply_to: int | None = None,
        timeout_ms: float | None = None,
    ) -> Frame:
        """Sends any JSON value; returns the ack: it is committed. Waits while offline, and is sent again until it is
        acked. With `timeout_ms` it gives up then ("timeout": the outcome is not known). What is cancelled is withdrawn
        when it was not sent yet."""
        frame = {"id": id, "message_type": message_type, "reply_to": reply_to}
        return await self._core.send(self.name, frame, content, timeout_ms)

    def typing(self, typing: bool = True) -> bool:
        """Says that I type, or stopped to. Best effort: False when it was not sent."""
        return self._core.typing(self.name, typing)

    def signal(self, name: str, data: Any = None) -> bool:
        """Shows the others something that nobody keeps, such as a cursor: they get `signal` events. Best effort: False
        when it was not sent."""
        return self._core.signal(self.name, name, data)

    def mark_read(self, seq: int) -> None:
        """Raises my read mark; the newest wish is sent as soon as it can be."""
        self._core.mark_read(self.name, seq)

    async def page(self, *, before: int | None = None, after: int | None = None, limit: int = 100) -> Frame:
        """One `history` frame, ascending: before or after a seq, else the newest."""
        frame = {"type": "history", "limit": limit, "before": before, "after": after}
        return await self._core.request(self.name, frame)

    async def history(
        self, *, before: int | None = None, after: int | None = None, limit: int = 100
    ) -> AsyncIterator[Frame]:
        """All messages after a seq, ascending; else those before a seq, or all, from the newest to the oldest. `limit`
        is the size of a page."""
        rising = after is not None
        while True:
            page = await self.page(before=before, after=after, limit=limit)
            messages: list[Frame] = page["messages"]
            for message in messages if rising else reversed(messages):
                yield message
            seqs = [message["seq"] for message in messages if "seq" in message]
            if page["complete"] or not seqs:
                return
            last, edge = (after, seqs[-1]) if rising else (before, seqs[0])
            if last is not None and (edge <= last if rising else edge >= last):
                return  # the server does not move on
            after, before = (edge, None) if rising else (None, edge)

    async def users(self) -> Frame:
        """The `users` frame: who is in the room."""
        return await self._core.request(self.name, {"type": "users"})

    def leave(self) -> None:
        """Leaves the room; what still waits for it raises "not_in_room"."""
        self._core.leave(self.name)

    def __aiter__(self) -> Messages:
        feed = Feed(self._max_unread, closed=self._feeds.remove)
        self._feeds.append(feed)
        return Messages(feed)

    def _end(self, error: Exception | None) -> None:
        for feed in self._feeds:
            feed.end(error)
