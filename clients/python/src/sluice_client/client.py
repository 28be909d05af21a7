"""The connection that keeps itself alive: it dials, reads and writes, and gives each frame to the part it is for.

Everything runs on one event loop. What arrives is worked on by plain methods, one frame at a time; one task writes."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from .core import Core
from .errors import SluiceError
from .events import Emitter
from .frames import Frame, Place
from .inbox import Inbox
from .options import Options
from .receiver import Receiver
from .requests import Requests
from .room import Room
from .rooms import Rooms
from .rules import identifier_problem, new_id
from .sending import Sending
from .session import AtOnce, End, Final, Retry
from .tokens import Tokens
from .wire import Wire

class Sluice(Emitter):
    """A connection as one user, which dials when its first room is entered and stays until `close`.

    `url` is the gateway's origin, as ws:// or wss://, or several of them, which are taken in turn. `get_token` is a
    function, plain or async, that gives a token: called at each attempt, when the server says that the present one
    ends, and once after a refusal. Events: `state` with {state: "idle", "connecting", "online", "waiting" or "closed",
    delay_ms?, attempt?, code?, reason?}, all frames of rooms and inbox, `welcome`, `device`, `tier`, `mode`, `drain`,
    and `error` for what belongs to no waiting call."""

    def __init__(
        self,
        url: str | Sequence[str],
        *,
        user: str,
        device: str | None = None,
        device_type: str | None = None,
        get_token: Callable[[], str | Awaitable[str]] | None = None,
        options: Options | None = None,
        log: logging.Logger | None = None,
    ) -> None:
        super().__init__()
        self._urls = [url] if isinstance(url, str) else list(url)
        if not self._urls:
            raise SluiceError("bad_address", "no url")
        for name, value in (("user", user), ("device", device)):
            problem = None if value is None and name == "device" else identifier_problem(value)
            if problem:
                raise SluiceError("bad_identifier", f"{name} {problem}")
        self.user = user
        self.device = device or new_id()
        self.options = options or Options()
        self._device_type = device_type
        core = self._core = Core(self, user, self.options, log or logging.getLogger("sluice_client"))
        core.place_of = self._place_of
        self._session = core.session
        self._tokens = Tokens(core, get_token)
        self._sending = Sending(core)
        self._requests = Requests(core)
        self._rooms = Rooms(core, self._sending, self._requests)
        self.inbox = Inbox(core)
        self._receiver = Receiver(core, self._tokens, self._sending, self._requests, self._rooms, self.inbox)
        self._wire: Wire | None = None
        self._runner: asyncio.Task[None] | None = None
        self._helpers: set[asyncio.Task[None]] = set()
        self._hurry = asyncio.Event()

    # What applications call

    async def __aenter__(self) -> Sluice:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def state(self) -> str:
        """ "idle", "connecting", "online", "waiting" or "closed"."""
        return self._session.state.name

    @property
    def welcome(self) -> Frame | None:
        """The last connection's `welcome`."""
        return self._receiver.welcome

    def room(self, name: str, *, since: Place | None = None) -> Room:
        """The room of this name, entered if it is not yet; `since` is the (epoch, seq) to resume from. It stays over
        reconnects. Needs a running event loop."""
        problem = identifier_problem(name)
        if problem:
            raise SluiceError("bad_identifier", f"room {problem}")
        room = self._rooms.get(name)
        if room is None:
            asyncio.get_running_loop()
            room = self._rooms.enter(name, since)
            self._begin()
        return room

    def connect(self) -> None:
        """Begins again after the end: the state was "closed"."""
        if self._session.error:
            self._session.began()
            self._core.tell_state()
            self._begin()

    async def direct(
        self,
        to: str,
        content: Any,
        *,
        id: str | None = None,
        message_type: str | None = None,
        device_type: str | None = None,
        timeout_ms: float | None = None,
    ) -> Frame:
        """Sends to a user's inbox, wherever they are; kept while they are away. As `Room.send`."""
        frame = {"type": "direct", "to": to, "message_type": message_type, "device_type": device_type}
        return await self._sending.send(("to", to, id or new_id()), frame, content, timeout_ms)

    def reconnect_now(self) -> None:
        """Tries at once instead of at the end of the delay."""
        self._hurry.set()

    async def close(self) -> None:
        """Ends the connection; what still waits raises "closed"."""
        runners = [self._runner] if self._runner else []
        tasks = {*self._helpers, *self._tokens.tasks, *runners} - {asyncio.current_task()}
        self._end(SluiceError("closed", "the client was closed"), {"code": 1000})
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    # The connection

    def _begin(self) -> None:
        if self._runner is None and self._session.error is None:
            self._runner = asyncio.get_running_loop().create_task(self._live())
            self._help(self._watch())
        self._hurry.set() if self.state == "idle" else None

    def _help(self, coroutine: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(coroutine)
        self._helpers.add(task)
        task.add_done_callback(self._helpers.discard)
        return task

    @property
    def _is_over(self) -> bool:
        """Whether the running task is one of a former life of this client."""
        return self._runner is not asyncio.current_task()

    async def _live(self) -> None:
        try:
            while not self._is_over:
                self._hurry.clear()
                if not self._rooms:
                    if self._session.emptied():
                        self._core.tell_state()
                    await self._hurry.wait()
                    continue
                end = await self._connection()
                if not self._is_over:
                    await self._come_back(end)
        except Exception as error:  # a fault of this package: who waits must hear of it
            self._core.log.exception("the client ends")
            if not self._is_over:
                self._end(SluiceError("closed", repr(error)), {"code": 1006, "reason": repr(error)})

    async def _come_back(self, end: End) -> None:
        now, chance = time.monotonic(), random.random()
        match self._session.lost(
            end, now, renews=self._tokens.are_renewed, has_rooms=bool(self._rooms), random=chance
        ):
            case AtOnce():
                return
            case Final(error, detail):
                self._end(error, detail)
            case Retry(delay_ms, detail):
                self._urls.append(self._urls.pop(0))
                self._hurry.clear()
                self._core.tell_state(**detail)
                try:
                    await asyncio.wait_for(self._hurry.wait(), delay_ms / 1000)
                except TimeoutError:
                    pass

    async def _connection(self) -> End:
        """One connection from dialling to its end."""
        self._session.dialled(time.monotonic())
        self._core.tell_state(attempt=self._session.attempt)
        try:
            async with asyncio.timeout(self.options.connect_timeout_ms / 1000):
                token = await self._tokens.fresh()
        except Exception as error:
            self._core.tell_error("no_token", repr(error))
            return End(1006)
        if self._is_over or not self._rooms:
            return End(1000)
        wire = await Wire.dial(self._address(token), self.options, self._core.log)
        if isinstance(wire, End):
            return wire
        self._wire = wire
        pump = self._help(self._pump(wire))
        try:
            while (text := await wire.receive()) is not None:
                self._session.heard(time.monotonic())
                if not self._receiver.received(text):
                    wire.abort(1006)
        finally:
            if self._wire is wire:
                self._disconnected()
            pump.cancel()
            end = await wire.close()
        return end

    def _address(self, token: str | None) -> str:
        room, position = self._rooms.choose_address()
        query = {"device": self.device}
        if self._device_type:
            query["device_type"] = self._device_type
        if token:
            query["token"] = token
        if position:
            query["epoch"], query["since"] = position[0], str(position[1])
        path = f"/ws/{quote(room, safe='')}/{quote(self.user, safe='')}"
        text = urlencode(query, quote_via=quote, errors="replace")
        return f"{self._urls[0].rstrip('/')}{path}?{text}"

    def _disconnected(self) -> None:
        """Forgets what held for this connection alone."""
        self._wire = None
        self._tokens.disconnected()
        self._core.control.clear()
        self._sending.disconnected()
        self._requests.disconnected()
        self._rooms.disconnected()

    def _end(self, error: SluiceError, detail: Frame) -> None:
        if not self._session.closed(error):
            return
        self._runner = None
        if self._wire:
            self._wire.abort(1000)
        self._disconnected()
        for task in [*self._helpers, *self._tokens.tasks]:
            if task is not asyncio.current_task():
                task.cancel()
        feeds = None if detail.get("code") == 1000 else error
        self._sending.end(error)
        self._requests.end(error)
        self._rooms.end(error, feeds)
        self.inbox._end(feeds)
        self._core.tell_state(**detail)  # last: a listener may begin anew

    def _place_of(self, type: str, event: Frame) -> Emitter | None:
        if event.get("inbox") or type == "direct":
            return self.inbox
        name = event.get("room")
        return self._rooms.get(name) if isinstance(name, str) else None


    async def _watch(self) -> None:
        """Looks at what has a limit of time."""
        while True:
            await asyncio.sleep(self.options.tick_s)
            now = time.monotonic()
            code = self._session.silence(now)
            if code and self._wire:
                self._wire.abort(code)
            elif self._session.needs_ping(now):
                self._session.pinged(now)
                self._core.write({"type": "ping"})
            self._sending.expire(now)
            self._requests.expire(now)
            self._rooms.expire(now)
            self._core.work.set()

    # Sending

    async def _pump(self, wire: Wire) -> None:
        """Sends what may be sent, in order, until the connection ends."""
        while self._wire is wire:
            self._core.work.clear()
            next = self._next_frame() if self._session.is_online else None
            if isinstance(next, str):
                if not await wire.send(next):
                    return wire.abort(1006)
                continue
            try:
                await asyncio.wait_for(self._core.work.wait(), next)
            except TimeoutError:
                pass

    def _next_frame(self) -> str | float | None:
        """What must be sent now; else the seconds until something may, None when nothing waits for a moment."""
        if self._core.control:
            return json.dumps(self._core.control.popleft())
        ack = self.inbox._next_ack()
        if ack:
            return json.dumps(ack)
        now, limits = time.monotonic(), self._core.limits
        read = None if "read_marks" in limits.suspended else self._rooms.due_read(now)
        if read:
            return json.dumps(self._rooms.read_frame(read, now)) if limits.take(now) else limits.until_token_s
        pause = limits.pause_s(now)
        if pause:
            return pause
        request = self._requests.next(self._rooms.is_in, now)
        if request:
            if not limits.take(now):
                return limits.until_token_s
            request.is_sent = True
            return json.dumps(request.frame)
        wall = time.time()
        item = self._sending.next(self._rooms.is_in, limits.bytes_max, now, wall)
        if item is None:
            return None
        if not limits.take(now):
            return limits.until_token_s
        self._sending.sent(item, now, wall)
        return item.text
