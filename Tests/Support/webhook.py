"""A server of a test's own that takes pushes: a real HTTP server on a free port, which answers as the test asks."""

import hashlib
import hmac
import http.server
import json
import queue
import threading
import time

from node import free_port, seconds


def is_signed(secret, headers, body):
    """Whether a request was signed with this secret."""
    text = headers["X-Sluice-Timestamp"].encode() + b"." + body
    wanted = "v1=" + hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted, headers.get("X-Sluice-Signature", ""))


class Push:
    """One request: `at` on the monotonic clock, `path`, `headers`, `body`, and what the body says."""

    def __init__(self, path, headers, body):
        self.at = time.monotonic()
        self.path, self.headers, self.body = path, headers, body
        self.json = json.loads(body)
        self.delivery = headers["X-Sluice-Delivery"]


class Webhook:
    """`answers` are the statuses of the first requests, or (status, headers); then 204. None: no answer at all."""

    def __init__(self, *answers, port=None, tls=None):
        """`tls` is a server's context; without one it speaks plain HTTP."""
        self.answers = list(answers)
        self.tls = tls
        self.port = port or free_port()
        self.pushes = queue.Queue()
        # Set at the end: requests without an answer end with it.
        self.ended = threading.Event()
        webhook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = webhook.answers.pop(0) if webhook.answers else 204
                webhook.pushes.put(Push(self.path, self.headers, body))
                if answer is None:
                    webhook.ended.wait()
                    self.close_connection = True
                    return
                status, headers = answer if isinstance(answer, tuple) else (answer, {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if status != 204:
                    self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        if tls:
            self.server.socket = tls.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}/hooks/push?from=sluice"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def take(self, bound=10.0):
        """The next request."""
        try:
            return self.pushes.get(timeout=seconds(bound))
        except queue.Empty:
            raise AssertionError(f"no push within {seconds(bound):g} s") from None

    @property
    def count(self):
        """Requests that were not taken."""
        return self.pushes.qsize()
