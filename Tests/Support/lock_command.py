"""`sluice lock` under test: the real binary with a command, its output, and what becomes of its processes."""

import contextlib
import os
import pathlib
import signal
import subprocess
import time

from node import BINARY, seconds, until


def is_alive(pid):
    """Whether a process runs; one that has ended and was not waited for does not."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] not in {"Z", "X"}


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
