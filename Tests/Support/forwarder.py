"""A TCP proxy as a process of its own, fast enough to measure through: `python forwarder.py LISTENING_DESCRIPTOR PORT`.

Frozen it is a black hole: connections stay, nothing gets through, and arrives when it goes on. Killed it cuts them all.
"""

import contextlib
import ctypes
import selectors
import signal
import socket
import subprocess
import sys

# prctl(2): PR_SET_PDEATHSIG
DIES_WITH_PARENT = 1


class Forwarder:
    """Forwards connections on `port` of 127.0.0.1 to `target`, a port of 127.0.0.1."""

    def __init__(self, target):
        self.target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._end()
        self._listener.close()

    def _start(self):
        descriptor = self._listener.fileno()
        command = [sys.executable, __file__, str(descriptor), str(self.target)]
        prctl = ctypes.CDLL(None).prctl
        self._process = subprocess.Popen(
            command, pass_fds=[descriptor], preexec_fn=lambda: prctl(DIES_WITH_PARENT, signal.SIGKILL)
        )

    def _end(self):
        self._process.kill()
        self._process.wait()

    def black_hole(self):
        self._process.send_signal(signal.SIGSTOP)

    def restore(self):
        self._process.send_signal(signal.SIGCONT)

    def cut(self):
        """Ends all connections; new ones are taken."""
        self._end()
        self._start()


def forward(listener, target):
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)

    def end(near, far):
        for link in (near, far):
            with contextlib.suppress(KeyError, ValueError):
                selector.unregister(link)
            link.close()

    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                near, _ = listener.accept()
                try:
                    far = socket.create_connection(("127.0.0.1", target), 10)
                except OSError:
                    near.close()
                    continue
                for one, other in ((near, far), (far, near)):
                    one.settimeout(None)
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    selector.register(one, selectors.EVENT_READ, other)
                continue
            near, far = key.fileobj, key.data
            if near.fileno() < 0:
                continue
            try:
                data = near.recv(65536)
                if data:
                    far.sendall(data)
            except OSError:
                data = b""
            if not data:
                end(near, far)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        forward(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]))
