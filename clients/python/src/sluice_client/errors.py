"""The one error of this package."""

from __future__ import annotations

from typing import Any


class SluiceError(Exception):
    """`code` is the server's, or one of "queue_full", "timeout" (the outcome is not known), "closed", "too_large",
    "unserialisable", "bad_identifier", "reader_too_slow", "busy". `details` has further fields, such as `retry_ms`."""

    def __init__(self, code: str, message: str = "", **details: Any) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
        self.message = message
        self.details = details
