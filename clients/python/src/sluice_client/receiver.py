"""Gives each frame of the server to the part that it is for."""

from __future__ import annotations

import json
import time

from .core import Core
from .errors import SluiceError
from .frames import Frame
from .inbox import Inbox
from .requests import Requests
from .rooms import Rooms
from .rules import duration
from .sending import Sending
from .tokens import Tokens

# The client's own event, which no frame may pretend to be.
OWN_EVENTS = frozenset({"state"})


class Receiver:
    """Understands frames."""

    def __init__(
        self, core: Core, tokens: Tokens, sending: Sending, requests: Requests, rooms: Rooms, inbox: Inbox
    ) -> None:
        self._core = core
        self._tokens = tokens
        self._sending = sending
        self._requests = requests
        self._rooms = rooms
        self._inbox = inbox
        self.welcome: Frame | None = None

    def received(self, text: str | bytes) -> bool:
        """False when it can't be understood. Whatever it was meant to be is lost then: the connection must end, and
        what is known of the rooms is resumed on a new one."""
        try:
            frame = json.loads(text) if isinstance(text, str) else None
            if not isinstance(frame, dict) or not isinstance(frame.get("type"), str):
                raise ValueError("no frame")
            self._take(frame)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            self._core.tell_error("bad_server", f"a frame that can't be understood: {error!r}")
            return False
        return True

    def _take(self, frame: Frame) -> None:
        tell = True
        match frame["type"]:
            case "welcome":
                return self._got_welcome(frame)
            case "joined_room":
                return self._rooms.got_joined_room(frame)
            case "left_room":
                return self._rooms.got_left_room(frame)
            case "message":
                return self._rooms.got_message(frame)
            case "direct":
                return self._inbox._got_direct(frame)
            case "confirm":
                return self._inbox._got_confirm(frame) if frame.get("inbox") else self._rooms.got_confirm(frame)
            case "gap":
                return self._inbox._got_gap(frame) if frame.get("inbox") else self._rooms.got_gap(frame)
            case "ack":
                return self._got_ack(frame)
            case "history" | "users":
                return self._requests.answered(frame)
            case "error":
                return self._got_error(frame)
            case "pong":
                return None
            case "token":
                self._tokens.got_token(frame)
            case "tier":
                self._core.limits.suspended = frozenset(frame.get("suspended") or ())
                self._core.limits.changed(frame.get("messages_per_second"), frame.get("message_bytes"))
                self._core.wake()
            case "drain":
                self._core.session.drained(frame.get("reconnect"))
            case _:
                tell = frame["type"] not in OWN_EVENTS and not self._rooms.is_of_former_stay(frame)
        if tell:
            self._core.tell(frame["type"], frame)

    def _got_welcome(self, frame: Frame) -> None:
        now = time.monotonic()
        self.welcome = frame
        self._core.session.welcomed(frame.get("reconnect"), now)
        self._core.limits.welcomed(frame.get("limits"), now)
        self._inbox._welcomed()
        self._rooms.welcomed()
        self._core.tell_state()
        self._core.tell("welcome", frame)

    def _got_ack(self, frame: Frame) -> None:
        room, id = frame.get("room"), str(frame.get("id"))
        if room is not None:
            self._rooms.got_ack(frame)
        if self._sending.acked(("to", str(frame.get("to")), id) if room is None else ("room", room, id), frame):
            self._core.tell("ack", frame)

    def _got_error(self, frame: Frame) -> None:
        code, id, now = str(frame.get("code")), frame.get("id"), time.monotonic()
        if id is not None:
            self._tokens.refused(id)
        wait = duration(frame.get("retry_ms"))
        if wait is None and code == "rate_limited":
            wait = 1000.0
        error = SluiceError(code, str(frame.get("message", "")), retry_ms=frame.get("retry_ms"))
        if id is None:
            is_known = self._rooms.refused(frame, error, wait)
        else:
            is_known = self._requests.refused(id, error, wait, now)
            if not is_known and self._sending.refused(id, frame.get("room"), error, wait):
                is_known = True
                self._core.limits.paused(wait or 0, now)  # the whole queue waits, so that it keeps its order
        if not is_known:
            self._core.tell("error", frame)
