"""A real Nginx with the configuration that is shipped in nginx/, before nodes under test. Only addresses, paths and the
lines that a test names are replaced.
"""

import contextlib
import ctypes
import itertools
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import urllib.parse

from client import Client
from node import ROOT, Endpoint, Node, free_port, seconds, until
from redis import DIES_WITH_PARENT, Redis

SHIPPED = ROOT / "nginx"
# Debian has it where only root looks.
BINARY = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin") or "nginx"
# Folders for bodies and answers that its build names, though none of them is used.
FOLDERS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
visitors = itertools.count(1)


class Nginx(Endpoint):
    """`replaced` are pairs of what stands in the shipped files and what shall stand there; `tls` is the folder of a
    certificate (`fullchain.pem`) and its key (`privkey.pem`), with which the example of TLS is used, too.
    """

    def __init__(self, nodes, replaced=(), tls=None):
        self.nodes = nodes
        self.replaced = list(replaced)
        self.tls = tls
        self.folder = tempfile.TemporaryDirectory(prefix="sluice-nginx-")
        self.path = pathlib.Path(self.folder.name)
        self.configuration = self.path / "nginx.conf"
        self.port = self.tls_port = None
        self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()

    # Life

    def start(self):
        """Starts it and waits until it listens."""
        for attempt in range(5):
            self.configure()
            with open(self.path / "output", "wb") as output:
                self.process = subprocess.Popen(
                    [*self.command, "-g", "daemon off;"],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    # At a SIGTERM it takes its workers along.
                    preexec_fn=lambda: ctypes.CDLL(None).prctl(DIES_WITH_PARENT, signal.SIGTERM),
                )
            until(lambda: self.process.poll() is not None or self.listens(), 20, "Nginx")
            if self.process.poll() is None:
                return self
            text = (self.path / "output").read_text()
            assert "ddress already in use" in text and attempt < 4, text
        raise AssertionError("no free port")

    def listens(self):
        try:
            self.connect().close()
        except OSError:
            return False
        return True

    def close(self):
        try:
            if self.process and self.process.poll() is None:
                self.process.terminate()
                assert self.process.wait(seconds(10)) == 0
        finally:
            if self.process and self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.folder.cleanup()

    def check(self):
        """`nginx -t`: its exit code and what it says."""
        done = subprocess.run([*self.command, "-t"], capture_output=True, text=True, timeout=seconds(10))
        return done.returncode, done.stderr

    def reload(self):
        """Has the files read again, with what is now replaced, and waits until only new workers serve."""
        before = self.workers()
        self.write()
        self.process.send_signal(signal.SIGHUP)
        until(lambda: self.workers() and not self.workers() & before, what="new workers")

    def workers(self):
        """The process ids of the workers that take connections."""
        found = set()
        for line in subprocess.run(
            ["ps", "-o", "pid=,args=", "--ppid", str(self.process.pid)], capture_output=True, text=True
        ).stdout.splitlines():
            number, name = line.split(None, 1)
            if "shutting down" not in name:
                found.add(int(number))
        return found

    @property
    def command(self):
        return [BINARY, "-c", str(self.configuration)]

    @property
    def access_log(self):
        return (self.path / "sluice.log").read_text(errors="replace")

    @property
    def all_logs(self):
        return "".join(path.read_text(errors="replace") for path in [*self.path.glob("*.log"), self.path / "output"])

    # Configuration

    def configure(self):
        self.port, self.tls_port = free_port(), free_port()
        self.write()

    def write(self):
        """The shipped files with the addresses and paths of this test."""
        changes = [
            ("user www-data;", "user root;" if os.geteuid() == 0 else ""),
            ("/run/nginx.pid", f"{self.path}/pid"),
            ("/var/log/nginx/", f"{self.path}/"),
            ("http {", "http {" + "".join(f"\n    {name}_temp_path {self.path}/{name};" for name in FOLDERS)),
            ("listen 80 ", f"listen 127.0.0.1:{self.port} "),
        ]
        changes += [(f"127.0.0.1:{8001 + number}", f"127.0.0.1:{node.port}") for number, node in enumerate(self.nodes)]
        texts = {path: path.read_text() for folder in ("conf.d", "snippets") for path in (SHIPPED / folder).iterdir()}
        texts[SHIPPED / "nginx.conf"] = (SHIPPED / "nginx.conf").read_text()
        if self.tls:
            texts[SHIPPED / "conf.d/tls.conf"] = (SHIPPED / "tls.conf.example").read_text()
            changes.append(("listen 443 ", f"listen 127.0.0.1:{self.tls_port} "))
            changes.append(("/etc/ssl/chat.example.com/", f"{self.tls}/"))
        for old, new in changes + self.replaced:
            assert any(old in text for text in texts.values()), f"nothing shipped says {old!r}"
            texts = {path: text.replace(old, new) for path, text in texts.items()}
        for path, text in texts.items():
            goal = self.path / path.relative_to(SHIPPED)
            goal.parent.mkdir(exist_ok=True)
            goal.write_text(text)


@contextlib.contextmanager
def cluster(replaced=(), tls=None, rate=10_000, **settings):
    """Nodes `node-0` to `node-2`, their Redis, and Nginx before them.

    All clients of a test share one address, which asks for more than a person does: `rate` requests per second pass.
    None is the shipped limit.
    """
    if rate is not None:
        replaced = [*replaced, ("rate=100r/s", f"rate={rate}r/s")]
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(Redis())
        nodes = []
        for number in range(3):
            node = Node(REDIS_URL=redis.url, NODE_ID=f"node-{number}", **settings)
            stack.callback(node.stop)
            nodes.append(node.start())
        for node in nodes:
            until(lambda: node.get("/health").json.get("mode") == "cluster", what="the cluster")
        yield stack.enter_context(Nginx(nodes, replaced, tls))


def from_readme(name):
    """Lines that the README has for what is not shipped so."""
    return re.search(rf"<!-- {name} -->\n```nginx\n(.*?)```", (SHIPPED / "README.md").read_text(), re.DOTALL)[1]


def where(nginx, room, user=None, **query):
    """The node that a new connection comes to."""
    with Client(nginx, room, user or f"visitor-{next(visitors)}", **query) as client:
        return client.welcome["node"]


def places(nginx, rooms):
    """Room → node."""
    return {room: where(nginx, room) for room in rooms}


def logged(nginx, path, count=1):
    """What the log of accesses says of so many requests of a path: (nodes that were tried, all lines)."""
    pattern = re.compile(r'"[A-Z]+ ' + re.escape(path) + r' HTTP/1\.[01]" .* node="([^"]*)"')

    def found():
        return [line for line in nginx.access_log.splitlines() if pattern.search(line)]

    lines = until(lambda: len(found()) >= count and found(), what=f"{count} lines of {path}")
    names = {f"127.0.0.1:{node.port}": f"node-{number}" for number, node in enumerate(nginx.nodes)}
    return [[names[address] for address in pattern.search(line)[1].split(", ")] for line in lines], lines


def publish(nginx, room, content):
    """Publishes by HTTP as clients do: what could not be answered is sent again with its id."""
    body = {"user": "http", "content": content, "id": f"id-{content}"}
    answer = nginx.post(f"/api/rooms/{urllib.parse.quote(room)}/messages", body)
    if answer.status == 503:
        answer = nginx.post(f"/api/rooms/{urllib.parse.quote(room)}/messages", body)
    assert answer.status in (200, 201) and answer.json["durable"] == "redis", answer
    return answer.json
