"""Tokens: one for each attempt, and a fresh one when the present one ends soon."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable

from .core import Core
from .frames import Frame
from .rules import new_id


class Tokens:
    """Asks the application's function for tokens; without one there are none."""

    def __init__(self, core: Core, get_token: Callable[[], str | Awaitable[str]] | None) -> None:
        self._core = core
        self._get_token = get_token
        self._renewal: str | None = None  # the id of a fresh token's frame; "" while the function works
        self._connection = 0
        self.tasks: set[asyncio.Task[None]] = set()

    @property
    def are_renewed(self) -> bool:
        """Whether there is a function to ask."""
        return self._get_token is not None

    async def fresh(self) -> str | None:
        """What the function gives; it may raise anything."""
        if self._get_token is None:
            return None
        token = self._get_token()
        return await token if inspect.isawaitable(token) else token

    def got_token(self, _: Frame) -> None:
        """The present token ends soon, or the answer to a fresh one. Should no fresh one come, the server ends the
        connection with 4001."""
        if self._renewal is not None:
            self._renewal = None
        elif self._get_token:
            self._renewal = ""
            task = asyncio.get_running_loop().create_task(self._renew(self._connection))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _renew(self, connection: int) -> None:
        try:
            token = await self.fresh()
        except Exception as error:
            if connection == self._connection:
                self._renewal = None
            self._core.tell_error("no_token", repr(error))
            return
        if connection == self._connection:
            self._renewal = new_id()
            self._core.write({"type": "token", "id": self._renewal, "token": token})

    def refused(self, id: object) -> None:
        """An `error` for a frame of this id."""
        if id == self._renewal:
            self._renewal = None

    def disconnected(self) -> None:
        self._renewal = None
        self._connection += 1
