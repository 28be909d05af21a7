"""The connection that keeps itself alive, its rooms, and the inbox of its user.

Everything runs on one event loop. What arrives is worked on by plain methods, one frame at a time; one task writes.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import websockets
from websockets.asyncio.client import ClientConnection, connect

from .errors import SluiceError
from .rules import close_reason, duration, identifier_problem, new_id, reconnect_delay

Frame = dict[str, Any]
Listener = Callable[[Frame], object]

# Read marks rise in steps of this.
READ_EVERY_S = 0.3
# The client's own event, which no frame may pretend to be.
OWN_EVENTS = frozenset({"state"})


@dataclass(frozen=True)
class Options:
    """Times in milliseconds, and bounds of what is kept."""

    backoff_base_ms: float = 500  # first step of the back-off, doubled per lost connection
    backoff_max_ms: float = 15_000  # and its bound
    connect_timeout_ms: float = 15_000  # from dialling to `welcome`
    stable_ms: float = 5_000  # a connection that held this long ends the back-off
    idle_ms: float = 15_000  # silence after which the link is probed
    ping_timeout_ms: float = 5_000  # and how long the answer may take
    send_timeout_ms: float = 240_000  # from the first transmission; below the server's memory of ids (300 s)
    request_timeout_ms: float = 30_000  # pages, users, joining
    max_queue: int = 1_000  # messages that wait for their ack, sent or not
    max_in_flight: int = 64  # of these, sent on this connection
    max_seen: int = 2_048  # remembered message ids per room
    max_unread: int = 10_000  # messages that wait in one `async for`
    max_frame_bytes: int = 64 << 20  # of what the server sends


@dataclass
class _Log:
    """What is known of a room's log, or of the inbox."""

    epoch: str | None = None
    seq: int = 0  # up to here everything was handed out
    joined: bool = False  # on this connection
    seen: dict[tuple[str, str], tuple[str, int] | None] = field(default_factory=dict)  # None while provisional
    read_wanted: int = 0
    read_sent: int = 0
    read_at: float = 0.0
    waiter: asyncio.Future[Frame] | None = None  # of `joined`
    asked_at: float = 0.0


@dataclass
class _Outgoing:
    text: str
    size: int
    id: str
    room: str | None
    future: asyncio.Future[Frame]
    in_flight: bool = False
    first_sent: tuple[float, float] | None = None  # by the monotonic clock and by the wall clock


@dataclass
class _Request:
    frame: Frame
    room: str
    future: asyncio.Future[Frame]
    asked_at: float
    not_before: float = 0.0
    sent: bool = False


class _Emitter:
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

    def _emit(self, type: str, event: Frame, log: logging.Logger) -> bool:
        """True when somebody listened."""
        listeners = list(self._listeners.get(type, ()))
        for listener in listeners:
            try:
                listener(event)
            except Exception:
                log.exception("a listener of %r failed", type)  # one listener's fault is not another's loss
        return bool(listeners)


class _Feed:
    """The queue behind one `async for`; it ends with the room, with an error when the client ended."""

    def __init__(self, bound: int) -> None:
        self._items: deque[Frame] = deque()
        self._bound = bound
        self._wake = asyncio.Event()
        self._end: Exception | None = None
        self._ended = False

    def put(self, item: Frame) -> None:
        if self._ended:
            return
        if len(self._items) >= self._bound:
            self.end(SluiceError("reader_too_slow", f"{self._bound} messages wait"))
            return
        self._items.append(item)
        self._wake.set()

    def end(self, error: Exception | None = None) -> None:
        if not self._ended:
            self._ended, self._end = True, error
            self._wake.set()

    async def take(self) -> Frame | None:
        while not self._items:
            if self._ended:
                if self._end:
                    raise self._end
                return None
            self._wake.clear()
            await self._wake.wait()
        return self._items.popleft()


