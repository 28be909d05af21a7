"""The state of the connection as a value: what each event makes of it. Time and chance come in; nothing is done."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .errors import SluiceError
from .frames import Frame
from .options import Options
from .rules import close_reason, reconnect_delay


@dataclass(frozen=True)
class Idle:
    """No room is entered."""

    name = "idle"


@dataclass(frozen=True)
class Connecting:
    """From dialling to `welcome`."""

    since: float
    name = "connecting"


@dataclass(frozen=True)
class Online:
    """After `welcome`."""

    since: float
    heard_at: float
    pinged_at: float | None = None
    name = "online"


@dataclass(frozen=True)
class Waiting:
    """Between two attempts."""

    name = "waiting"


@dataclass(frozen=True)
class Closed:
    """After the end, with its reason."""

    error: SluiceError
    name = "closed"


State = Idle | Connecting | Online | Waiting | Closed


@dataclass(frozen=True)
class End:
    """How a connection ended: close code and reason."""

    code: int
    reason: str = ""


@dataclass(frozen=True)
class AtOnce:
    """Dial again, with a fresh token."""


@dataclass(frozen=True)
class Retry:
    """Dial again after `delay_ms`; `detail` is for the listeners of `state`."""

    delay_ms: float
    detail: Frame


@dataclass(frozen=True)
class Final:
    """Dial no more."""

    error: SluiceError
    detail: Frame


class Session:
    """How the client is connected, and how it comes back.

    Instants are seconds of a monotonic clock."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._hint: object = None
        self._tried_fresh = False  # after 4001, once until a connection has held
        self.state: State = Idle()
        self.attempt = 0  # losses since a connection last held

    @property
    def is_online(self) -> bool:
        return isinstance(self.state, Online)

    @property
    def error(self) -> SluiceError | None:
        """The end's, when this is the end."""
        return self.state.error if isinstance(self.state, Closed) else None

    def began(self) -> None:
        """The application begins, also anew after the end."""
        self.state, self.attempt, self._tried_fresh = Idle(), 0, False

    def emptied(self) -> bool:
        """No room is left. True when that is new."""
        was, self.state = self.state, Idle()
        return not isinstance(was, Idle)

    def dialled(self, now: float) -> None:
        self.state = Connecting(now)

    def welcomed(self, hint: object, now: float) -> None:
        self._hint = hint
        self.state = Online(now, now)

    def drained(self, hint: object) -> None:
        self._hint = hint

    def heard(self, now: float) -> None:
        """Any frame is life."""
        if isinstance(self.state, Online):
            self.state = replace(self.state, heard_at=now, pinged_at=None)

    def pinged(self, now: float) -> None:
        if isinstance(self.state, Online):
            self.state = replace(self.state, pinged_at=now)

    def needs_ping(self, now: float) -> bool:
        """The link was silent, and is not probed yet."""
        state = self.state
        return (
            isinstance(state, Online)
            and state.pinged_at is None
            and now - state.heard_at > self._options.idle_ms / 1000
        )

    def silence(self, now: float) -> int | None:
        """The code with which a connection that gives no sign of life must be ended."""
        match self.state:
            case Connecting(since) if now - since > self._options.connect_timeout_ms / 1000:
                return 1006
            case Online(_, _, float(pinged_at)) if now - pinged_at > self._options.ping_timeout_ms / 1000:
                return 4201
        return None

    def lost(self, end: End, now: float, *, renews: bool, has_rooms: bool, random: float) -> AtOnce | Retry | Final:
        """A connection ended, or never came about. `renews`: there is a function for tokens."""
        details, code = close_reason(end.reason), end.code
        if isinstance(self.state, Online) and now - self.state.since >= self._options.stable_ms / 1000:
            self.attempt, self._tried_fresh = 0, False
        if code == 4004 and details.get("reason") == "room_deleted" and has_rooms:
            code = 1006  # the others go on
        if code == 4001 and renews and not self._tried_fresh:
            self._tried_fresh = True  # the token may have ended while this process slept
            return AtOnce()
        delay = reconnect_delay(
            code,
            retry_ms=details.get("retry_ms"),
            hint=self._hint,
            attempt=self.attempt,
            base_ms=self._options.backoff_base_ms,
            max_ms=self._options.backoff_max_ms,
            random=random,
        )
        if delay is None:
            words = str(details.get("reason", f"closed with {code}"))
            return Final(SluiceError("closed", words, close_code=code), {**details, "code": code})
        self.attempt += 1
        self.state = Waiting()
        reason = details.get("reason")
        return Retry(delay, {"delay_ms": delay, "attempt": self.attempt, "code": end.code, "reason": reason})

    def closed(self, error: SluiceError) -> bool:
        """The end. True when that is new."""
        if isinstance(self.state, Closed):
            return False
        self.state = Closed(error)
        return True
