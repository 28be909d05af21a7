"""Contract, sections 7 and 8: `sluice check-redis` against a real Redis, and through a network that goes wrong."""

import re
import socket
import time

import pytest
from fault_proxy import FaultProxy
from node import Node
from redis import Redis

STEPS = ["resolve", "connect", "TLS", "auth", "ping", "role", "memory", "write", "scripts", "pub/sub"]


def check(url, bound=30.0, **settings):
    """Exit code, and the words of each step's line: step, outcome, text."""
    node = Node(arguments=["check-redis"], REDIS_URL=url, **settings).launch()
    try:
        code = node.wait(bound)
        return code, [re.split(r"\s+", line, maxsplit=2) for line in node.log.splitlines()], node.log
    finally:
        node.folder.cleanup()


@pytest.fixture(scope="module")
def redis():
    with Redis() as redis:
        yield redis


def test_all_is_well(redis):
    code, lines, log = check(f"redis://localhost:{redis.port}/3")
    assert code == 0, log
    assert [line[0] for line in lines] == STEPS
    assert [line[1] for line in lines] == ["ok", "ok", "skipped", "skipped"] + 6 * ["ok"], log
    assert lines[5][2].startswith("master") and lines[6][2].startswith("noeviction"), log
    assert "127.0.0.1" in lines[0][2] and f"127.0.0.1:{redis.port}" in lines[1][2] and "Redis " in lines[4][2]
    # It leaves nothing behind.
    assert redis.command("DBSIZE") == 0 and redis.command("PUBSUB", "CHANNELS") == []


@pytest.mark.parametrize("user", [None, "ann"])
def test_password(user):
    with Redis(user=user, password="p@ss:/%hush") as redis:
        place = f"127.0.0.1:{redis.port}"
        right = "p%40ss%3A%2F%25hush"
        code, lines, log = check(f"redis://{user or ''}:{right}@{place}")
        assert code == 0 and lines[3][1] == "ok" and "hush" not in log, log
        if not user:
            assert check(f"redis://{right}@{place}")[0] == 0
            code, lines, log = check(f"redis://{place}")
            assert code == 69 and lines[-1][:2] == ["auth", "FAILED"] and "NOAUTH" in log, log
        code, lines, log = check(f"redis://{user or ''}:wrongpass@{place}")
        assert code == 69 and lines[-1][:2] == ["auth", "FAILED"] and "wrongpass" not in log, log


def test_rights():
    """What a user may not do shows at its step."""
    cases = [
        (["-eval"], "scripts"),
        (["-subscribe"], "pub/sub"),
        (["-publish"], "pub/sub"),
        (["-xadd"], "write"),
        (["resetkeys", "~other:*"], "write"),
        (["resetchannels", "&other"], "pub/sub"),
    ]
    for rights, step in cases:
        with Redis("--user", "ann", "on", ">pw", "~*", "&*", "+@all", *rights) as redis:
            code, lines, log = check(f"redis://ann:pw@127.0.0.1:{redis.port}")
            assert code == 69 and lines[-1][:2] == [step, "FAILED"] and "NOPERM" in log, log


def test_all_rights_that_are_missing_are_named():
    with Redis("--user", "ann", "on", ">pw", "~*", "&*", "+@all", "-zadd", "-scan", "-hget") as redis:
        code, lines, log = check(f"redis://ann:pw@127.0.0.1:{redis.port}")
        assert code == 69 and lines[-1][:2] == ["write", "FAILED"], log
        assert "+hget +zadd +scan" in log and "~sluice:*" in log, log
        # Who may not ask is not stopped by that.
        redis.command("ACL", "SETUSER", "ann", "+@all", "-info")
        code, lines, log = check(f"redis://ann:pw@127.0.0.1:{redis.port}")
        assert [line[1] for line in lines[5:8]] == ["skipped", "skipped", "FAILED"] and "+info" in log, log


def test_a_replica_is_no_place_to_write():
    with Redis() as master, Redis("--replicaof", "127.0.0.1", str(master.port)) as replica:
        code, lines, log = check(replica.url)
        assert code == 69 and lines[-1][:2] == ["role", "FAILED"], log
        assert f"read-only replica of 127.0.0.1:{master.port}" in log and "lead REDIS_URL to the master" in log
        assert check(master.url)[0] == 0


