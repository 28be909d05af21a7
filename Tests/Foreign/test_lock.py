"""Contract, section 8: `sluice lock` with a real Redis: exit codes, who is next, signals."""

import os
import re
import signal
import socket
import subprocess
import time

import pytest
from lock_command import WORKER, LockCommand, is_alive, own, processes, run, shared, skip_quarantine, started
from node import BINARY, elapse, seconds, until
from redis import Redis

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


def test_environment_is_handed_on_byte_for_byte(shared, name):
    environment = {b"PATH": os.environb[b"PATH"], b"REDIS_URL": shared.url.encode(), b"ODD": b"\xff\xfe"}
    environment[b"SLUICE_LOCK_TOKEN"] = environment[b"SLUICE_LOCK_OWNER"] = b"of somebody else"
    command = [BINARY, "lock", name("lock"), "--", "env", "-0"]
    output = subprocess.run(command, env=environment, capture_output=True, check=True).stdout
    lines = output.split(b"\0")[:-1]
    variables = dict(line.split(b"=", 1) for line in lines)
    assert int(variables[b"SLUICE_LOCK_TOKEN"]) > 0 and len(lines) == len(environment)
    ours = {name: variables[name] for name in (b"SLUICE_LOCK_TOKEN", b"SLUICE_LOCK_OWNER")}
    assert variables == environment | ours and ours[b"SLUICE_LOCK_OWNER"].startswith(b"of somebody else ")


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


@pytest.mark.parametrize(
    "arguments", [[], ["a"], ["a", "--"], ["a", "true"], ["a/b", "--", "true"], ["", "--", "true"]]
)
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
    """A new Redis grants nothing until the longest ttl is over, and each learns how long that is."""
    with Redis() as redis:
        code, _, errors = run(redis.url, "lock", ["true"], wait=0)
        left = int(re.search(r"for another (\d+) s", errors).group(1))
        assert code == 75 and 20 <= left <= 30
        code, output, errors = run(redis.url, "lock", "echo ran")
        assert (code, output) == (0, "ran\n")
        notes = [line for line in errors.splitlines() if "waiting for the lock" in line]
        assert len(notes) == 1 and 1 <= int(re.search(r"none for (\d+) s still", notes[0]).group(1)) <= 29


def uptime(redis):
    return int(re.search(rb"uptime_in_seconds:(\d+)", redis.command("INFO", "server")).group(1))


def test_a_quarantine_counts_from_the_start_of_redis_where_nothing_can_have_been_lost():
    """Leases of a former run have ended after that time, and to this one nothing was ever written."""
    with Redis() as redis:
        until(lambda: uptime(redis) >= 12, 40, "the age of Redis")
        _, _, errors = run(redis.url, "lock", ["true"], wait=0)
        assert int(re.search(r"for another (\d+) s", errors).group(1)) <= 19
        # What was written may have been a lock, that was deleted.
        redis.command("FLUSHALL")
        _, _, errors = run(redis.url, "lock", ["true"], wait=0)
        assert int(re.search(r"for another (\d+) s", errors).group(1)) >= 29


@pytest.mark.parametrize("policy", ["volatile-lru", "allkeys-random"])
def test_a_redis_that_evicts_keys_grants_no_lock(policy):
    with Redis() as redis:
        skip_quarantine(redis)
        redis.command("CONFIG", "SET", "maxmemory-policy", policy)
        code, output, errors = run(redis.url, "lock", "echo ran")
        assert (code, output) == (69, "") and len(errors.splitlines()) == 1
        assert f"maxmemory-policy {policy}" in errors and "noeviction" in errors
        redis.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
        assert run(redis.url, "lock", "echo ran")[:2] == (0, "ran\n")


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
    assert holder.end()[:2] == (0, "ended\n")
    outputs = [waiter.end()[1].split() for waiter in waiters]
    assert [int(output[0]) for output in outputs] == [0, 1, 2, 3, 4]
    for place in (1, 2):
        numbers = [int(output[place]) for output in outputs]
        assert numbers == sorted(numbers) and len(set(numbers)) == 5


def test_the_same_lock_is_entered_again_at_once_with_the_same_token(shared, name):
    lock, other = name("lock"), name("other")
    inner = f"{BINARY} lock {lock} --wait 0 -- sh -c 'echo inside $SLUICE_LOCK_TOKEN; exit 7'"
    between = f"{BINARY} lock {other} --wait 0 -- sh -c \"{inner}\""
    for nested in (inner, between):
        script = f"echo outside $SLUICE_LOCK_TOKEN; {nested}; echo code $?; {BINARY} lock {lock} --wait 0 -- echo again"
        code, output, _ = run(shared.url, lock, script, REDIS_URL=shared.url)
        outside, inside, status, again = output.splitlines()
        assert code == 0 and outside.split()[1] == inside.split()[1] and (status, again) == ("code 7", "again")
    # It is given back once, by the one that got it.
    assert run(shared.url, lock, "echo ran", wait=0)[:2] == (0, "ran\n")


def test_nobody_else_enters_and_no_owner_of_before(shared, name, started):
    lock = name("lock")
    owner = run(shared.url, lock, "echo $SLUICE_LOCK_OWNER")[1]
    started(shared.url, lock, WORKER)
    for words in ("nobody", owner.strip()):
        assert run(shared.url, lock, "echo ran", wait=0, SLUICE_LOCK_OWNER=words)[:2] == (75, "")


def test_what_runs_inside_ends_with_the_lock(own, started):
    script = f"{BINARY} lock lock -- sh -c 'echo $$ $SLUICE_LOCK_TOKEN; trap \"\" TERM; while :; do sleep 0.05; done'"
    command, (pid, _) = started(own.url, "lock", script, ttl=3, REDIS_URL=own.url)
    own.freeze()
    assert command.end()[0] == 70
    until(lambda: not is_alive(pid), 10, "the end of what ran inside")


def test_a_wait_says_for_whom_and_how_long(shared, name, started):
    lock = name("lock")
    holder, _ = started(shared.url, lock, WORKER, ttl=30)
    code, _, errors = run(shared.url, lock, ["true"], wait=5)
    lines = errors.splitlines()
    assert code == 75 and len(lines) == 2
    assert 1 <= int(re.search(r"another has it, for (\d+) s still", lines[0]).group(1)) <= 30
    holder.signal(signal.SIGTERM)
    holder.end()


def test_standard_error_that_nobody_reads_costs_no_lock(shared, name):
    """The command has filled it; what `sluice lock` says does not wait behind that."""
    lock = name("lock")
    script = "yes >&2 & sleep 4; kill $!; echo done"
    with LockCommand(shared.url, lock, script, ttl=3) as command:
        command.process.wait(seconds(20))
        assert command.process.returncode == 0 and command.process.stdout.read() == "done\n"


def test_renewal(shared, name, started):
    lock = name("lock")
    started(shared.url, lock, WORKER, ttl=3)
    end = time.monotonic() + 5
    while time.monotonic() < end:
        assert shared.command("PTTL", f"sluice:{{locks}}:lock:{lock}") > 1000
        elapse(0.2)


def test_what_the_command_leaves_running_stays(shared, name):
    """After an end in order; and nothing else stays."""
    lock = name("left")
    code, output, _ = run(shared.url, lock, "sleep 600 >/dev/null 2>&1 & echo $!")
    assert code == 0
    until(lambda: processes(lock) == [], 5, "the end of all processes of sluice lock")
    assert is_alive(output.strip())
    os.kill(int(output), signal.SIGKILL)


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
