"""A client of `GET /api/system/events`: events as (type, data), with their ids; every wait bounded."""

import contextlib
import http.client
import json
import socket
import threading

from node import seconds, until


class EventStream:
    """One connection. A thread reads it; `events` and `comments` grow."""

    def __init__(self, node, last=None, **headers):
        self.link = http.client.HTTPConnection("127.0.0.1", node.port, timeout=seconds(60))
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if last is not None:
            headers["Last-Event-ID"] = last
        self.link.request("GET", "/api/system/events", headers=headers)
        # The answer keeps the socket open, which an ended stream's reader would wait on.
        self.socket = self.link.sock
        self.answer = self.link.getresponse()
        self.status = self.answer.status
        self.events, self.comments, self.retry, self.id = [], 0, None, None
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends the connection; the reader ends with it."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join(seconds(5))
        self.link.close()

    def _read(self):
        kind, data = "message", []
        try:
            for line in self.answer:
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if line == b"\n":
                    if data:
                        self.events.append((kind, json.loads("\n".join(data))))
                    kind, data = "message", []
                elif line.startswith(b":"):
                    self.comments += 1
                elif name == "event":
                    kind = value
                elif name == "data":
                    data.append(value)
                elif name == "id":
                    self.id = value
                elif name == "retry":
                    self.retry = int(value)
        except (OSError, ValueError, AttributeError):
            pass
        self.ended.set()

    def seek(self, kind, bound=10.0, **fields):
        """The first event of this type with these fields, from the beginning on."""

        def found():
            for type_, data in list(self.events):
                if type_ == kind and all(data.get(name) == value for name, value in fields.items()):
                    return data
            return None

        return until(found, bound, f"{kind} with {fields}")
