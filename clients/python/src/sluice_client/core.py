"""What the parts of a client share: the session, the limits, the listeners, and the frames that wait to be written."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

from .errors import SluiceError
from .events import Emitter
from .frames import Frame
from .limits import Limits
from .options import Options
from .session import Session

UNKNOWN_OUTCOME = "no ack came; the outcome is not known"


class Core:
    """Of one client. `place_of` gives the room or the inbox that an event is of."""

    def __init__(self, client: Emitter, user: str, options: Options, log: logging.Logger) -> None:
        self.user = user
        self.options = options
        self.log = log
        self.session = Session(options)
        self.limits = Limits()
        self.control: deque[Frame] = deque()
        self.work = asyncio.Event()
        self.place_of: Callable[[str, Frame], Emitter | None] = lambda _, __: None
        self._client = client

    def tell(self, type: str, event: Frame) -> bool:
        """To the room's or the inbox's listeners, and to the client's. True when somebody listened."""
        return self.tell_of(self.place_of(type, event), type, event)

    def tell_of(self, place: Emitter | None, type: str, event: Frame) -> bool:
        """As `tell`, to the listeners of this place and the client's."""
        is_heard = place._emit(type, event, self.log) if place else False
        return self._client._emit(type, event, self.log) or is_heard

    def tell_error(self, code: str, message: str, **more: Any) -> None:
        """An `error` that belongs to no call."""
        self.tell("error", {"code": code, "message": message, **more})

    def tell_state(self, **detail: Any) -> None:
        """The state is another one."""
        self._client._emit("state", {**detail, "state": self.session.state.name}, self.log)

    def hears(self, type: str) -> bool:
        """Whether somebody listens on the client itself."""
        return self._client._hears(type)

    def write(self, frame: Frame) -> bool:
        """Queues a frame for the present connection. False when there is none."""
        if self.session.is_online:
            self.control.append(frame)
            self.work.set()
        return self.session.is_online

    def wake(self, after_s: float = 0) -> None:
        """Sends what may be sent, now or then."""
        if after_s > 0:
            asyncio.get_running_loop().call_later(after_s, self.work.set)
        else:
            self.work.set()

    def open_or_raise(self) -> None:
        """Raises the end's error after the end."""
        error = self.session.error
        if error:
            raise SluiceError(error.code, error.message, **error.details)


def resolve(future: asyncio.Future[Frame], value: Frame) -> None:
    """Gives the answer, unless the caller has gone."""
    if not future.done():
        future.set_result(value)


def reject(future: asyncio.Future[Frame], error: Exception) -> None:
    """Gives the error, unless the caller has gone."""
    if not future.done():
        future.set_exception(error)
        future.exception()  # nobody has to wait for it
