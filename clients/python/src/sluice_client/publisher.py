"""Publishing over HTTP, for back ends that hold no connection."""

from __future__ import annotations

import asyncio
import json
import random
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote

from .errors import SluiceError
from .rules import close_reason, identifier_problem, new_id

Ack = dict[str, Any]


class Publisher:
    """Publishes to the node or proxy at `url` (http:// or https://), with `api_key` where the node asks for one.

    Each message has an id, made here unless given, so that what is tried again is committed once. Tried again, up to
    `attempts` times with growing delays, is what got no answer, and what the node put off (429, 503)."""

    def __init__(
        self, url: str, *, api_key: str | None = None, attempts: int = 5, timeout_s: float = 10.0, base_s: float = 0.2
    ) -> None:
        self._url = url.rstrip("/")
        self._api_key = api_key
        self._attempts = attempts
        self._timeout_s = timeout_s
        self._base_s = base_s

    async def publish(
        self,
        room: str,
        user: str,
        content: Any,
        *,
        id: str | None = None,
        message_type: str | None = None,
        reply_to: int | None = None,
    ) -> Ack:
        """Commits `content` to a room as a message of `user`; returns the ack."""
        fields = {"user": user, "message_type": message_type, "reply_to": reply_to}
        return await self._post("rooms", room, content, id, fields)

    async def direct(
        self,
        to: str,
        sender: str,
        content: Any,
        *,
        id: str | None = None,
        message_type: str | None = None,
        device_type: str | None = None,
    ) -> Ack:
        """Commits `content` to the inbox of the user `to`, as a message from `sender`; returns the ack."""
        fields = {"from": sender, "message_type": message_type, "device_type": device_type}
        return await self._post("users", to, content, id, fields)

    async def _post(self, kind: str, name: str, content: Any, id: str | None, fields: dict[str, Any]) -> Ack:
        problem = identifier_problem(name)
        if problem:
            raise SluiceError("bad_identifier", f"{name!r} {problem}")
        given = {key: value for key, value in fields.items() if value is not None}
        try:
            body = json.dumps({"id": id or new_id(), "content": content, **given}, allow_nan=False).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise SluiceError("unserialisable", str(error)) from error
        address = f"{self._url}/api/{kind}/{quote(name, safe='')}/messages"
        for attempt in range(self._attempts):
            answer, wait_s, failure = await asyncio.to_thread(self._exchange, address, body)
            if answer is not None:
                return answer
            if wait_s is None or attempt + 1 == self._attempts:
                raise failure or SluiceError("unavailable")
            await asyncio.sleep(max(wait_s, self._base_s * 2**attempt * (0.5 + random.random())))
        raise SluiceError("unavailable", "no attempt was allowed")

    def _exchange(self, address: str, body: bytes) -> tuple[Ack | None, float | None, SluiceError | None]:
        """One attempt: the ack, or after how many seconds to try again (None: never) with the error."""
        request = urllib.request.Request(address, body, {"Content-Type": "application/json"}, method="POST")
        if self._api_key is not None:
            request.add_header("X-API-Key", self._api_key)
        try:
            with urllib.request.urlopen(request, timeout=self._timeout_s) as answer:
                return json.loads(answer.read()), None, None
        except urllib.error.HTTPError as refusal:
            with refusal:
                fields = close_reason(refusal.read().decode(errors="replace")).get("error")
            fields = fields if isinstance(fields, dict) else {}
            code = str(fields.get("code", f"http_{refusal.code}"))
            error = SluiceError(code, str(fields.get("message", "")), status=refusal.code)
            if refusal.code not in (429, 502, 503, 504):
                return None, None, error
            after = refusal.headers.get("Retry-After", "")
            return None, min(float(after), 60.0) if after.isdecimal() else 0.0, error
        except (OSError, ValueError) as failure:
            return None, 0.0, SluiceError("unavailable", str(failure))