class Room(_Emitter):
    """A room that this client is in, or enters; made by `Sluice.room`.

    Events, by `on`: `message`, `ack`, `confirm`, `gap`, `joined_room`, `left_room`, `joined`, `left`, `presence`,
    `typing`, `signal`, `read`, `error`, each with the server's frame as a dict. `async for message in room` gives the
    messages that come from then on."""

    def __init__(self, client: Sluice, name: str) -> None:
        super().__init__()
        self._client = client
        self._feeds: list[_Feed] = []
        self.name = name

    @property
    def position(self) -> tuple[str, int] | None:
        """(epoch, seq) up to which everything was handed out."""
        return self._client._position(self.name)

    def joined(self) -> Awaitable[Frame]:
        """Waits for being in the room; gives the last `joined_room`. Raises the server's refusal."""
        return self._client._joined(self.name)

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
        return await self._client._send(self.name, content, id, message_type, reply_to, timeout_ms)

    def typing(self, typing: bool = True) -> bool:
        """Says that I type, or stopped to. Best effort: False when it was not sent."""
        return self._client._typing(self.name, typing)

    def signal(self, name: str, data: Any = None) -> bool:
        """Shows the others something that nobody keeps, such as a cursor: they get `signal` events. Best effort: False
        when it was not sent."""
        return self._client._signal(self.name, name, data)

    def mark_read(self, seq: int) -> None:
        """Raises my read mark; the newest wish is sent as soon as it can be."""
        self._client._mark_read(self.name, seq)

    async def page(self, *, before: int | None = None, after: int | None = None, limit: int = 100) -> Frame:
        """One `history` frame, ascending: before or after a seq, else the newest."""
        places = {"before": before, "after": after}
        return await self._client._request(
            self.name, {"type": "history", "limit": limit, **{k: v for k, v in places.items() if v is not None}}
        )

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
        return await self._client._request(self.name, {"type": "users"})

    def leave(self) -> None:
        """Leaves the room; what still waits for it raises "not_in_room"."""
        self._client._leave(self.name)

    async def __aiter__(self) -> AsyncIterator[Frame]:
        feed = _Feed(self._client.options.max_unread)
        self._feeds.append(feed)
        try:
            while (message := await feed.take()) is not None:
                yield message
        finally:
            self._feeds.remove(feed)


class Inbox(_Emitter):
    """Direct messages to this user. Events: `direct`, `confirm`, `gap`.

    What listeners have returned from, and what an `async for` has gone on from, is acked to the server; the rest
    comes again at the device's next connection. There is one `async for` at a time."""

    def __init__(self, client: Sluice) -> None:
        super().__init__()
        self._client = client
        self._feed: _Feed | None = None
        self._busy = False

    async def __aiter__(self) -> AsyncIterator[Frame]:
        if self._feed is not None:
            raise SluiceError("busy", "the inbox is read already")
        feed = self._feed = _Feed(self._client.options.max_unread)
        try:
            while (direct := await feed.take()) is not None:
                self._busy = True
                yield direct
                self._busy = False
                self._client._processed(direct)
        finally:
            self._feed, self._busy = None, False

    @property
    def _waits(self) -> bool:
        """True while an `async for` has not gone on from all that came."""
        return self._busy or bool(self._feed and self._feed._items)