@pytest.mark.parametrize(
    "setting,words",
    [
        (("maxmemory", 1), "out of memory"),
        (("min-replicas-to-write", 1), "not enough replicas"),
    ],
)
def test_writes_that_are_refused(setting, words):
    with Redis() as redis:
        redis.command("CONFIG", "SET", *setting)
        code, lines, log = check(redis.url)
        assert code == 69 and lines[-1][:2] == ["write", "FAILED"] and words in log, log
        redis.command("CONFIG", "SET", setting[0], 0)
        assert check(redis.url)[0] == 0


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
def test_a_policy_that_takes_keys_away_is_a_warning(policy):
    with Redis("--maxmemory-policy", policy, "--maxmemory", "100mb") as redis:
        code, lines, log = check(redis.url)
        assert code == 0 and lines[6][:2] == ["memory", "warning"], log
        assert policy in log and "set maxmemory-policy noeviction" in log


def test_database_that_is_not_there(redis):
    code, lines, log = check(f"{redis.url}/99")
    assert code == 69 and lines[-1][:2] == ["auth", "FAILED"] and "SELECT" in log, log


def test_nobody_there():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    code, lines, log = check(f"redis://127.0.0.1:{port}")
    assert code == 69 and lines[-1][:2] == ["connect", "FAILED"], log
    assert f"127.0.0.1:{port}" in log and "Connection refused" in log


def test_name_without_address():
    code, lines, log = check("redis://no-such-host.invalid")
    assert code == 69 and [line[:2] for line in lines] == [["resolve", "FAILED"]] and "no-such-host" in log, log


def test_not_redis(gateway):
    """Something else listens there."""
    code, lines, log = check(f"redis://127.0.0.1:{gateway.port}")
    assert code == 69 and lines[-1][1] == "FAILED" and lines[-1][0] in {"auth", "ping"}, log


def test_frozen(redis):
    """The kernel takes the connection, nobody answers: REDIS_TIMEOUT ends it."""
    redis.freeze()
    try:
        started = time.monotonic()
        code, lines, log = check(redis.url, REDIS_TIMEOUT="0.5")
        assert code == 69 and lines[-1][:2] == ["ping", "FAILED"], log
        assert time.monotonic() - started >= 0.5
    finally:
        redis.thaw()


def test_black_hole(redis):
    with FaultProxy(redis.port) as proxy:
        proxy.black_hole()
        code, lines, log = check(f"redis://127.0.0.1:{proxy.port}", REDIS_TIMEOUT="0.5")
        assert code == 69 and lines[-1][:2] == ["ping", "FAILED"], log
        proxy.restore()
        assert check(f"redis://127.0.0.1:{proxy.port}")[0] == 0


def test_cut(redis):
    with FaultProxy(redis.port) as proxy:
        proxy.refuse()
        code, lines, log = check(f"redis://127.0.0.1:{proxy.port}")
        assert code == 69 and lines[-1][1] == "FAILED" and proxy.accepted == 1, log
        proxy.accept_again()
        assert check(f"redis://127.0.0.1:{proxy.port}")[0] == 0


def test_slow_network(redis):
    """Slow is not broken: each answer takes 2 x 100 ms, and the times say so."""
    with FaultProxy(redis.port) as proxy:
        proxy.delay = 0.1
        code, lines, log = check(f"redis://127.0.0.1:{proxy.port}")
        assert code == 0, log
        assert float(lines[4][2].split()[0]) >= 200, log


@pytest.mark.parametrize(
    "url,word",
    [
        (None, "not set"),
        ("", "not set"),
        ("redisss://:hush@127.0.0.1", "rediss://"),
        ("redis://:hush@127.0.0.1:0", "port"),
        ("redis://:hush@127.0.0.1/hush", "database"),
        ("127.0.0.1:6379", "redis://"),
    ],
)
def test_bad_url(url, word):
    """Exit 78 and one line, without the secret."""
    code, _, log = check(url)
    assert code == 78 and len(log.splitlines()) == 1, log
    assert "REDIS_URL" in log and word in log and "hush" not in log, log


def test_bad_timeout(redis):
    code, _, log = check(redis.url, REDIS_TIMEOUT="0.05")
    assert code == 78 and "REDIS_TIMEOUT" in log and "0.05" in log and "0.1" in log, log


def test_dotenv(redis, tmp_path):
    (tmp_path / ".env").write_text(f"REDIS_URL={redis.url}\n")
    assert check(None, cwd=str(tmp_path))[0] == 0


def test_restarts():
    """Of the server's own means, which other tests rest upon."""
    with Redis(append_only=True) as redis:
        redis.command("SET", "key", "value")
        run = redis.command("INFO", "server")
        assert redis.restart().command("GET", "key") == b"value"
        assert redis.command("INFO", "server") != run
        assert redis.restart(empty=True).command("GET", "key") is None
        redis.command("SET", "key", "value")
        redis.stop()
        assert redis.start().command("GET", "key") == b"value"
