"""A proxy before a Redis that answers every command which would write with an error of a test's choice."""

import contextlib
import socket
import threading

# Commands that a real server takes as it is.
HARMLESS = {b"AUTH", b"SELECT", b"INFO", b"PING", b"SUBSCRIBE", b"UNSUBSCRIBE", b"SCRIPT"}


class RefusingRedis:
    """Listens on `port` of 127.0.0.1; asks the server at `target` while `error` is None."""

    def __init__(self, target):
        self.target = target
        # "CODE message"
        self.error = None
        # Publications are swallowed while it is set.
        self.is_deaf = False
        self.accepted = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near):
        """One command after the other: its reply comes from the server, or is the error."""
        far = socket.create_connection(("127.0.0.1", self.target))
        with near, far, contextlib.suppress(OSError, ValueError):
            requests, replies = near.makefile("rb"), far.makefile("rb")
            while True:
                words = read_command(requests)
                if not words:
                    return
                if words[0].upper() == b"SUBSCRIBE":
                    return self._publish(near, far, words, requests, replies)
                if self.error and words[0].upper() not in HARMLESS:
                    near.sendall(b"-%s\r\n" % self.error.encode())
                    continue
                far.sendall(packed(words))
                near.sendall(read_reply(replies))

    def _publish(self, near, far, words, requests, replies):
        """A subscriber's connection: what comes from the server comes by itself."""

        def bring():
            with contextlib.suppress(OSError, ValueError):
                while True:
                    reply = read_reply(replies)
                    if not (self.is_deaf and b"\r\nmessage\r\n" in reply[:20]):
                        near.sendall(reply)

        threading.Thread(target=bring, daemon=True).start()
        while words:
            far.sendall(packed(words))
            words = read_command(requests)
        far.shutdown(socket.SHUT_RDWR)


def packed(words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def read_command(stream):
    """The words of the next one; none at the end."""
    head = stream.readline()
    words = []
    for _ in range(int(head[1:]) if head else 0):
        count = int(stream.readline()[1:])
        words.append(stream.read(count + 2)[:-2])
    return words


def read_reply(stream):
    """The bytes of the next one."""
    line = stream.readline()
    if not line:
        raise OSError("the server has gone")
    kind, count = line[:1], line[1:]
    if kind == b"$" and int(count) >= 0:
        return line + stream.read(int(count) + 2)
    if kind == b"*":
        return line + b"".join(read_reply(stream) for _ in range(int(count)))
    return line