class Sluice(_Emitter):
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
        self.inbox = Inbox(self)
        self.state = "idle"
        self.welcome: Frame | None = None
        self._device_type = device_type
        self._get_token = get_token
        self._log_to = log or logging.getLogger("sluice_client")
        self._rooms: dict[str, Room] = {}
        self._logs: dict[str, _Log] = {}
        self._inbox_log = _Log()
        self._outgoing: dict[tuple[str, str, str], _Outgoing] = {}
        self._requests: dict[str, _Request] = {}
        self._control: deque[str] = deque()
        self._socket: ClientConnection | None = None
        self._runner: asyncio.Task[None] | None = None
        self._renewals: set[asyncio.Task[None]] = set()
        self._work = asyncio.Event()
        self._first_room = asyncio.Event()
        self._verdict: tuple[int, str] | None = None
        self._hint: object = None
        self._attempt = 0
        self._dials = 0
        self._url_room = ""
        self._in_flight = 0
        self._paused_until = 0.0
        self._rate = self._tokens = float("inf")
        self._filled_at = 0.0
        self._bytes_max = float("inf")
        self._suspended: frozenset[str] = frozenset()
        self._dialled_at = self._last_in = self._online_at = 0.0
        self._ping_at: float | None = None
        self._renewal: str | None = None
        self._tried_fresh = False
        self._end_error: SluiceError | None = None

    # What applications call

    async def __aenter__(self) -> Sluice:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def room(self, name: str, *, since: tuple[str, int] | None = None) -> Room:
        """The room of this name, entered if it is not yet; `since` is the (epoch, seq) to resume from. It stays over
        reconnects. Needs a running event loop."""
        problem = identifier_problem(name)
        if problem:
            raise SluiceError("bad_identifier", f"room {problem}")
        if name not in self._rooms:
            self._rooms[name] = Room(self, name)
            known = _Log(asked_at=time.monotonic())
            if since is not None:
                known.epoch, known.seq = since
            self._logs[name] = known
            if self.state == "online":
                self._send_join(name)
            self._first_room.set()
            if self.state != "closed":
                self._run()
        return self._rooms[name]

    def connect(self) -> None:
        """Begins again after the end: the state was "closed"."""
        if self.state == "closed":
            self._end_error, self._attempt, self._tried_fresh = None, 0, False
            self._set_state("idle")
            self._run()

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
        id = id or new_id()
        fields = {"message_type": message_type, "device_type": device_type}
        return await self._enqueue(("to", to, id), {"type": "direct", "to": to}, content, fields, None, timeout_ms)

    def reconnect_now(self) -> None:
        """Tries at once instead of at the end of the delay."""
        if self.state == "waiting":
            self._work.set()

    async def close(self) -> None:
        """Ends the connection; what still waits raises "closed"."""
        runner, self._runner = self._runner, None
        self._finish(SluiceError("closed", "the client was closed"), {"code": 1000})
        for task in [*self._renewals, *([runner] if runner else [])]:
            if task is not asyncio.current_task():
                task.cancel()
                await asyncio.wait([task])

    # The connection

    def _run(self) -> None:
        if self._runner is None or self._runner.done():
            self._runner = asyncio.get_running_loop().create_task(self._live())

    async def _live(self) -> None:
        while True:
            while not self._rooms:
                self._set_state("idle")
                self._first_room.clear()
                await self._first_room.wait()
            code, reason = await self._attempt_once()
            details = close_reason(reason)
            now = time.monotonic()
            if self._online_at and now - self._online_at >= self.options.stable_ms / 1000:
                self._attempt, self._tried_fresh = 0, False
            others = code == 4004 and details.get("reason") == "room_deleted" and self._rooms
            if code == 4001 and self._get_token and not self._tried_fresh:
                self._tried_fresh = True  # the token may have ended while this process slept
                continue
            delay = reconnect_delay(
                1006 if others else code,
                retry_ms=details.get("retry_ms"),
                hint=self._hint,
                attempt=self._attempt,
                base_ms=self.options.backoff_base_ms,
                max_ms=self.options.backoff_max_ms,
                random=random.random(),
            )
            if delay is None:
                words = str(details.get("reason", f"closed with {code}"))
                self._finish(SluiceError("closed", words, close_code=code), {"code": code, **details})
                return
            self._attempt += 1
            self._urls.append(self._urls.pop(0))
            self._work.clear()
            self._set_state(
                "waiting", delay_ms=delay, attempt=self._attempt, code=code, reason=details.get("reason")
            )
            await self._pause(delay / 1000)

    async def _pause(self, seconds: float) -> None:
        """Waits that long, and lets what waits too long end meanwhile."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                await asyncio.wait_for(self._work.wait(), min(left, 1.0))
                return
            except TimeoutError:
                self._expire()

    async def _attempt_once(self) -> tuple[int, str]:
        """One connection from dialling to its end: close code and reason."""
        self._verdict, self._online_at, self._ping_at = None, 0.0, None
        self._dials += 1
        self._dialled_at = self._last_in = time.monotonic()
        self._set_state("connecting", attempt=self._attempt)
        try:
            async with asyncio.timeout(self.options.connect_timeout_ms / 1000):
                token = await self._fresh_token()
        except Exception as error:
            self._tell_error("no_token", repr(error))
            return 1006, ""
        if not self._rooms:
            return 1000, ""
        try:
            socket = await connect(
                self._address(token),
                subprotocols=[websockets.Subprotocol("sluice.v1")],
                ping_interval=None,
                open_timeout=self.options.connect_timeout_ms / 1000,
                close_timeout=1,
                max_size=self.options.max_frame_bytes,
                user_agent_header="sluice-client",
            )
        except websockets.InvalidStatus as refusal:
            answer = refusal.response
            after = answer.headers.get("Retry-After", "")
            retry = {"retry_ms": int(after) * 1000} if after.isdecimal() and len(after) < 9 else {}
            final = 400 <= answer.status_code < 500 and answer.status_code not in (408, 425, 429)
            return 1008 if final else 1006, json.dumps({"reason": f"http_{answer.status_code}", **retry})
        except websockets.InvalidURI as error:
            return 1008, json.dumps({"reason": f"bad address: {error}"})
        except (OSError, TimeoutError, websockets.WebSocketException, EOFError) as error:
            self._log_to.debug("no connection: %r", error)
            return 1006, ""
        self._socket = socket
        helpers = [asyncio.create_task(self._pump()), asyncio.create_task(self._watch(socket))]
        try:
            while self._verdict is None:
                self._received(await socket.recv())
        except websockets.ConnectionClosed as end:
            if self._verdict is None:
                self._verdict = (end.rcvd.code, end.rcvd.reason) if end.rcvd else (1006, "")
        finally:
            self._disconnected()
            for helper in helpers:
                helper.cancel()
            await asyncio.wait(helpers)
            await socket.close()
        return self._verdict or (1006, "")

    def _address(self, token: str | None) -> str:
        # The room of the address is one that let us in before, if there is such a one.
        known = (name for name, log in self._logs.items() if log.epoch is not None)
        self._url_room = next(known, next(iter(self._logs)))
        query = {"device": self.device}
        if self._device_type:
            query["device_type"] = self._device_type
        if token:
            query["token"] = token
        position = self._position(self._url_room)
        if position:
            query["epoch"], query["since"] = position[0], str(position[1])
        path = f"/ws/{quote(self._url_room, safe='')}/{quote(self.user, safe='')}"
        return f"{self._urls[0].rstrip('/')}{path}?{urlencode(query, quote_via=quote)}"

    async def _fresh_token(self) -> str | None:
        if self._get_token is None:
            return None
        token = self._get_token()
        return await token if inspect.isawaitable(token) else token

    def _disconnected(self) -> None:
        """Forgets what held for this connection alone."""
        self._socket = None
        self._renewal = None
        self._in_flight = 0
        self._control.clear()
        for item in self._outgoing.values():
            item.in_flight = False
        for request in self._requests.values():
            request.sent = False
        for log in self._logs.values():
            log.joined = False

    def _drop(self, code: int) -> None:
        """Ends the present connection from this side, without waiting for the other."""
        if self._verdict is None and self._socket is not None:
            self._verdict = (code, "")
            self._socket.transport.abort()

    def _finish(self, error: SluiceError, detail: Frame) -> None:
        if self.state == "closed":
            return
        self._end_error = error
        self._set_state("closed", **detail)
        for item in [*self._outgoing.values(), *self._requests.values()]:
            _reject(item.future, error)
        self._outgoing.clear()
        self._requests.clear()
        for log in self._logs.values():
            log.joined = False
            if log.waiter:
                _reject(log.waiter, error)
        for room in self._rooms.values():
            for feed in room._feeds:
                feed.end(None if detail.get("code") == 1000 else error)
        if self.inbox._feed:
            self.inbox._feed.end(None if detail.get("code") == 1000 else error)

    def _set_state(self, state: str, **detail: Any) -> None:
        if state == self.state == "idle":
            return
        self.state = state
        self._emit("state", {"state": state, **detail}, self._log_to)

    def _tell(self, type: str, event: Frame) -> bool:
        """To the room's or the inbox's listeners, and to the client's."""
        place: _Emitter | None = self._rooms.get(event["room"]) if isinstance(event.get("room"), str) else None
        if event.get("inbox") or type == "direct":
            place = self.inbox
        heard = place._emit(type, event, self._log_to) if place else False
        return self._emit(type, event, self._log_to) or heard

    def _tell_error(self, code: str, message: str, **more: Any) -> None:
        self._tell("error", {"code": code, "message": message, **more})

    # Life signs

    async def _watch(self, socket: ClientConnection) -> None:
        shortest = min(self.options.idle_ms, self.options.ping_timeout_ms, self.options.connect_timeout_ms) / 1000
        while True:
            await asyncio.sleep(min(1.0, max(0.02, shortest / 2)))
            now = time.monotonic()
            if self.state == "connecting" and now - self._dialled_at > self.options.connect_timeout_ms / 1000:
                self._drop(1006)
            elif self.state == "online":
                if self._ping_at is not None and self._last_in > self._ping_at:
                    self._ping_at = None  # any frame is life
                if self._ping_at is not None:
                    if now - self._ping_at > self.options.ping_timeout_ms / 1000:
                        self._drop(4201)
                elif now - self._last_in > self.options.idle_ms / 1000:
                    self._write({"type": "ping"})
                    self._ping_at = now
            self._expire()
            self._work.set()

    def _expire(self) -> None:
        now = time.monotonic()
        for key, item in list(self._outgoing.items()):
            if item.first_sent and now - item.first_sent[0] > self.options.send_timeout_ms / 1000:
                self._reject_outgoing(key, SluiceError("timeout", "no ack came; the outcome is not known"))
        late = SluiceError("timeout", "no answer came in time")
        for id, request in list(self._requests.items()):
            if now - request.asked_at > self.options.request_timeout_ms / 1000:
                del self._requests[id]
                _reject(request.future, late)
        for log in self._logs.values():
            if log.waiter and now - log.asked_at > self.options.request_timeout_ms / 1000:
                waiter, log.waiter = log.waiter, None
                _reject(waiter, late)

    # Sending

    async def _send(
        self,
        room: str,
        content: Any,
        id: str | None,
        message_type: str | None,
        reply_to: int | None,
        timeout_ms: float | None,
    ) -> Frame:
        id = id or new_id()
        fields = {"message_type": message_type, "reply_to": reply_to}
        frame = {"type": "message", "room": room}
        return await self._enqueue(("room", room, id), frame, content, fields, room, timeout_ms)

    async def _enqueue(
        self,
        key: tuple[str, str, str],
        frame: Frame,
        content: Any,
        fields: Frame,
        room: str | None,
        timeout_ms: float | None,
    ) -> Frame:
        item = self._outgoing.get(key)
        if item is None:
            if self.state == "closed":
                raise self._end_error or SluiceError("closed", "not connected")
            if room is not None and room not in self._rooms:
                raise SluiceError("not_in_room", "join the room first")
            if len(self._outgoing) >= self.options.max_queue:
                raise SluiceError("queue_full", "too many messages wait to be sent")
            given = {name: value for name, value in fields.items() if value is not None}
            try:
                text = json.dumps(
                    {**frame, "id": key[2], **given, "content": content}, allow_nan=False, ensure_ascii=False
                )
                size = len(text.encode())
            except (TypeError, ValueError, RecursionError) as error:
                raise SluiceError("unserialisable", str(error)) from error
            item = _Outgoing(text, size, key[2], room, asyncio.get_running_loop().create_future())
            self._outgoing[key] = item
            self._work.set()
        waiting: Awaitable[Frame] = asyncio.shield(item.future)
        try:
            return await (waiting if timeout_ms is None else asyncio.wait_for(waiting, timeout_ms / 1000))
        except TimeoutError:
            self._reject_outgoing(key, SluiceError("timeout", "no ack came; the outcome is not known"))
            raise SluiceError("timeout", "no ack came; the outcome is not known") from None
        except asyncio.CancelledError:
            if item.first_sent is None and self._outgoing.get(key) is item:
                self._settle(key)
            raise

    def _settle(self, key: tuple[str, str, str]) -> _Outgoing | None:
        """Takes a message out of the queue."""
        item = self._outgoing.pop(key, None)
        if item and item.in_flight:
            self._in_flight -= 1
        self._work.set()
        return item

    def _reject_outgoing(self, key: tuple[str, str, str], error: SluiceError) -> None:
        item = self._settle(key)
        if item:
            _reject(item.future, error)

    def _write(self, frame: Frame) -> bool:
        if self.state != "online" or self._socket is None:
            return False
        self._control.append(json.dumps(frame))
        self._work.set()
        return True

    async def _pump(self) -> None:
        """Sends what may be sent, in order, until the connection ends."""
        while True:
            self._work.clear()
            try:
                delay = await self._send_what_may()
            except websockets.ConnectionClosed:
                return
            try:
                await asyncio.wait_for(self._work.wait(), delay)
            except TimeoutError:
                pass

    async def _send_what_may(self) -> float | None:
        """None when nothing waits for a moment, else the seconds until that."""
        socket = self._socket
        if self.state != "online" or socket is None:
            return None
        while self._control:
            await socket.send(self._control.popleft())
        self._flush_reads()
        now = time.monotonic()
        if self._paused_until > now:
            return self._paused_until - now
        for id, request in list(self._requests.items()):
            if request.sent or now < request.not_before or not self._is_in(request.room):
                continue
            if not self._take_token():
                return 1 / self._rate
            request.sent = True
            await socket.send(json.dumps({**request.frame, "id": id, "room": request.room}))
        for key, item in list(self._outgoing.items()):
            if self._outgoing.get(key) is not item or item.in_flight:
                continue
            if item.room is not None and not self._is_in(item.room):
                continue
            if self._in_flight >= self.options.max_in_flight or self._paused_until > time.monotonic():
                return None
            if item.size > self._bytes_max:  # the server would end the connection over it
                self._reject_outgoing(key, SluiceError("too_large", f"a message may have {self._bytes_max} bytes"))
                continue
            instant = (time.monotonic(), time.time())
            if item.first_sent and max(b - a for a, b in zip(item.first_sent, instant)) > (
                self.options.send_timeout_ms / 1000
            ):
                # The machine slept, which a monotonic clock may not count: the server has forgotten the id.
                self._reject_outgoing(key, SluiceError("timeout", "no ack came; the outcome is not known"))
                continue
            if not self._take_token():
                return 1 / self._rate
            item.in_flight = True
            item.first_sent = item.first_sent or instant
            self._in_flight += 1
            await socket.send(item.text)
        return None

    def _take_token(self) -> bool:
        """The connection's own bucket, kept a little under the server's, so that a refusal is the exception."""
        if self._rate == float("inf"):
            return True
        now = time.monotonic()
        self._tokens = min(self._rate, self._tokens + (now - self._filled_at) * self._rate * 0.95)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def _set_limits(self, rate: object, size: object) -> None:
        if isinstance(rate, (int, float)) and rate > 0:
            self._rate = rate
            self._tokens = max(1.0, min(self._tokens, rate))
        if isinstance(size, (int, float)) and size > 0:
            self._bytes_max = size

    def _typing(self, room: str, typing: bool) -> bool:
        if not self._is_in(room) or "typing" in self._suspended or not self._take_token():
            return False
        return self._write({"type": "typing", "typing": bool(typing), "room": room})

    def _signal(self, room: str, name: str, data: Any) -> bool:
        frame = {"type": "signal", "name": name, "room": room, **({} if data is None else {"data": data})}
        try:
            json.dumps(frame, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise SluiceError("unserialisable", str(error)) from error
        if not self._is_in(room) or "typing" in self._suspended or not self._take_token():
            return False
        return self._write(frame)

    def _mark_read(self, room: str, seq: int) -> None:
        log = self._logs.get(room)
        if log and seq > log.read_wanted:
            log.read_wanted = seq
            self._work.set()

    def _flush_reads(self) -> None:
        if "read_marks" in self._suspended:
            return
        now = time.monotonic()
        for room, log in self._logs.items():
            if not log.joined or log.read_wanted <= log.read_sent:
                continue
            left = READ_EVERY_S - (now - log.read_at)
            if left > 0:
                asyncio.get_running_loop().call_later(left, self._work.set)
            elif self._take_token() and self._write({"type": "read", "seq": log.read_wanted, "room": room}):
                log.read_sent, log.read_at = log.read_wanted, now

    async def _request(self, room: str, frame: Frame) -> Frame:
        if self.state == "closed":
            raise self._end_error or SluiceError("closed", "not connected")
        if room not in self._rooms:
            raise SluiceError("not_in_room", "join the room first")
        id = new_id()
        request = _Request(frame, room, asyncio.get_running_loop().create_future(), time.monotonic())
        self._requests[id] = request
        self._work.set()
        try:
            return await request.future
        finally:
            self._requests.pop(id, None)

    # Rooms

    def _position(self, room: str) -> tuple[str, int] | None:
        log = self._logs.get(room)
        return (log.epoch, log.seq) if log and log.epoch is not None else None

    def _is_in(self, room: str) -> bool:
        log = self._logs.get(room)
        return self.state == "online" and log is not None and log.joined

    async def _joined(self, room: str) -> Frame:
        log = self._logs.get(room)
        if log is None:
            raise SluiceError("not_in_room", "the room was left")
        if self.state == "closed":
            raise self._end_error or SluiceError("closed", "not connected")
        if log.waiter is None:
            log.waiter = asyncio.get_running_loop().create_future()
            log.asked_at = time.monotonic()
            if log.joined:
                self._write({"type": "join", "room": room})  # answered by `joined_room` alone
        return await asyncio.shield(log.waiter)

    def _send_join(self, room: str) -> None:
        position = self._position(room)
        frame: Frame = {"type": "join", "room": room}
        if position:
            frame["epoch"], frame["since"] = position
        self._write(frame)

    def _leave(self, room: str) -> None:
        was_in = self._is_in(room)
        self._forget(room, SluiceError("not_in_room", "the room was left"), feeds=None)
        if was_in:
            self._write({"type": "leave", "room": room})

    def _forget(self, name: str, error: SluiceError, feeds: SluiceError | None) -> None:
        log, room = self._logs.pop(name, None), self._rooms.pop(name, None)
        for key, item in list(self._outgoing.items()):
            if item.room == name:
                self._reject_outgoing(key, error)
        for id, request in list(self._requests.items()):
            if request.room == name:
                del self._requests[id]
                _reject(request.future, error)
        if log and log.waiter:
            _reject(log.waiter, error)
        for feed in room._feeds if room else ():
            feed.end(feeds)

    def _remember(self, log: _Log, user: str, id: str, place: tuple[str, int] | None) -> None:
        log.seen.pop((user, id), None)
        log.seen[(user, id)] = place
        if len(log.seen) > self.options.max_seen:
            del log.seen[next(iter(log.seen))]

    def _advance(self, log: _Log, room: str, epoch: str, seq: int) -> None:
        """Moves the room's position; a jump that no `gap` announced is told, since it should not be."""
        if log.epoch is not None and (log.epoch != epoch or seq > log.seq + 1):
            self._tell_error("hole", f"seq {seq} came after {log.seq}", room=room)
        log.epoch, log.seq = epoch, seq

    # Receiving

    def _received(self, text: str | bytes) -> None:
        self._last_in = time.monotonic()
        try:
            frame = json.loads(text) if isinstance(text, str) else None
            if not isinstance(frame, dict) or not isinstance(frame.get("type"), str):
                raise ValueError("no frame")
            act = getattr(self, f"_got_{frame['type']}", None)
            if act is not None:
                act(frame)
            elif frame["type"] not in OWN_EVENTS:
                self._tell(frame["type"], frame)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            # Whatever this was meant to be is lost: what is known of the rooms is resumed on a new connection.
            self._tell_error("bad_server", f"a frame that can't be understood: {error!r}")
            self._drop(1006)

    def _got_welcome(self, frame: Frame) -> None:
        limits = frame.get("limits", {})
        now = time.monotonic()
        self.welcome = frame
        self._hint = frame.get("reconnect")
        self._online_at = self._filled_at = now
        self._paused_until = 0.0
        self._suspended = frozenset()
        self._rate = self._tokens = self._bytes_max = float("inf")
        rate = limits.get("messages_per_second")
        self._tokens = rate if isinstance(rate, (int, float)) and rate > 0 else float("inf")
        self._set_limits(rate, limits.get("message_bytes"))
        self._set_state("online")
        self._tell("welcome", frame)
        for room in list(self._rooms):
            if room != self._url_room:
                self._send_join(room)

    def _got_joined_room(self, frame: Frame) -> None:
        name = frame["room"]
        log = self._logs.get(name)
        if log is None:
            self._write({"type": "leave", "room": name})  # left meanwhile, by this side
            return
        log.joined = True
        if log.epoch is None:
            log.epoch, log.seq = frame["epoch"], frame["seq"]
        log.read_sent = frame.get("read_seq", 0)
        self._tell("joined_room", frame)
        waiter, log.waiter = log.waiter, None
        if waiter:
            _resolve(waiter, frame)
        self._work.set()

    def _got_left_room(self, frame: Frame) -> None:
        room = self._rooms.get(frame["room"])
        error = SluiceError("not_in_room", f"the room was {frame.get('reason')}")
        self._forget(frame["room"], error, feeds=error)
        if room:
            room._emit("left_room", frame, self._log_to)
        self._emit("left_room", frame, self._log_to)

    def _got_message(self, frame: Frame) -> None:
        name, user, id = frame["room"], frame["user"], frame["id"]
        log = self._logs.get(name)
        if log is None:
            return
        known = (user, id) in log.seen
        before = log.seen.get((user, id))
        if frame.get("provisional"):
            if not known:
                self._remember(log, user, id, None)
                self._message(frame)
            return
        epoch, seq = frame["epoch"], frame["seq"]
        if not isinstance(epoch, str) or not isinstance(seq, int):
            raise TypeError("a position")
        if log.epoch == epoch and seq <= log.seq:
            return  # had it
        self._advance(log, name, epoch, seq)
        self._remember(log, user, id, (epoch, seq))
        mine = self._settle(("room", name, id)) if user == self.user else None
        if mine:
            # Committed, but its ack was lost with the connection: the replay is the ack.
            ack = {"type": "ack", "room": name, "id": id, "epoch": epoch, "seq": seq, "ts": frame.get("ts")}
            self._acked(mine, {**ack, "replayed": True})
        elif not known or (before and before[0] == epoch and before[1] != seq):
            self._message(frame)  # the second case: the sender used an id anew, long after
        elif before is None or before[0] != epoch:
            entries = [{"user": user, "id": id, "seq": seq}]
            self._tell("confirm", {"type": "confirm", "room": name, "epoch": epoch, "entries": entries})

    def _message(self, frame: Frame) -> None:
        self._tell("message", frame)
        room = self._rooms.get(frame["room"])
        for feed in room._feeds if room else ():
            feed.put(frame)

    def _got_ack(self, frame: Frame) -> None:
        name, id, epoch, seq = frame.get("room"), frame["id"], frame.get("epoch"), frame.get("seq")
        place = None if epoch is None or seq is None else (epoch, seq)
        log = self._logs.get(name) if name is not None else None
        if log and name is not None:
            # A duplicate's place is an old one: what lies before it may still be on its way.
            if place and not frame.get("duplicate") and not (log.epoch == place[0] and place[1] <= log.seq):
                self._advance(log, name, *place)
            self._remember(log, self.user, id, place)
        item = self._settle(("to", frame["to"], id) if name is None else ("room", name, id))
        if item:
            self._acked(item, frame)

    def _acked(self, item: _Outgoing, ack: Frame) -> None:
        _resolve(item.future, ack)
        self._tell("ack", ack)

    def _got_confirm(self, frame: Frame) -> None:
        epoch, inbox = frame["epoch"], bool(frame.get("inbox"))
        log = self._inbox_log if inbox else self._logs.get(frame["room"])
        if log is None:
            return
        for entry in frame["entries"]:
            user, id, seq = entry["user"], entry["id"], entry["seq"]
            # A place of another epoch, or one that was passed, answers a repetition and moves nothing; a new epoch
            # comes with a gap.
            if seq > log.seq if log.epoch == epoch else log.epoch is None:
                if inbox:
                    log.epoch, log.seq = epoch, seq
                else:
                    self._advance(log, frame["room"], epoch, seq)
            self._remember(log, user, id, (epoch, seq))
            if inbox and not self.inbox._waits:
                self._ack_inbox(epoch, seq)
        self._tell("confirm", frame)

    def _got_gap(self, frame: Frame) -> None:
        log = self._inbox_log if frame.get("inbox") else self._logs.get(frame["room"])
        if log is None:
            return
        previous = None if log.epoch is None else {"epoch": log.epoch, "seq": log.seq}
        if log.epoch != frame["epoch"]:  # read marks are seqs of one epoch
            log.read_wanted = log.read_sent = 0
        log.epoch, log.seq = frame["epoch"], frame["next_seq"] - 1
        self._tell("gap", {**frame, "previous": previous})

    def _got_direct(self, frame: Frame) -> None:
        log, key = self._inbox_log, (frame["from"], frame["id"])
        provisional = bool(frame.get("provisional"))
        if not provisional and log.epoch == frame["epoch"] and frame["seq"] <= log.seq:
            return
        place = None if provisional else (frame["epoch"], frame["seq"])
        if key in log.seen and (place is None or log.seen[key] != place):
            before = log.seen[key]
            if place is None:
                return
            if before is None or before[0] != place[0]:  # seen without a place, or in a former epoch
                log.epoch, log.seq = place
                self._remember(log, *key, place)
                entries = [{"user": key[0], "id": key[1], "seq": place[1]}]
                self._tell("confirm", {"type": "confirm", "inbox": True, "epoch": place[0], "entries": entries})
                if not self.inbox._waits:
                    self._ack_inbox(*place)
                return
        heard = self._tell("direct", frame)
        feed = self.inbox._feed
        if feed:
            feed.put(frame)
        if not heard and not feed:
            return  # nobody has it: it stays pending for this device
        self._remember(log, *key, place)
        if place:
            log.epoch, log.seq = place
            if not feed:
                self._ack_inbox(*place)

    def _processed(self, direct: Frame) -> None:
        """An `async for` went on from this one."""
        place = self._inbox_log.seen.get((direct["from"], direct["id"]))
        if place:
            self._ack_inbox(*place)

    def _ack_inbox(self, epoch: str, seq: int) -> None:
        self._write({"type": "inbox_ack", "epoch": epoch, "seq": seq})

    def _got_answer(self, frame: Frame) -> None:
        request = self._requests.pop(frame.get("id", ""), None)
        if request:
            _resolve(request.future, frame)

    _got_history = _got_users = _got_answer

    def _got_tier(self, frame: Frame) -> None:
        self._suspended = frozenset(frame.get("suspended", ()))
        self._set_limits(frame.get("messages_per_second"), frame.get("message_bytes"))
        self._work.set()
        self._tell("tier", frame)

    def _got_drain(self, frame: Frame) -> None:
        self._hint = frame.get("reconnect")
        self._tell("drain", frame)

    def _got_pong(self, _: Frame) -> None:
        self._ping_at = None

    def _got_token(self, frame: Frame) -> None:
        if self._renewal is not None:
            self._renewal = None  # the answer to a fresh one
        elif self._get_token:
            self._renewal = ""
            task = asyncio.get_running_loop().create_task(self._renew(self._dials))
            self._renewals.add(task)
            task.add_done_callback(self._renewals.discard)
        self._tell("token", frame)

    async def _renew(self, dial: int) -> None:
        """The present token ends soon. Should no fresh one come, the server ends the connection with 4001."""
        try:
            token = await self._fresh_token()
        except Exception as error:
            if dial == self._dials:
                self._renewal = None
            self._tell_error("no_token", repr(error))
            return
        if dial == self._dials:
            self._renewal = new_id()
            self._write({"type": "token", "id": self._renewal, "token": token})

    def _got_error(self, frame: Frame) -> None:
        code, id = str(frame.get("code")), frame.get("id")
        if id is not None and id == self._renewal:
            self._renewal = None
        wait = duration(frame.get("retry_ms"))
        if wait is None and code == "rate_limited":
            wait = 1000.0
        error = SluiceError(code, str(frame.get("message", "")), retry_ms=frame.get("retry_ms"))
        if id is None:
            known = self._join_refused(frame.get("room"), error, wait)
        else:
            known = self._request_refused(id, error, wait) or self._message_refused(id, frame.get("room"), error, wait)
        if not known:
            self._tell("error", frame)

    def _request_refused(self, id: str, error: SluiceError, wait: float | None) -> bool:
        """A page or users request; with `wait` it is asked again, until its own time is over."""
        request = self._requests.get(id)
        if request is None:
            return False
        if wait is None:
            del self._requests[id]
            _reject(request.future, error)
        else:
            request.sent, request.not_before = False, time.monotonic() + wait / 1000
            asyncio.get_running_loop().call_later(wait / 1000, self._work.set)
        return True

    def _message_refused(self, id: str, room: str | None, error: SluiceError, wait: float | None) -> bool:
        """A message of mine; with `wait` the whole queue waits, so that it keeps its order."""
        for key, item in self._outgoing.items():
            if item.id != id or (room is not None and item.room is not None and item.room != room):
                continue
            if wait is None:
                self._reject_outgoing(key, error)
            else:
                if item.in_flight:
                    self._in_flight -= 1
                item.in_flight = False
                self._paused_until = max(self._paused_until, time.monotonic() + wait / 1000)
                self._work.set()
            return True
        return False

    def _join_refused(self, room: str | None, error: SluiceError, wait: float | None) -> bool:
        """The entering of a further room."""
        log = self._logs.get(room) if room is not None else None
        if room is None or log is None or log.joined or room == self._url_room:
            return False
        if wait is None:
            refused = self._rooms.get(room)
            self._forget(room, error, feeds=error)
            if refused:
                refused._emit("error", {"code": error.code, "message": error.message, "room": room}, self._log_to)
        else:
            dial = self._dials
            asyncio.get_running_loop().call_later(
                wait / 1000, lambda: dial == self._dials and room in self._rooms and self._send_join(room)
            )
        return True


def _resolve(future: asyncio.Future[Frame], value: Frame) -> None:
    if not future.done():
        future.set_result(value)


def _reject(future: asyncio.Future[Frame], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # nobody has to wait for it
