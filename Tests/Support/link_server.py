"""A WebSocket server of a test's own that links lead to: keeps a log of connections and frames."""

import asyncio
import threading
import time

from node import until
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed


class Peer:
    """One connection: `path`, `headers`, `at` and `end` on the monotonic clock, the texts that came."""

    def __init__(self, server, socket):
        self.server, self.socket = server, socket
        self.path, self.headers = socket.request.path, socket.request.headers
        self.at, self.end, self.code = time.monotonic(), None, None
        self.texts = []

    def send(self, message):
        """A str goes as text, bytes as binary."""
        self.server.run(self.socket.send(message))

    def close(self, code=1000, reason=""):
        self.server.run(self.socket.close(code, reason))


class LinkServer:
    """`accept(path)` says whether a handshake is accepted. Protocol pings are answered by the library."""

    def __init__(self, tls=None, accept=lambda path: True, subprotocols=None):
        self.tls, self.accept, self.subprotocols = tls, accept, subprotocols
        self.peers = []
        self.refused = 0
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.ready = threading.Event()

    def _serve(self):
        asyncio.set_event_loop(self.loop)

        async def begin():
            self.server = await serve(
                self._handle, "127.0.0.1", 0, ssl=self.tls, process_request=self._check,
                subprotocols=self.subprotocols, ping_interval=None, max_size=None,
            )
            self.port = self.server.sockets[0].getsockname()[1]
            self.ready.set()

        self.loop.create_task(begin())
        self.loop.run_forever()

    def _check(self, connection, request):
        if not self.accept(request.path):
            self.refused += 1
            return connection.respond(403, "no")

    async def _handle(self, socket):
        peer = Peer(self, socket)
        self.peers.append(peer)
        try:
            async for message in socket:
                peer.texts.append(message)
        except ConnectionClosed:
            pass
        peer.code = socket.close_code
        peer.end = time.monotonic()

    def run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    def url(self, path="/"):
        return f"{'wss' if self.tls else 'ws'}://127.0.0.1:{self.port}{path}"

    def living(self, path=None):
        return [peer for peer in list(self.peers) if peer.end is None and path in (None, peer.path)]

    def one(self, path=None, bound=10):
        """The one connection at a path."""
        return until(lambda: (found := self.living(path)) and len(found) == 1 and found[0], bound, "a connection")

    def overlaps(self):
        """Pairs of connections of one path that were there at the same time."""
        found = []
        peers = sorted(self.peers, key=lambda peer: peer.at)
        last = {}
        for peer in peers:
            former = last.get(peer.path)
            if former and (former.end is None or former.end > peer.at):
                found.append((former, peer))
            last[peer.path] = peer
        return found

    def __enter__(self):
        self.thread.start()
        assert self.ready.wait(10)
        return self

    def __exit__(self, *_):
        async def end():
            self.server.close(close_connections=True)
            await self.server.wait_closed()

        self.run(end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
