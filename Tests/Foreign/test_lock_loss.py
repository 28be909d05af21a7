"""Contract, section 8: what becomes of the command of `sluice lock` when somebody dies, or the lock is lost."""

import os
import signal
import time

import pytest
from fault_proxy import FaultProxy
from lock_command import DEAF, WORKER, boot_time, is_alive, own, processes, run, shared, skip_quarantine, started
from node import elapse, until
from redis import Redis

# Death


def test_kill_9(shared, name, started):
    """The command dies with `sluice lock`, and so does all that it has started."""
    lock = name("killed")
    command, (pid, child, token) = started(shared.url, lock, DEAF, ttl=3)
    begin = boot_time()
    command.signal(signal.SIGKILL)
    until(lambda: not is_alive(pid) and not is_alive(child), 5, "the end of the group")
    # Nobody gave the lock back: it comes free with its ttl, the next token is higher.
    code, output, _ = run(shared.url, lock, "echo $SLUICE_LOCK_TOKEN", wait=10)
    assert code == 0 and int(output) > int(token) and boot_time() - begin > 1.5
    # The guard of the second command leaves after it.
    until(lambda: processes(lock) == [], 5, "the end of all")


def test_guard_stands_before_the_command_runs(shared, name):
    """Whoever kills `sluice lock` as soon as the command says a word still ends all that it has started."""
    for _ in range(20):
        code, output, _ = run(shared.url, name("guarded"), "cat /proc/$PPID/task/$PPID/children")
        assert code == 0 and len(output.split()) == 2, "the command and its guard"


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
    assert code == 70 and output == "ended\n" and "is lost" in errors, result
    assert not is_alive(pid) and took < ttl + 1, "the ttl, and a second for giving the lock back"


def test_lost_to_a_frozen_redis(own, started):
    check_told(hold_until_lost(started, own, own.url, own.freeze))


def test_lost_to_a_killed_redis(own, started):
    check_told(hold_until_lost(started, own, own.url, own.kill))


def test_lost_to_a_black_hole(own, started):
    with FaultProxy(own.port) as proxy:
        check_told(hold_until_lost(started, own, f"redis://127.0.0.1:{proxy.port}", proxy.black_hole))


def test_lost_to_another_owner(own, started):
    """Somebody has taken the lock's key away: the next renewal shows that."""
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
    """While `sluice lock` itself stands still its guard ends the group before the ttl does."""
    command, (pid, child, token) = started(own.url, "lock", DEAF, ttl=3)
    elapse(2)
    command.freeze()
    ends = boot_time() + own.command("PTTL", "sluice:{locks}:lock:lock") / 1000
    until(lambda: not is_alive(pid) and not is_alive(child), 8, "the end of the group")
    assert boot_time() < ends
    code, output, _ = run(own.url, "lock", "echo $SLUICE_LOCK_TOKEN", wait=10)
    assert code == 0 and int(output) > int(token)
    command.signal(signal.SIGCONT)
    assert command.end()[0] == 70


def test_wiped_redis_is_told_by_the_holder(own, started):
    """The holder takes its lock into the new data; nobody else gets it, for a quarantine and as long as it holds."""
    command, (_, token) = started(own.url, "lock", WORKER, ttl=3)
    own.command("FLUSHALL")
    key = "sluice:{locks}:lock:lock"
    until(lambda: own.command("HGET", key, "token") == token.encode(), 5, "the reclaim")
    assert run(own.url, "lock", "echo ran", wait=0)[:2] == (75, "")
    command.signal(signal.SIGTERM)
    assert command.end()[:2] == (0, "ended\n")


@pytest.mark.parametrize("append_only", [True, False])
def test_restarted_redis(started, append_only):
    """With its data and without: the holder keeps its lock over a restart that is shorter than its lease."""
    with Redis(append_only=append_only) as redis:
        skip_quarantine(redis)
        command, (_, token) = started(redis.url, "lock", WORKER, ttl=10)
        redis.restart()
        key = "sluice:{locks}:lock:lock"
        until(lambda: redis.command("HGET", key, "token") == token.encode(), 10, "the lock in the new data")
        until(lambda: redis.command("PTTL", key) > 9000, 10, "a renewal")
        assert run(redis.url, "lock", "echo ran", wait=0)[:2] == (75, "")
        command.signal(signal.SIGTERM)
        assert command.end()[:2] == (0, "ended\n")
