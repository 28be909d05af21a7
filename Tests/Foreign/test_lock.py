"""Contract, section 8: `sluice lock` with a real Redis, real faults and a real terminal."""

import os
import pty
import signal
import socket
import subprocess
import time

import pytest
from fault_proxy import FaultProxy
from lock_command import LockCommand, boot_time, is_alive, run
from node import BINARY, elapse, until
from redis import Redis

# Says its pid and its token, then works until it is told to end.
WORKER = 'echo $$ $SLUICE_LOCK_TOKEN; trap "echo told; exit 0" TERM; while :; do sleep 0.05; done'
# The same, but it does not listen, and neither does what it starts.
DEAF = 'trap "" TERM; sleep 600 & echo $$ $! $SLUICE_LOCK_TOKEN; while :; do sleep 0.05; done'


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


# Exit codes


@pytest.mark.parametrize(
    "words,code",
    [
        (["true"], 0),
        (["false"], 1),
        ("exit 42", 42),
        ("kill -9 $$", 137),
        ("kill -TERM $$", 143),
        (["/no/such/command"], 127),
        (["no-such-command"], 127),
        (["/etc/passwd"], 126),
    ],
)
def test_status_of_the_command(shared, name, words, code):
    assert run(shared.url, name("lock"), words)[0] == code
    # Whatever became of it, the lock is free.
    assert run(shared.url, name("lock"), ["true"], wait=0)[0] == 0


def test_streams_and_environment(shared, name):
    lock = name("lock")
    with LockCommand(shared.url, lock, "cat; echo problem >&2; env", stdin=subprocess.PIPE, MINE="kept") as command:
        command.process.stdin.write("in\n")
        code, output, errors = command.end()
    lines = output.splitlines()
    assert code == 0 and lines[0] == "in" and errors == "problem\n" and "MINE=kept" in lines
    tokens = [int(line.split("=")[1]) for line in lines if line.startswith("SLUICE_LOCK_TOKEN=")]
    assert len(tokens) == 1 and run(shared.url, lock, "echo $SLUICE_LOCK_TOKEN")[1] > f"{tokens[0]}\n"


def test_taken(shared, name, started):
    lock = name("lock")
    started(shared.url, lock, WORKER)
    code, output, errors = run(shared.url, lock, "echo ran", wait=0)
    assert code == 75 and output == "" and lock in errors and "--wait" in errors
    begin = time.monotonic()
    code, output, errors = run(shared.url, lock, "echo ran", wait=1)
    assert code == 75 and output == "" and lock in errors and time.monotonic() - begin >= 1
    # Another name is another lock.
    assert run(shared.url, name("other"), ["true"], wait=0)[0] == 0


@pytest.mark.parametrize("ttl", ["2.999", "30.001", "0", "-1", "nan", "soon"])
def test_bad_ttl(shared, ttl):
    code, _, errors = run(shared.url, "lock", ["true"], ttl=ttl)
    assert code == 64 and "ttl" in errors


@pytest.mark.parametrize("ttl", ["3", "30"])
def test_ttl_at_its_bounds(shared, name, ttl):
    assert run(shared.url, name("lock"), ["true"], ttl=ttl)[0] == 0


@pytest.mark.parametrize("arguments", [[], ["a"], ["a", "--"], ["a", "true"], ["a/b", "--", "true"], ["", "--", "true"]])
def test_usage(shared, arguments):
    result = subprocess.run([BINARY, "lock", *arguments], env={"REDIS_URL": shared.url}, capture_output=True, text=True)
    assert result.returncode == 64 and "sluice lock NAME" in result.stderr


def test_without_redis():
    code, _, errors = run(None, "lock", ["true"])
    assert code == 78 and "REDIS_URL" in errors


def test_redis_away(own):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    code, output, errors = run(f"redis://:hush@127.0.0.1:{port}", "lock", "echo ran")
    assert code == 69 and output == "" and "hush" not in errors and str(port) in errors and "check-redis" in errors
    own.freeze()
    assert run(own.url, "lock", "echo ran", REDIS_TIMEOUT="0.5")[:2] == (69, "")


def test_redis_goes_while_one_waits(own, started):
    started(own.url, "lock", WORKER)
    with LockCommand(own.url, "lock", "echo ran", wait=60) as waiter:
        until(lambda: own.command("LLEN", "sluice:{locks}:queue:lock") == 1, what="the waiter")
        own.kill()
        code, output, errors = waiter.end()
    assert code == 69 and output == "" and "check-redis" in errors


