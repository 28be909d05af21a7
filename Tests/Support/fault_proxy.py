"""A TCP proxy of a test's own that can go wrong on command: cut, swallow everything, delay.

Stands between a node and what it connects to. One thread for each direction of a connection.
"""

import contextlib
import queue
import re
import socket
import struct
import threading
import time

from node import elapse

# A command by which a client of Redis asks for publications: an array whose first string is its name.
SUBSCRIBING = re.compile(rb"\*\d+\r\n\$(9|10)\r\nP?SUBSCRIBE\r\n", re.IGNORECASE)


class FaultProxy:
    """Forwards connections on `port` of 127.0.0.1 to `target`, a port of 127.0.0.1."""

    def __init__(self, target):
        self.target = target
        self.delay = 0.0
        self._open, self._open_for_subscribers = threading.Event(), threading.Event()
        self._open.set()
        self._open_for_subscribers.set()
        self._lock = threading.Lock()
        self._links = []
        self._awaited, self._came = None, threading.Event()
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

    def black_hole(self, only_subscribers=False):
        """From now on nothing gets through, in either direction, and no connection ends for it; `only_subscribers`: on
        connections that have asked Redis for publications.
        """
        (self._open_for_subscribers if only_subscribers else self._open).clear()

    def expect(self, text):
        """Gives an event that is set once one piece with these bytes came from a client, whether it goes on or not."""
        self._came = threading.Event()
        self._awaited = text
        return self._came

    def restore(self):
        """Ends a black hole: what was swallowed meanwhile arrives, as after a retransmission."""
        self._open.set()
        self._open_for_subscribers.set()

    def lead_to(self, target):
        """Resets all connections; new ones go to another port."""
        self.target = target
        self.cut()

    def refuse(self):
        """Cuts all connections and each new one at once, until `accept_again`."""
        self._accepts = False
        self.cut()

    def accept_again(self):
        self._accepts = True

    def close(self):
        self._listener.close()
        self.restore()
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
            subscribes = threading.Event()
            for source, sink in ((near, far), (far, near)):
                pieces = queue.SimpleQueue()
                asks = subscribes if source is near else None
                threading.Thread(target=self._read, args=(source, pieces, asks), daemon=True).start()
                threading.Thread(target=self._write, args=(sink, pieces, subscribes), daemon=True).start()

    def _read(self, source, pieces, asks):
        """Takes what comes with the time at which it goes on. `asks` is set when a client asks for publications."""
        while True:
            try:
                data = source.recv(65536)
            except OSError:
                data = b""
            if asks and not asks.is_set() and SUBSCRIBING.search(data):
                asks.set()
            if self._awaited and self._awaited in data:
                self._came.set()
            pieces.put((time.monotonic() + self.delay, data))
            if not data:
                return

    def _write(self, sink, pieces, subscribes):
        while True:
            due, data = pieces.get()
            # Reading goes on meanwhile: it is the way that is long, not narrow.
            elapse(max(0.0, due - time.monotonic()))
            self._open.wait()
            if subscribes.is_set():
                self._open_for_subscribers.wait()
            try:
                if not data:
                    return sink.shutdown(socket.SHUT_WR)
                sink.sendall(data)
            except OSError:
                return
