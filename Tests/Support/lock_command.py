"""`sluice lock` under test: the real binary with a command, its output, and the fate of its processes; and fixtures for
its tests, to be imported by name.
"""

import contextlib
import os
import pathlib
import signal
import subprocess
import time

import pytest
from node import BINARY, seconds, until
from redis import Redis

# Says its pid and its token, then works until it is asked to end.
WORKER = 'echo $$ $SLUICE_LOCK_TOKEN; trap "echo ended; exit 0" TERM; while :; do sleep 0.05; done'
# The same, but it does not listen, and neither does what it starts.
DEAF = 'trap "" TERM; sleep 600 & echo $$ $! $SLUICE_LOCK_TOKEN; while :; do sleep 0.05; done'


def is_alive(pid):
    """Whether a process runs; one that has ended and was not waited for does not."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] not in {"Z", "X"}


def processes(word):
    """Processes whose command line has that word."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if word.encode() in path.read_bytes().split(b"\0") and is_alive(path.parent.name):
                found.append(int(path.parent.name))
    return found


class LockCommand:
    """One running `sluice lock`. `words` is the command; a single text is given to the shell."""

    def __init__(self, url, name, words, ttl=None, wait=None, stdin=subprocess.DEVNULL, **settings):
        arguments = [BINARY, "lock", name]
        arguments += ["--ttl", str(ttl)] if ttl is not None else []
        arguments += ["--wait", str(wait)] if wait is not None else []
        words = ["sh", "-c", words] if isinstance(words, str) else words
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        environment |= {"SWIFT_BACKTRACE": "enable=no"} | ({"REDIS_URL": url} if url else {}) | settings
        self.process = subprocess.Popen(
            [*arguments, "--", *words],
            env=environment,
            cwd="/",
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.communicate()

    def line(self):
        """The next line of standard output."""
        return self.process.stdout.readline().strip()

    def end(self, bound=20.0):
        """Exit code, the rest of standard output, standard error."""
        output, errors = self.process.communicate(timeout=seconds(bound))
        return self.process.returncode, output, errors

    def signal(self, number):
        self.process.send_signal(number)

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)
        stat = pathlib.Path(f"/proc/{self.process.pid}/stat")
        until(lambda: stat.read_text().rsplit(")", 1)[1].split()[0] == "T", what="the stop of sluice lock")


def run(url, name, words, **more):
    """Runs it to its end: exit code, standard output, standard error."""
    with LockCommand(url, name, words, **more) as command:
        return command.end(60)


def boot_time():
    """CLOCK_BOOTTIME in seconds."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def skip_quarantine(redis):
    """Has the server be one whose locks are known to be complete: its quarantine is over."""
    run(redis.url, "first", ["true"], wait=0)
    generation = "sluice:{locks}:generation"
    assert redis.command("HSET", generation, "until", "0") == 0
    return redis


@pytest.fixture(scope="module")
def shared():
    with Redis() as redis:
        yield skip_quarantine(redis)


@pytest.fixture
def own():
    with Redis() as redis:
        yield skip_quarantine(redis)


@pytest.fixture
def started():
    """Starts `sluice lock` and waits for the words of the command's first line."""
    running = []

    def start(url, name, words, **more):
        command = LockCommand(url, name, words, **more)
        running.append(command)
        return command, command.line().split()

    yield start
    for command in running:
        command.__exit__()
