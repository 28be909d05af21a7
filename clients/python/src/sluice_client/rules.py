"""Rules of the protocol that need no connection: identifiers, close codes, delays."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any

# Close codes by what they ask of a client; any other code means: try again with back-off.
AT_ONCE = frozenset({1000, 1001, 4201})
NEVER = frozenset({1002, 1003, 1007, 1008, 1009, 4001, 4003, 4004, 4005, 4006})
# No delay that a server asks for is longer.
LONGEST_MS = 600_000.0


def new_id() -> str:
    """A fresh identifier of 128 random bits, 22 characters."""
    return secrets.token_urlsafe(16)


def identifier_problem(text: object) -> str | None:
    """Why `text` can't name a room, a user or a device; None when it can."""
    if not isinstance(text, str) or not text:
        return "must be a text that is not empty"
    if text in (".", ".."):
        return "must not be “.” or “..”"
    if "/" in text:
        return "must not contain “/”"
    if any(ord(each) < 0x20 or 0x7F <= ord(each) <= 0x9F for each in text):
        return "must not contain control characters"
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return "is not valid Unicode"
    return "is longer than 128 bytes" if size > 128 else None


def message_id_problem(text: object) -> str | None:
    """Why `text` can't be the id of a message; None when it can."""
    if not isinstance(text, str) or not text:
        return "must be a text that is not empty"
    if any(ord(each) < 0x20 or 0x7F <= ord(each) <= 0x9F for each in text):
        return "must not contain control characters"
    return "is longer than 64 bytes" if len(text.encode(errors="replace")) > 64 else None


def duration(value: object) -> float | None:
    """A number of milliseconds that a server wrote, within bounds; None when it is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
        return None
    return min(float(value), LONGEST_MS)


def close_reason(text: str) -> dict[str, Any]:
    """The JSON reason of a close that the server made; {} when there is none."""
    try:
        reason = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return reason if isinstance(reason, dict) else {}


def reconnect_delay(
    code: int,
    *,
    retry_ms: object = None,
    hint: object = None,
    attempt: int,
    base_ms: float,
    max_ms: float,
    random: float,
) -> float | None:
    """Milliseconds before the next attempt, or None for "not without a change".

    `attempt` counts the losses since a connection last held; `hint` is the server's {min_ms, max_ms}; `random` is in
    [0, 1)."""
    if code in NEVER:
        return None
    back_off = 100 + random * min(max_ms, base_ms * 2.0 ** min(attempt, 16))
    if attempt == 0 and code in AT_ONCE:
        return 0.0
    asked = duration(retry_ms)
    if asked is not None:
        return asked if attempt == 0 else max(asked, back_off)
    bounds = hint if isinstance(hint, Mapping) else {}
    low, high = duration(bounds.get("min_ms")), duration(bounds.get("max_ms"))
    if attempt == 0 and low is not None and high is not None:
        return low + random * max(0.0, high - low)
    return back_off
