"""Contract, section 8: `sluice lock` on a real terminal, under a shell with job control."""

import os
import pty
import select
import signal

import pytest
from lock_command import run, shared
from node import BINARY, until

class Shell:
    """An interactive shell with job control on a terminal of its own."""

    def __init__(self, url):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execvpe("bash", ["bash", "--norc", "-i"], {"PATH": os.environ["PATH"], "REDIS_URL": url, "PS1": "$ "})
        self.text = ""

    def type(self, keys):
        os.write(self.terminal, keys.encode())

    def expect(self, word, bound=10.0):
        """Reads until the word has come; what came after the last call up to it."""

        def found():
            self.text += os.read(self.terminal, 4096).decode(errors="replace") if self._is_readable() else ""
            return word in self.text

        until(found, bound, f"{word!r} on the terminal, after {self.text!r}")
        before, _, self.text = self.text.partition(word)
        return before

    def _is_readable(self):
        return bool(select.select([self.terminal], [], [], 0)[0])

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.close(self.terminal)
        os.waitpid(self.pid, 0)


@pytest.fixture
def shell(shared):
    shell = Shell(shared.url)
    yield shell
    shell.close()


def test_terminal(shared, name, shell):
    """The command reads from the terminal, gets its keys, stops and goes on with it, and gives it back."""
    lock = name("lock")
    # The quotes keep the echo of the command line from being taken for the output.
    shell.type(f"{BINARY} lock {lock} -- sh -c 'read line; echo \"got\" $line'; echo 'sta''tus' $?\n")
    until(lambda: shared.command("EXISTS", f"sluice:{{locks}}:lock:{lock}"), 10, "the lock")
    shell.type("words\n")
    shell.expect("got words")
    shell.expect("status 0")
    # `exec`: a shell that is about to wait for another command takes the key for that one's, which is not there yet.
    shell.type(f"{BINARY} lock {lock} -- sh -c 'echo \"be\"gun; exec sleep 600'; echo 'sta''tus' $?\n")
    shell.expect("begun")
    shell.type("\x03")
    shell.expect("status 130")
    shell.type(f"{BINARY} lock {lock} -- sh -c 'echo \"be\"gun; read line; echo \"got\" $line'\n")
    shell.expect("begun")
    shell.type("\x1a")
    shell.expect("Stopped")
    shell.type("echo 'he''re'; fg\n")
    shell.expect("here")
    shell.expect("read line")
    shell.type("more\n")
    shell.expect("got more")
    shell.type("echo 'sta''tus' $?\n")
    shell.expect("status 0")


def test_terminal_is_lost_with_the_lock(shared, name, shell):
    """Who is stopped for longer than the ttl has lost the lock, and its command does not go on."""
    lock = name("lock")
    shell.type(f"{BINARY} lock {lock} --ttl 3 -- sh -c 'echo \"be\"gun; read line; echo \"got\" $line'\n")
    shell.expect("begun")
    shell.type("\x1a")
    shell.expect("Stopped")
    assert run(shared.url, lock, ["true"], wait=10)[0] == 0
    shell.type("fg; echo 'sta''tus' $?\n")
    shell.expect("status 70")
    shell.type("echo 'ali''ve'\n")
    shell.expect("alive")