def test_quarantine():
    """A new Redis grants nothing for as long as the longest ttl; who does not wait is told how long."""
    with Redis() as redis:
        code, _, errors = run(redis.url, "lock", ["true"], wait=0)
        assert code == 75 and " 30 s" in errors
        code, output, errors = run(redis.url, "lock", "echo ran")
        assert (code, output) == (0, "ran\n") and "waiting for the lock" in errors


# Who is next


def test_waiters_in_order(shared, name, started):
    lock = name("lock")
    holder, _ = started(shared.url, lock, WORKER)
    waiters = []
    for number in range(5):
        waiters.append(LockCommand(shared.url, lock, f"echo {number} $SLUICE_LOCK_TOKEN; date +%s%N"))
        queued = number + 1
        queue = f"sluice:{{locks}}:queue:{lock}"
        until(lambda: shared.command("LLEN", queue) == queued, what="a place in the queue")
    holder.signal(signal.SIGTERM)
    assert holder.end()[:2] == (0, "told\n")
    outputs = [waiter.end()[1].split() for waiter in waiters]
    assert [int(output[0]) for output in outputs] == [0, 1, 2, 3, 4]
    for place in (1, 2):
        numbers = [int(output[place]) for output in outputs]
        assert numbers == sorted(numbers) and len(set(numbers)) == 5


def test_no_re_entry(shared, name):
    """Each `sluice lock` is an owner of its own, also within another one."""
    lock = name("lock")
    nested = f"{BINARY} lock {lock} --wait 0 -- echo inside"
    code, output, errors = run(shared.url, lock, nested, REDIS_URL=shared.url)
    assert code == 75 and output == "" and lock in errors


def test_renewal(shared, name, started):
    lock = name("lock")
    started(shared.url, lock, WORKER, ttl=3)
    end = time.monotonic() + 5
    while time.monotonic() < end:
        assert shared.command("PTTL", f"sluice:{{locks}}:lock:{lock}") > 1000
        elapse(0.2)


# Signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGTERM, signal.SIGQUIT])
def test_signals_are_passed_on(shared, name, started, number):
    trap = f'trap "exit 9" {int(number)}; echo ready; while :; do sleep 0.05; done'
    command, _ = started(shared.url, name("lock"), trap)
    command.signal(number)
    assert command.end()[0] == 9
    command, _ = started(shared.url, name("lock"), "echo ready; exec sleep 600")
    command.signal(number)
    assert command.end()[0] == 128 + number


def test_signal_while_waiting(shared, name, started):
    lock = name("lock")
    started(shared.url, lock, WORKER)
    with LockCommand(shared.url, lock, "echo ran") as waiter:
        queue = f"sluice:{{locks}}:queue:{lock}"
        until(lambda: shared.command("LLEN", queue) == 1, what="the waiter")
        waiter.signal(signal.SIGTERM)
        assert waiter.end()[:2] == (143, "")
    assert shared.command("LLEN", queue) == 0


def test_ignored_signals_stay_ignored(shared, name):
    """As under nohup."""
    text = "import signal, subprocess, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); subprocess.run(sys.argv[1:])"
    look = "grep SigIgn /proc/self/status"
    command = ["python3", "-c", text, BINARY, "lock", name("lock"), "--", "sh", "-c", look]
    environment = {"PATH": os.environ["PATH"], "REDIS_URL": shared.url}
    output = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert int(output.split()[1], 16) & 1 << (signal.SIGHUP - 1)


def test_command_starts_with_clean_signals(shared, name):
    """No signal is blocked or ignored that was not so before."""
    output = run(shared.url, name("lock"), "grep -E 'Sig(Ign|Blk)' /proc/self/status")[1]
    plain = subprocess.run(["sh", "-c", "grep -E 'Sig(Ign|Blk)' /proc/self/status"], capture_output=True, text=True)
    # Python itself ignores SIGPIPE and SIGXFSZ, and gives its children the defaults.
    assert output == plain.stdout


def test_no_descriptors_are_left_open(shared, name):
    output = run(shared.url, name("lock"), "ls /proc/self/fd")[1]
    assert output.split() == ["0", "1", "2", "3"], "3 is the folder that ls reads"


# Death


def test_kill_9(shared, name, started):
    lock = name("lock")
    command, (pid, token) = started(shared.url, lock, WORKER, ttl=3)
    begin = boot_time()
    command.signal(signal.SIGKILL)
    until(lambda: not is_alive(pid), 5, "the end of the command")
    # Nobody gave the lock back: it comes free with its ttl, the next token is higher.
    code, output, _ = run(shared.url, lock, "echo $SLUICE_LOCK_TOKEN", wait=10)
    assert code == 0 and int(output) > int(token) and boot_time() - begin > 1.5


