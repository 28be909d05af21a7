"""A redis-server of a test's own on a free port of 127.0.0.1: started, stopped, killed, frozen, and started again with
or without its data. It ends with the test's process, however that ends.
"""

import ctypes
import pathlib
import signal
import socket
import subprocess
import tempfile

from node import free_port, seconds, until

# prctl(2): PR_SET_PDEATHSIG
DIES_WITH_PARENT = 1


class Redis:
    """`append_only` keeps everything on the disk, each write before its answer; else nothing is kept. With `tls`, a
    certificate and what clients trust, it speaks TLS alone."""

    def __init__(self, *arguments, append_only=False, password=None, user=None, tls=None):
        self.folder = tempfile.TemporaryDirectory(prefix="sluice-redis-")
        self.log_path = pathlib.Path(self.folder.name) / "log"
        self.port = free_port()
        self.password = password
        self.user = user
        self.append_only = append_only
        self.arguments = list(arguments)
        self.certificate, self.trust = tls or (None, None)
        if user:
            self.arguments += ["--user", user, "on", f">{password}", "~*", "&*", "+@all"]
        elif password:
            self.arguments += ["--requirepass", password]
        self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()

    @property
    def url(self):
        credentials = f"{self.user or ''}:{self.password}@" if self.password else ""
        return f"{'rediss' if self.certificate else 'redis'}://{credentials}127.0.0.1:{self.port}"

    @property
    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    # Life

    def start(self, arguments=()):
        """Starts it and waits until it answers; on the same port as before, unless somebody took that meanwhile."""
        for attempt in range(5):
            self._launch(arguments)
            until(lambda: self.process.poll() is not None or self.answers(), 20, "an answer of Redis")
            if self.process.poll() is None:
                return self
            assert "ddress already in use" in self.log and attempt < 4, self.log[-2000:]
            self.log_path.unlink()
            self.port = free_port()
        raise AssertionError("no free port")

    def _launch(self, arguments):
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.folder.name]
        if self.certificate:
            command[1:3] = ["--port", "0", "--tls-port", str(self.port), "--tls-auth-clients", "no"]
            command += ["--tls-cert-file", str(self.certificate.cert), "--tls-key-file", str(self.certificate.key)]
            # It wants one, and asks nobody for a certificate.
            command += ["--tls-ca-cert-file", str(self.certificate.cert)]
        command += ["--save", "", "--appendonly", "yes" if self.append_only else "no", "--appendfsync", "always"]
        prctl = ctypes.CDLL(None).prctl

        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                command + self.arguments + list(arguments),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=lambda: prctl(DIES_WITH_PARENT, signal.SIGKILL),
            )

    def answers(self):
        """Whether it speaks, in whatever words."""
        try:
            answer = self.raw(b"PING\r\n")
            # Without a password it refuses, which is an answer; while it reads its file it is not there yet.
            return answer[:1] in {b"+", b"-"} and not answer.startswith(b"-LOADING")
        except OSError:
            return False

    def stop(self):
        """Asks it to end, and waits."""
        self.thaw()
        self.process.terminate()
        self.process.wait(seconds(10))

    def kill(self):
        """kill -9, and waits until it is gone."""
        self.process.kill()
        self.process.wait(seconds(10))

    def freeze(self):
        """Stops it where it stands: connections stay, nobody answers."""
        self.process.send_signal(signal.SIGSTOP)
        stat = pathlib.Path(f"/proc/{self.process.pid}/stat")
        until(lambda: stat.read_text().rsplit(")", 1)[1].split()[0] == "T", what="the stop of Redis")

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def restart(self, empty=False):
        """kill -9 and a new start: with what was on the disk, or empty."""
        self.kill()
        if empty:
            self.forget()
        return self.start()

    @property
    def files(self):
        """The folder of what an append-only one has on the disk."""
        return pathlib.Path(self.folder.name) / "appendonlydir"

    def forget(self):
        """Takes from the disk what a killed one left there."""
        for path in sorted(pathlib.Path(self.folder.name).rglob("*"), reverse=True):
            if path != self.log_path:
                path.rmdir() if path.is_dir() else path.unlink()

    def close(self):
        if self.process and self.process.poll() is None:
            self.kill()
        self.folder.cleanup()

    # Commands, one at a time, for looking in from the side

    def connect(self, bound):
        link = socket.create_connection(("127.0.0.1", self.port), seconds(bound))
        return self.trust.wrap_socket(link, server_hostname="127.0.0.1") if self.trust else link

    def raw(self, data, bound=5.0):
        """The first bytes that come back for `data`."""
        with self.connect(bound) as link:
            link.sendall(data)
            return link.recv(65536)

    def command(self, *words, bound=10.0):
        """A reply as int, bytes, None, list, or RedisError raised."""
        with self.connect(bound) as link:
            stream = link.makefile("rb")
            if self.password:
                link.sendall(_encoded("AUTH", *([self.user] if self.user else []), self.password))
                _reply(stream)
            link.sendall(_encoded(*words))
            return _reply(stream)


class RedisError(Exception):
    pass


def _encoded(*words):
    words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def _reply(stream):
    line = stream.readline()
    kind, text = line[:1], line[1:-2]
    if kind == b"+":
        return text
    if kind == b"-":
        raise RedisError(text.decode())
    if kind == b":":
        return int(text)
    if kind == b"$":
        return None if text == b"-1" else stream.read(int(text) + 2)[:-2]
    if kind == b"*":
        return None if text == b"-1" else [_reply(stream) for _ in range(int(text))]
    raise RedisError(f"no reply: {line!r}")
