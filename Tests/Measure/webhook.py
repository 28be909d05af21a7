#!/usr/bin/env python3
"""Changes of presence through the webhook for events to a local server: events per second, the processor time that they
cost, and whether any was lost.

    SLUICE_BIN=… python3 Tests/Measure/webhook.py [--changes 1000000] [--clients 8] [--plain] [--cluster]

Each client joins and leaves rooms on one connection, as fast as the node answers; each `join` and `leave` of a room of
its own is two events. With --plain the node has no webhook: the difference is what events cost. It ends when all
changes were made and no event waits, or after five minutes.
"""

import argparse
import contextlib
import http.server
import multiprocessing
import pathlib
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Support"))

from client import Client  # noqa: E402
from node import Node, free_port, until  # noqa: E402
from redis import Redis  # noqa: E402

BOUND = 300


def serve(port, results):
    """Counts events by their types, as they stand in the bodies."""
    kinds = [b'"type":"' + kind + b'"' for kind in (b"room_occupied", b"joined", b"left", b"room_vacated")]
    counts = [0] * len(kinds)
    posts = [0]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            for index, kind in enumerate(kinds):
                counts[index] += body.count(kind)
            posts[0] += 1
            self.send_response(204)
            self.end_headers()

        def do_GET(self):
            results.send((posts[0], counts))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()


def change(node, number, count):
    """Joins and leaves, in bursts that are answered before the next one."""
    with Client(node, f"home-{number}", f"user-{number}") as client:
        done = 0
        while done < count:
            burst = min(count - done, 200)
            for index in range(burst // 2):
                client.send("join", room=f"r{number}-{index}")
                client.send("leave", room=f"r{number}-{index}")
            for _ in range(burst // 2):
                client.seek("left_room", bound=30)
            done += burst


def cpu(node):
    fields = pathlib.Path(f"/proc/{node.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def metric(node, name):
    return int(float(re.search(rf"^{name} (\S+)$", node.get("/metrics").body.decode(), re.MULTILINE)[1]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--changes", type=int, default=1_000_000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--cluster", action="store_true")
    options = parser.parse_args()
    port, (ours, theirs) = free_port(), multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(port, theirs), daemon=True)
    server.start()
    settings = {} if options.plain else {"EVENT_WEBHOOK_URL": f"http://127.0.0.1:{port}/"}
    with contextlib.ExitStack() as stack:
        if options.cluster:
            settings["REDIS_URL"] = stack.enter_context(Redis()).url
        node = Node(MESSAGES_PER_SECOND=1_000_000, GOVERNOR_DRY_RUN=1, **settings).start()
        stack.callback(node.stop)
        each = options.changes // options.clients // 2 * 2
        begin, before = time.monotonic(), cpu(node)
        workers = [
            multiprocessing.Process(target=change, args=(node, number, each)) for number in range(options.clients)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(BOUND)
        changed = time.monotonic() - begin
        if not options.plain:
            until(lambda: metric(node, "sluice_webhook_events_waiting") == 0, BOUND, "the end of the events")
        took, used = time.monotonic() - begin, cpu(node) - before
        changes = each * options.clients
        print(f"changes {changes} in {changed:.1f} s ({changes / changed:.0f}/s), processor time {used:.1f} s")
        if options.plain:
            return
        sent, dropped = (metric(node, f"sluice_webhook_events_{what}_total") for what in ("sent", "dropped"))
        with contextlib.closing(__import__("http.client").client.HTTPConnection("127.0.0.1", port)) as asking:
            asking.request("GET", "/")
            asking.getresponse()
        posts, counts = ours.recv()
        # The URLs' rooms are joined and left as well.
        wanted = changes // 2
        print(f"events sent {sent}, dropped {dropped}; {posts} POSTs; {sent / took:.0f}/s over {took:.1f} s")
        print("received: room_occupied {}, joined {}, left {}, room_vacated {}".format(*counts))
        print(f"wanted at least {wanted} of each; lost {max(0, max(wanted - count for count in counts))}")
        server.kill()


if __name__ == "__main__":
    main()
