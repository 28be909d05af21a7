"""What an application may set."""

from __future__ import annotations

from dataclasses import dataclass


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

    @property
    def tick_s(self) -> float:
        """How often limits of time are looked at."""
        shortest = min(self.idle_ms, self.ping_timeout_ms, self.connect_timeout_ms) / 1000
        return min(1.0, max(0.02, shortest / 2))
