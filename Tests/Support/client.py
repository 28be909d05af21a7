"""A client of the contract on the `websockets` package: frames as dictionaries, every wait bounded."""

import contextlib
import json
import time
import urllib.parse

import websockets.exceptions
import websockets.sync.client
from node import seconds
from tunnel import through_tls

WAIT = 5.0


def path(room, user, **query):
    """The path of a connection, with its parts percent-encoded."""
    text = "/ws/" + urllib.parse.quote(room, safe="") + "/" + urllib.parse.quote(user, safe="")
    query = {name: value for name, value in query.items() if value is not None}
    return text + ("?" + urllib.parse.urlencode(query, quote_via=urllib.parse.quote, safe="") if query else "")


class Closed(Exception):
    """The server closed the connection: `code`, `reason` (the text), `details` (the reason read as JSON, or None)."""

    def __init__(self, code, reason):
        super().__init__(f"closed with {code} {reason!r}")
        self.code = code
        self.reason = reason
        try:
            self.details = json.loads(reason)
        except ValueError:
            self.details = None


class Client:
    """One connection. With `joined=False` the frames of the start (`welcome`, `joined_room`) are left to the caller."""

    def __init__(
        self,
        node,
        room,
        user,
        headers=None,
        origin=None,
        subprotocols=None,
        joined=True,
        source=None,
        compression=None,
        extensions=None,
        **query,
    ):
        self.room, self.user = room, user
        self.socket = websockets.sync.client.connect(
            node.url(path(room, user, **query)),
            additional_headers=headers,
            origin=origin,
            subprotocols=subprotocols,
            compression=compression,
            extensions=extensions,
            max_size=2**24,
            max_queue=None,
            ping_interval=None,
            proxy=None,
            sock=through_tls(node.connect(), node.trust) if node.trust else None,
            open_timeout=seconds(10),
            close_timeout=seconds(2),
            source_address=source and (source, 0),
        )
        self.welcome = self.joined = None
        # What came of the user or the node before the room; `next` gives it first.
        self.early = []
        if joined:
            self.welcome = self.take("welcome")
            early = []
            while (frame := self.next())["type"] in ("direct", "device", "mode", "tier") or frame.get("inbox"):
                early.append(frame)
            assert frame["type"] == "joined_room", f"expected joined_room, got {frame}"
            self.joined, self.early = frame, early

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self, code=1000):
        self.socket.close(code)

    def abort(self):
        """Drops the TCP connection without a close handshake."""
        self.socket.socket.shutdown(2)
        self.socket.close()

    # Sending

    def send(self, type, **fields):
        self.socket.send(json.dumps({"type": type, **fields}))

    def send_raw(self, data):
        self.socket.send(data)

    def flood(self, count, type, **fields):
        """Sends a frame `count` times, or until the server closes: its close may come while the last ones are sent."""
        with contextlib.suppress(websockets.exceptions.ConnectionClosed):
            for _ in range(count):
                self.send(type, **fields)

    def say(self, content, bound=WAIT, **fields):
        """Sends a message and gives its ack. What comes before the ack has to be read before."""
        self.send("message", content=content, **fields)
        return self.take("ack", bound)

    # Receiving

    def next(self, bound=WAIT):
        """The next frame. Raises Closed when the server closed, TimeoutError when nothing comes."""
        if self.early:
            return self.early.pop(0)
        try:
            data = self.socket.recv(timeout=seconds(bound))
        except websockets.exceptions.ConnectionClosed as closed:
            frame = closed.rcvd
            raise Closed(frame.code if frame else 1006, frame.reason if frame else "") from None
        assert isinstance(data, str), "the server sends text frames only"
        return json.loads(data)

    def take(self, type, bound=WAIT, **fields):
        """The next frame, which has to be of this type and to have these fields.

        `mode` and `tier` may come between any two frames, as a machine has hiccups: they are passed over.
        """
        frame = self.next(bound)
        while frame["type"] in ("mode", "tier") and frame["type"] != type:
            frame = self.next(bound)
        assert frame["type"] == type, f"expected {type}, got {frame}"
        for name, value in fields.items():
            assert frame.get(name) == value, f"expected {name} = {value!r} in {frame}"
        return frame

    def seek(self, type, bound=WAIT, **fields):
        """The first frame of this type with these fields; what comes before it is dropped."""
        deadline = time.monotonic() + seconds(bound)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"no {type} with {fields}")
            frame = self.next(left)
            if frame["type"] == type and all(frame.get(name) == value for name, value in fields.items()):
                return frame

    def fence(self):
        """All frames that are on their way on this connection: up to the answer to a ping."""
        mark = f"fence-{time.monotonic_ns()}"
        self.send("ping", t=mark)
        frames = []
        while True:
            frame = self.next()
            if frame["type"] == "pong" and frame.get("t") == mark:
                return frames
            frames.append(frame)

    def error(self, code, bound=WAIT):
        """The next frame, which has to be this error."""
        frame = self.take("error", bound, code=code)
        assert isinstance(frame["message"], str) and frame["message"]
        return frame

    def closing(self, bound=WAIT):
        """Reads until the server closes: the Closed. Fails when it does not."""
        deadline = time.monotonic() + seconds(bound)
        while time.monotonic() < deadline:
            try:
                self.next(max(0.01, deadline - time.monotonic()))
            except Closed as closed:
                return closed
        raise TimeoutError("the server did not close")


def closed_with(code, client, bound=WAIT):
    """The close of this connection, whose code has to be `code`; checks the JSON reason where there has to be one."""
    closed = client.closing(bound)
    assert closed.code == code, closed
    if code in {1008, 1011, 1012, 1013} or code >= 4000:
        assert isinstance(closed.details, dict) and isinstance(closed.details["reason"], str), closed
        assert len(closed.reason.encode()) <= 123
    return closed
