"""Listeners, and the queues behind `async for`."""

from __future__ import annotations

import asyncio
import inspect
import logging
import weakref
from collections import deque
from collections.abc import Callable

from .errors import SluiceError
from .frames import Frame

Listener = Callable[[Frame], object]


class Emitter:
    """What has listeners: the client, its rooms, its inbox."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[Listener]] = {}

    def on(self, type: str, listener: Listener) -> Callable[[], None]:
        """Calls `listener` for every event of `type`, on the loop's thread; returns a function that ends it. It must
        be a plain function: what takes time belongs into a task or an `async for`."""
        if inspect.iscoroutinefunction(listener):
            raise TypeError("a listener must be a plain function")
        self._listeners.setdefault(type, []).append(listener)
        return lambda: self.off(type, listener)

    def once(self, type: str, listener: Listener) -> Callable[[], None]:
        """As `on`, for the next event alone."""

        def first(event: Frame) -> None:
            end()
            listener(event)

        end = self.on(type, first)
        return end

    def off(self, type: str, listener: Listener) -> None:
        """Ends what `on` began."""
        if listener in self._listeners.get(type, ()):
            self._listeners[type].remove(listener)

    def _hears(self, type: str) -> bool:
        """Whether somebody listens."""
        return bool(self._listeners.get(type))

    def _emit(self, type: str, event: Frame, log: logging.Logger) -> bool:
        """True when somebody listened."""
        listeners = list(self._listeners.get(type, ()))
        for listener in listeners:
            try:
                listener(event)
            except Exception:
                log.exception("a listener of %r failed", type)  # one listener's fault is not another's loss
        return bool(listeners)


class Feed:
    """The queue behind one `async for`; it ends with the room, with an error when the client ended.

    `gone_on` hears what the application went on from; `closed` hears once that nobody will read any more."""

    def __init__(
        self,
        bound: int,
        *,
        gone_on: Callable[[Frame], None] | None = None,
        closed: Callable[[Feed], None] | None = None,
    ) -> None:
        self._items: deque[Frame] = deque()
        self._bound = bound
        self._gone_on = gone_on
        self._closed = closed
        self._given: Frame | None = None
        self._wake = asyncio.Event()
        self._end: Exception | None = None
        self._ended = False
        self.is_abandoned = False

    @property
    def unread(self) -> list[Frame]:
        """What was not gone on from."""
        return [*([] if self._given is None else [self._given]), *self._items]

    def put(self, item: Frame) -> bool:
        """True when it will be handed out."""
        if self._ended:
            return False
        if len(self._items) >= self._bound:
            self.end(SluiceError("reader_too_slow", f"{self._bound} messages wait"))
            return False
        self._items.append(item)
        self._wake.set()
        return True

    def end(self, error: Exception | None = None) -> None:
        """Nothing more comes; what waits is still handed out."""
        if not self._ended:
            self._ended, self._end = True, error
            self._wake.set()

    def close(self) -> None:
        """Nobody reads any more."""
        self.end()
        closed, self._closed = self._closed, None
        if closed:
            closed(self)
        self._items.clear()
        self._given = None

    async def take(self) -> Frame:
        """The next one; cancelled, it takes none. Raises `StopAsyncIteration` at the end, or the end's error."""
        given, self._given = self._given, None
        if given is not None and self._gone_on:
            self._gone_on(given)
        while not self._items:
            if self._ended:
                self.close()
                raise self._end or StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        self._given = self._items.popleft()
        return self._given


class Messages:
    """One iteration over a room or the inbox. It begins when it is made, outlives a cancelled `anext`, and ends with
    `aclose` or when nobody holds it."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        weakref.finalize(self, _abandon, feed, asyncio.get_running_loop()).atexit = False

    def __aiter__(self) -> Messages:
        return self

    async def __anext__(self) -> Frame:
        return await self._feed.take()

    async def aclose(self) -> None:
        """Ends the iteration."""
        self._feed.close()


def _abandon(feed: Feed, loop: asyncio.AbstractEventLoop) -> None:
    feed.is_abandoned = True
    if not loop.is_closed():
        loop.call_soon_threadsafe(feed.close)  # whoever collects garbage may be another thread
