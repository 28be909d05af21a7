"""One WebSocket connection; how it ended is a close code and a reason."""

from __future__ import annotations

import json
import logging

import websockets
from websockets.asyncio.client import ClientConnection, connect

from .options import Options
from .session import End

NO_CONNECTION = (OSError, TimeoutError, EOFError, websockets.WebSocketException)


class Wire:
    """An open connection."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._end: End | None = None

    @classmethod
    async def dial(cls, address: str, options: Options, log: logging.Logger) -> Wire | End:
        """Connects, or says why not."""
        try:
            socket = await connect(
                address,
                subprotocols=[websockets.Subprotocol("sluice.v1")],
                ping_interval=None,
                open_timeout=options.connect_timeout_ms / 1000,
                close_timeout=1,
                max_size=options.max_frame_bytes,
                user_agent_header="sluice-client",
            )
        except websockets.InvalidStatus as refusal:
            answer = refusal.response
            after = answer.headers.get("Retry-After", "")
            retry = {"retry_ms": int(after) * 1000} if after.isdecimal() and len(after) < 9 else {}
            final = 400 <= answer.status_code < 500 and answer.status_code not in (408, 425, 429)
            return End(1008 if final else 1006, json.dumps({"reason": f"http_{answer.status_code}", **retry}))
        except (websockets.InvalidURI, ValueError) as error:
            return End(1008, json.dumps({"reason": f"bad address: {error}"}))
        except NO_CONNECTION as error:
            log.debug("no connection: %r", error)
            return End(1006)
        return cls(socket)

    async def receive(self) -> str | bytes | None:
        """The next frame; None at the end."""
        if self._end is None:
            try:
                return await self._socket.recv()
            except websockets.ConnectionClosed as end:
                if self._end is None:
                    self._end = End(end.rcvd.code, end.rcvd.reason) if end.rcvd else End(1006)
        return None

    async def send(self, text: str) -> bool:
        """False when the connection has ended."""
        try:
            await self._socket.send(text)
        except NO_CONNECTION:
            return False
        return True

    def abort(self, code: int) -> None:
        """Ends it from this side, as if the other had closed with `code`, without waiting for the other."""
        if self._end is None:
            self._end = End(code)
            self._socket.transport.abort()

    async def close(self) -> End:
        """Lets go of it; says how it ended."""
        await self._socket.close()
        return self._end or End(1006)
