"""What the server lets this connection send, kept as a value."""

from __future__ import annotations

from math import inf


class Limits:
    """Bytes of a message, and the bucket of frames: kept a little under the server's, so that a refusal is the
    exception. Instants are seconds of a monotonic clock."""

    bytes_max: float
    suspended: frozenset[str]

    def __init__(self) -> None:
        self._reset(0.0)

    def _reset(self, now: float) -> None:
        self.bytes_max = self._rate = self._tokens = inf
        self.suspended = frozenset()
        self._filled_at, self._paused_until = now, 0.0

    def welcomed(self, limits: object, now: float) -> None:
        """A new connection, with the limits of its `welcome`."""
        self._reset(now)
        given = limits if isinstance(limits, dict) else {}
        rate = given.get("messages_per_second")
        self._tokens = rate if isinstance(rate, (int, float)) and rate > 0 else inf
        self.changed(rate, given.get("message_bytes"))

    def changed(self, rate: object, size: object) -> None:
        """Another tier."""
        if isinstance(rate, (int, float)) and rate > 0:
            self._rate = rate
            self._tokens = max(1.0, min(self._tokens, rate))
        if isinstance(size, (int, float)) and size > 0:
            self.bytes_max = size

    def take(self, now: float) -> bool:
        """Takes a token for one frame; False when there is none."""
        if self._rate == inf:
            return True
        self._tokens = min(max(1.0, self._rate), self._tokens + (now - self._filled_at) * self._rate * 0.95)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    @property
    def until_token_s(self) -> float:
        """How long a token takes."""
        return min(1 / self._rate, 600.0)

    def paused(self, wait_ms: float, now: float) -> None:
        """Nothing may be sent for so long."""
        self._paused_until = max(self._paused_until, now + wait_ms / 1000)

    def pause_s(self, now: float) -> float:
        """How long nothing may be sent."""
        return max(0.0, self._paused_until - now)