def test_kill_9_of_the_command(shared, name, started):
    command, (pid, _) = started(shared.url, name("lock"), WORKER)
    os.kill(int(pid), signal.SIGKILL)
    assert command.end()[0] == 137


# Loss


def hold_until_lost(started, redis, url, fault, words=WORKER, ttl=4, **more):
    """Has a command hold a lock, lets `fault` happen, and waits for the end: exit code, the command's further output,
    standard error, its first words, and how long that took."""
    command, words = started(url, "lock", words, ttl=ttl, **more)
    # Past the first renewal, so that it is not the first grant that runs out.
    elapse(ttl / 2)
    begin = boot_time()
    fault()
    code, output, errors = command.end()
    return code, output, errors, words, boot_time() - begin


def check_told(result, ttl=4):
    code, output, errors, (pid, _), took = result
    assert code == 70 and output == "told\n" and "is lost" in errors, result
    assert not is_alive(pid) and took < ttl + 1, "the ttl, and a second for giving the lock back"


def test_lost_to_a_frozen_redis(own, started):
    check_told(hold_until_lost(started, own, own.url, own.freeze))


def test_lost_to_a_killed_redis(own, started):
    check_told(hold_until_lost(started, own, own.url, own.kill))


def test_lost_to_a_black_hole(own, started):
    with FaultProxy(own.port) as proxy:
        check_told(hold_until_lost(started, own, f"redis://127.0.0.1:{proxy.port}", proxy.black_hole))


def test_lost_to_another_owner(own, started):
    """Somebody has taken the lock's key away: that is told by the next renewal."""
    result = hold_until_lost(started, own, own.url, lambda: own.command("DEL", "sluice:{locks}:lock:lock"))
    check_told(result)
    assert "another's" in result[2]


def test_deaf_command_is_killed_before_the_ttl_ends(own, started):
    """SIGKILL to the whole group, so early that nobody else can have the lock yet."""
    command, (pid, child, _) = started(own.url, "lock", DEAF, ttl=4)
    key = "sluice:{locks}:lock:lock"
    elapse(2)
    ends = boot_time() + own.command("PTTL", key) / 1000
    # What a renewal adds between the two calls only makes the lock last longer.
    own.freeze()
    until(lambda: not is_alive(pid) and not is_alive(child), 8, "the end of the group")
    assert boot_time() < ends
    assert command.end()[0] == 70


def test_frozen_holder(own, started):
    """Who wakes after its ttl ends its command before anything else; the next holder's token is higher."""
    command, (pid, token) = started(own.url, "lock", DEAF.replace("$! ", ""), ttl=3)
    command.freeze()
    code, output, _ = run(own.url, "lock", "echo $SLUICE_LOCK_TOKEN", wait=10)
    assert code == 0 and int(output) > int(token)
    begin = time.monotonic()
    command.signal(signal.SIGCONT)
    until(lambda: not is_alive(pid), 5, "the end of the command")
    assert command.end()[0] == 70 and time.monotonic() - begin < 3


def test_wiped_redis_is_told_by_the_holder(own, started):
    """The holder takes its lock into the new data; nobody else gets it, for a quarantine and as long as it holds."""
    command, (_, token) = started(own.url, "lock", WORKER, ttl=3)
    own.command("FLUSHALL")
    key = "sluice:{locks}:lock:lock"
    until(lambda: own.command("HGET", key, "token") == token.encode(), 5, "the reclaim")
    assert run(own.url, "lock", "echo ran", wait=0)[:2] == (75, "")
    command.signal(signal.SIGTERM)
    assert command.end()[:2] == (0, "told\n")


@pytest.mark.parametrize("append_only", [True, False])
def test_restarted_redis(started, append_only):
    """With what was on the disk and without: the holder keeps its lock over a restart that is shorter than its lease."""
    with Redis(append_only=append_only) as redis:
        skip_quarantine(redis)
        command, (_, token) = started(redis.url, "lock", WORKER, ttl=10)
        redis.restart()
        key = "sluice:{locks}:lock:lock"
        until(lambda: redis.command("HGET", key, "token") == token.encode(), 10, "the lock in the new data")
        until(lambda: redis.command("PTTL", key) > 9000, 10, "a renewal")
        assert run(redis.url, "lock", "echo ran", wait=0)[:2] == (75, "")
        command.signal(signal.SIGTERM)
        assert command.end()[:2] == (0, "told\n")


# A terminal


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
        import select

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
    shell.type(f"{BINARY} lock {lock} -- sh -c 'echo \"be\"gun; sleep 600'; echo 'sta''tus' $?\n")
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
