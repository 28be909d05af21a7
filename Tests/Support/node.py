"""A node under test: the real binary on a free port of 127.0.0.1, with its log, and plain HTTP to it.

SLUICE_BIN names the binary (default: .build/release/sluice). SLUICE_TIME_FACTOR stretches the bounds of waiting for a
binary that is slow, such as one built with a sanitizer.
"""

import contextlib
import http.client
import json
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("SLUICE_BIN", str(ROOT / ".build/release/sluice"))
TIME_FACTOR = float(os.environ.get("SLUICE_TIME_FACTOR", "1"))
SANITIZER_REPORT = re.compile(
    r"WARNING: ThreadSanitizer|ERROR: AddressSanitizer|ERROR: LeakSanitizer|Fatal error:|Fatal access conflict"
)


def seconds(plain):
    """A bound of waiting, stretched for slow binaries."""
    return plain * TIME_FACTOR


def free_port():
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(condition, bound=10.0, what="the condition"):
    """Asks again and again until `condition()` gives something true, which is returned. Fails after `bound` seconds."""
    deadline = time.monotonic() + seconds(bound)
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {seconds(bound):g} s")
        elapse(0.02)


def elapse(duration):
    """Lets time pass: between two looks at a condition, or for an expiry of the contract. Never a synchronisation."""
    threading.Event().wait(duration)


class Answer:
    """An HTTP answer: `status`, `headers` (names in lower case), `body`; `json` reads the body."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = {name.lower(): value for name, value in headers}
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        """The code of an error answer, whose shape is checked on the way."""
        body = self.json
        assert set(body) == {"error"} and set(body["error"]) == {"code", "message"}, body
        assert self.headers["content-type"].split(";")[0] == "application/json"
        return body["error"]["code"]

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


class Endpoint:
    """What listens on `port` of 127.0.0.1: a node, or what stands before nodes."""

    # The client's context, where TLS is spoken.
    trust = None

    # HTTP

    def request(self, method, path, body=None, headers=None, host=None, bound=10.0):
        """One request on a connection of its own. A `body` that is no bytes goes as JSON."""
        headers = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        place = (host or "127.0.0.1", self.port)
        if self.trust:
            link = http.client.HTTPSConnection(*place, timeout=seconds(bound), context=self.trust)
        else:
            link = http.client.HTTPConnection(*place, timeout=seconds(bound))
        with contextlib.closing(link):
            link.request(method, path, body, headers)
            answer = link.getresponse()
            return Answer(answer.status, answer.getheaders(), answer.read())

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, body=None, **more):
        return self.request("POST", path, body, **more)

    def put(self, path, body=None, **more):
        return self.request("PUT", path, body, **more)

    def delete(self, path, **more):
        return self.request("DELETE", path, **more)

    # Bytes

    def connect(self, bound=10.0, source=None):
        """A plain TCP connection."""
        return socket.create_connection(("127.0.0.1", self.port), seconds(bound), source and (source, 0))

    def exchange(self, data, bound=10.0):
        """Sends bytes, then reads until the other side closes. Fails when it doesn't within `bound` seconds."""
        with self.connect(bound) as link:
            link.sendall(data)
            answer = b""
            while True:
                try:
                    part = link.recv(65536)
                except ConnectionResetError:
                    return answer
                if not part:
                    return answer
                answer += part

    def url(self, path):
        return f"ws://127.0.0.1:{self.port}{path}"


class Node(Endpoint):
    """One running process. `start` waits until it is ready; `stop` asks it to end and checks that."""

    def __init__(self, port=None, open_files=None, arguments=("serve",), cwd=None, trust=None, **settings):
        self.port = port or free_port()
        self.trust = trust
        self.folder = tempfile.TemporaryDirectory(prefix="sluice-test-")
        self.cwd = cwd or self.folder.name
        self.log_path = pathlib.Path(self.folder.name) / "log"
        self.open_files = open_files
        self.arguments = list(arguments)
        kept = {
            name: value
            for name, value in os.environ.items()
            if name in {"PATH", "HOME", "LANG", "LD_LIBRARY_PATH"} or name.endswith("SAN_OPTIONS")
        }
        defaults = {
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "WORKERS": "2",
            "DRAIN_SECONDS": "0",
            "SWIFT_BACKTRACE": "enable=no",
            # The machine is busy with the tests themselves: what they ask of a node must not depend on its tier.
            "GOVERNOR_DRY_RUN": "1",
        }
        self.environment = kept | defaults | {name: str(value) for name, value in settings.items() if value is not None}
        for name, value in settings.items():
            if value is None:
                self.environment.pop(name, None)
        self.process = None

    # Life

    def launch(self, stderr=None):
        """Starts the process and returns at once. Without a `stderr` that goes into the log."""

        def limit():
            if self.open_files:
                resource.setrlimit(resource.RLIMIT_NOFILE, (self.open_files, self.open_files))

        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [BINARY, *self.arguments],
                env=self.environment,
                cwd=self.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log if stderr is None else stderr,
                preexec_fn=limit,
            )
        return self

    def start(self):
        self.launch()
        until(self.is_ready, 20, "readiness of the node")
        return self

    def is_ready(self):
        code = self.process.poll()
        assert code is None, f"the node ended with {code}:\n{self.log}"
        try:
            return self.get("/ready").status == 200
        except OSError:
            return False

    def wait(self, bound=15.0):
        """The exit code, once the process has ended by itself."""
        return self.process.wait(seconds(bound))

    def stop(self, number=signal.SIGTERM):
        """Ends the process if it still runs. It has to exit with 0 and without a sanitizer's report."""
        if self.process is None:
            return
        try:
            if self.process.poll() is None:
                self.process.send_signal(number)
                # A test that failed may have left it stopped.
                self.process.send_signal(signal.SIGCONT)
                code = self.wait()
                assert code == 0, f"exit code {code} after signal {number}:\n{self.log[-4000:]}"
            report = SANITIZER_REPORT.search(self.log)
            assert not report, self.log[max(0, report.start() - 200) :][:8000]
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.folder.cleanup()
            self.process = None

    @property
    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""
