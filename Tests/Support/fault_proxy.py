"""A TCP proxy of a test's own that can go wrong on command: cut, swallow everything, delay.

Stands between a node and what it connects to. One thread for each direction of a connection.
"""

import contextlib
import queue
import socket
import struct
import threading
import time

from node import elapse


class FaultProxy:
    """Forwards connections on `port` of 127.0.0.1 to `target`, a port of 127.0.0.1."""

    def __init__(self, target):
        self.target = target
        self.delay = 0.0
        self._open = threading.Event()
        self._open.set()
        self._lock = threading.Lock()
        self._links = []
        self._accepts = True
        self.accepted = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # What can go wrong

    def cut(self):
        """Resets all connections; new ones are taken."""
        with self._lock:
            links, self._links = self._links, []
        for link in links:
            with contextlib.suppress(OSError):
                link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            # Wakes the threads that read from it.
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
            link.close()

    def black_hole(self):
        """From now on nothing gets through, in either direction, and no connection ends for it."""
        self._open.clear()

    def restore(self):
        """Ends a black hole: what was swallowed meanwhile arrives, as after a retransmission."""
        self._open.set()

    def refuse(self):
        """Cuts all connections and each new one at once, until `accept_again`."""
        self._accepts = False
        self.cut()

    def accept_again(self):
        self._accepts = True

    def close(self):
        self._listener.close()
        self._open.set()
        self.cut()

    # Forwarding

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            try:
                if not self._accepts:
                    raise ConnectionRefusedError
                far = socket.create_connection(("127.0.0.1", self.target), 10)
                far.settimeout(None)
            except OSError:
                near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                near.close()
                continue
            with self._lock:
                self._links += [near, far]
            for source, sink in ((near, far), (far, near)):
                pieces = queue.SimpleQueue()
                threading.Thread(target=self._read, args=(source, pieces), daemon=True).start()
                threading.Thread(target=self._write, args=(sink, pieces), daemon=True).start()

    def _read(self, source, pieces):
        """Takes what comes with the time at which it is to go on."""
        while True:
            try:
                data = source.recv(65536)
            except OSError:
                data = b""
            pieces.put((time.monotonic() + self.delay, data))
            if not data:
                return

    def _write(self, sink, pieces):
        while True:
            due, data = pieces.get()
            # Reading goes on meanwhile: it is the way that is long, not narrow.
            elapse(max(0.0, due - time.monotonic()))
            self._open.wait()
            try:
                if not data:
                    return sink.shutdown(socket.SHUT_WR)
                sink.sendall(data)
            except OSError:
                return
