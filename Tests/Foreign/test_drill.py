"""`sluice drill`: each moves what it is about on a running node, undoes what it did, and the node comes back.

What the machine itself does to a node under test is put out of its sight: marks that nothing reaches, or a /proc of the
test's own.
"""

import csv
import io
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

import pytest
from client import Client
from node import BINARY, free_port, seconds, until

MEGABYTE = 1_000_000
# What a test looks at is not the machine's load.
OTHERS = ["loop_lag", "queue_delay", "cpu", "cpu_throttled", "memory_some", "memory_full", "host_cpu", "steal"]
OTHERS += ["cpu_pressure", "io_pressure", "redis_roundtrip"]
DEAF = ",".join(f"{name}=100000:200000" for name in OTHERS)
SETTINGS = {"GOVERNOR_DRY_RUN": "0", "GOVERNOR_SIGNAL_MARKS": DEAF}
TABLE = re.compile(r"^(time to \w+|worst tier|shed|normal again|drill) {2,}(.+)$", re.M)


class Drill:
    """A run of a drill."""

    def __init__(self, folder, name, node, *arguments):
        self.json_path = folder / f"{name}.json"
        url = node if isinstance(node, str) else f"ws://127.0.0.1:{node.port}"
        self.process = subprocess.Popen(
            [BINARY, "drill", name, "--url", url, "--json", self.json_path, *[str(word) for word in arguments]],
            env={"SWIFT_BACKTRACE": "enable=no", **{name: os.environ[name] for name in ["PATH", "HOME"]}},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def end(self, bound=120):
        """Exit code, standard output, standard error."""
        output, errors = self.process.communicate(timeout=seconds(bound))
        return self.process.returncode, output, errors

    def line(self, pattern):
        """Reads standard output up to a line that matches."""
        for line in self.process.stdout:
            if re.search(pattern, line):
                return line
        raise AssertionError(f"the drill ended without {pattern!r}: {self.process.stderr.read()}")

    def well(self):
        """It has ended with 0; what it showed since the last look, the rows of its table, and its figures."""
        code, output, errors = self.end()
        assert code == 0 and errors == "", output + errors
        assert "The node is normal again." in output
        figures = json.loads(self.json_path.read_text())
        assert not figures["interrupted"] and figures["normal_after_ms"] >= 0
        return output, dict(TABLE.findall(output)), figures


class Machine:
    """A /proc and control groups of the test's own: a machine without limits, as busy as is said."""

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-machine-"))
        self.settings = {"PROC_ROOT": self.folder, "CGROUP_ROOT": self.folder / "cgroup"}
        (self.folder / "self").mkdir()
        (self.folder / "self/statm").write_text("90000 12800 300 50 0 4000 0\n")
        (self.folder / "meminfo").write_text("MemTotal: 8388608 kB\nMemAvailable: 6000000 kB\n")
        self.ticks = 1000
        self.busy = 0
        self.goes_on(False)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder)

    def goes_on(self, is_busy):
        """For a second."""
        self.ticks += 100
        self.busy += 100 if is_busy else 0
        made = self.folder / "stat.new"
        made.write_text(f"cpu  {self.busy} 0 0 {self.ticks - self.busy} 0 0 0 0 0 0\n")
        os.replace(made, self.folder / "stat")


@pytest.fixture
def drill(tmp_path):
    runs = []

    def start(name, node, *arguments):
        runs.append(Drill(tmp_path, name, node, *arguments))
        return runs[-1]

    yield start
    for run in runs:
        if run.process.poll() is None:
            run.process.kill()
        run.process.wait()
        run.process.stdout.close()
        run.process.stderr.close()


def status(node):
    return node.get("/api/system/status").json


def is_tidy(node):
    """Nothing is left of a drill."""
    until(lambda: status(node)["rooms"] == 0, what="the end of the drill's rooms")
    until(lambda: status(node)["connections"]["current"] == 0, what="the end of the drill's connections")
    return True


def test_memory(make_node, drill):
    """The node's memory comes close to the share that was asked for, not over it, and is free again afterwards."""
    # Of itself a node keeps less than a quarter of its limit.
    limits = {"GOVERNOR_MEMORY_LIMIT_BYTES": 250 * MEGABYTE, "STORED_BYTES_MAX": 250 * MEGABYTE}
    node = make_node(**SETTINGS, **limits)
    output, rows, figures = drill("memory", node, "--seconds", int(seconds(18)), "--to", 0.93).well()
    shares = [sample["signals"]["memory"] for sample in figures["samples"] if "memory" in sample["signals"]]
    assert 0.88 < max(shares) < 0.94, (max(shares), output)
    assert figures["worst_tier"] in {"moderate", "heavy"} and figures["reason"] == "memory"
    assert 0 < figures["time_to_ms"]["light"] <= figures["time_to_ms"]["moderate"]
    assert rows["worst tier"].endswith("(memory)") and "after the end" in rows["normal again"]
    assert is_tidy(node)
    tiers = [change["to"] for change in status(node)["governor"]["transitions"]]
    assert tiers[-1] == "normal" and "moderate" in tiers
    # What the rooms held is the machine's again, else the node would be under pressure for ever.
    assert status(node)["governor"]["signals"]["memory"]["value"] < 0.6


def test_memory_of_a_small_store(make_node, drill):
    """A node whose histories may take a quarter of its memory never comes to the share: the drill says what to set."""
    limit = 250 * MEGABYTE
    node = make_node(**SETTINGS, GOVERNOR_MEMORY_LIMIT_BYTES=limit)
    until(lambda: "memory" in status(node)["governor"]["signals"], what="a look at the memory")
    code, output, errors = drill("memory", node).end(20)
    assert code == 64 and output == "", (output, errors)
    assert f"STORED_BYTES_MAX={limit}" in errors
    share = float(errors.split("--to ")[1].split()[0])
    assert 0.25 < share < 0.8, errors
    # With what it says it comes there.
    output, rows, figures = drill("memory", node, "--to", share, "--seconds", int(seconds(18))).well()
    shares = [sample["signals"]["memory"] for sample in figures["samples"] if "memory" in sample["signals"]]
    assert share - 0.05 < max(shares) < share + 0.03, (max(shares), output)


def test_memory_refused(make_node, drill, redis):
    """Where it would fill something else, or more than somebody has agreed to."""
    with Machine() as machine:
        node = make_node(**SETTINGS, **machine.settings)
        code, output, errors = drill("memory", node).end(20)
        assert code == 64 and output == "" and "GOVERNOR_MEMORY_LIMIT_BYTES" in errors and "--anyway" in errors
        # What was agreed to is done, and no more.
        run = drill("memory", node, "--anyway", "--bytes", 2 * MEGABYTE, "--to", 0.99, "--seconds", 4)
        assert " 2 MB of messages" in run.line("Ctrl-C ends it")
        output, rows, figures = run.well()
        messages = int(re.search(r"with (\d+) messages", rows["drill"])[1])
        assert 1 < messages <= 126
    node = make_node(**SETTINGS, GOVERNOR_MEMORY_LIMIT_BYTES=20 * MEGABYTE)
    code, output, errors = drill("memory", node, "--to", 0.1).end(20)
    assert code == 64 and output == "" and "already" in errors
    shared = make_node(**SETTINGS, REDIS_URL=redis.url, GOVERNOR_MEMORY_LIMIT_BYTES=500 * MEGABYTE)
    until(lambda: status(shared)["mode"] == "cluster", what="Redis")
    code, output, errors = drill("memory", shared).end(20)
    assert code == 64 and output == "" and "Redis" in errors
    assert is_tidy(node) and is_tidy(shared)


def test_files(make_node, drill):
    node = make_node(**SETTINGS, MAX_CONNECTIONS=400)
    with Client(node, "lobby", "ann"):
        run = drill("files", node, "--seconds", 8)
        run.line(r"connections 0\.9[45]\d +379 connections")
        assert status(node)["connections"]["current"] == 380
        output, rows, figures = run.well()
        # The drill's own are gone, and nobody else's.
        until(lambda: status(node)["connections"]["current"] == 1, what="the end of the drill's connections")
    assert figures["worst_tier"] == "light" and figures["reason"] == "connections"
    assert rows["time to moderate"] == "-" and rows["drill"].startswith("379 connections of 379")
    # Requests for the status count while they are open.
    assert 0.95 <= max(sample["signals"]["connections"] for sample in figures["samples"]) < 0.96
    until(lambda: status(node)["rooms"] <= 1, what="the end of the drill's rooms")


def test_files_of_this_process(make_node, tmp_path):
    """A process that may have few files open says so, and opens what it can."""
    node = make_node(**SETTINGS, MAX_CONNECTIONS=400)
    words = ["drill", "files", "--url", f"ws://127.0.0.1:{node.port}", "--seconds", "2"]
    limited = ["sh", "-c", 'ulimit -n 132 && exec "$0" "$@"', BINARY, *words]
    done = subprocess.run(limited, capture_output=True, text=True, timeout=seconds(60))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "100 connections are opened" in done.stdout and "380 would be wanted" in done.stdout
    assert "ulimit -n" in done.stdout and "100 connections of 100 were open" in done.stdout


def test_slow_readers(make_node, drill):
    """What waits for them presses; then the node cuts them off."""
    node = make_node(**SETTINGS, GOVERNOR_MEMORY_LIMIT_BYTES=200 * MEGABYTE, SEND_QUEUE_BYTES=4 * MEGABYTE)
    arguments = ["--seconds", int(seconds(14)), "--connections", 12, "--message-rate", 25]
    output, rows, figures = drill("slow-readers", node, *arguments).well()
    # How far it goes before the readers are cut off depends on how fast they are.
    assert figures["worst_tier"] in {"light", "moderate", "heavy"} and figures["reason"] == "send_queue"
    assert "12 slow readers closed by the node (4102)" in rows["drill"], output
    assert is_tidy(node)


def test_redis(make_node, drill, redis):
    """The node goes on alone, keeps what it accepts, and commits it afterwards."""
    node = make_node(**SETTINGS, REDIS_URL=redis.url)
    until(lambda: status(node)["mode"] == "cluster", what="Redis")
    output, rows, figures = drill("redis", node, "--redis-url", redis.url, "--seconds", 7).well()
    assert {sample["mode"] for sample in figures["samples"]} == {"cluster", "degraded"}
    assert re.search(r"degraded, outbox [1-9]\d*", output)
    accepted, kept = re.search(r"(\d+) messages were accepted, of them (\d+) into the outbox", rows["drill"]).groups()
    assert int(accepted) >= int(kept) > 0
    found = status(node)
    assert found["mode"] == "cluster" and found["redis"]["outbox_messages"] == 0
    assert found["redis"]["last_resync"]["messages"] >= int(kept) - 1
    assert is_tidy(node) and redis.command("ZRANGE", "sluice:rooms", 0, -1) == []


def test_redis_goes_on_when_the_drill_is_killed(make_node, drill, redis):
    """No pause outlives the process by more than a moment."""
    node = make_node(**SETTINGS, REDIS_URL=redis.url)
    until(lambda: status(node)["mode"] == "cluster", what="Redis")
    run = drill("redis", node, "--redis-url", redis.url, "--seconds", 600)
    run.line("degraded, outbox")
    run.process.kill()
    run.process.wait()
    assert redis.command("PING", bound=5) == b"PONG"
    until(lambda: status(node)["mode"] == "cluster", 20, "Redis again")


def test_redis_refused(make_node, drill, redis):
    node = make_node(**SETTINGS)
    code, output, errors = drill("redis", node, "--redis-url", redis.url).end(20)
    assert code == 64 and output == "" and "REDIS_URL" in errors
    shared = make_node(**SETTINGS, REDIS_URL=redis.url)
    until(lambda: status(shared)["mode"] == "cluster", what="Redis")
    code, output, errors = drill("redis", shared, "--redis-url", f"redis://:hush@127.0.0.1:{free_port()}").end(20)
    assert code == 69 and output == "" and "127.0.0.1" in errors and "hush" not in errors


def threads_of(pid):
    """CPU time of each thread of the drill that computes, in ticks."""
    found = {}
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*"):
        try:
            name, rest = re.search(r"\((.*)\) (.*)", (task / "stat").read_text()).groups()
        except (FileNotFoundError, ProcessLookupError):
            continue  # It has ended since the list was read.
        if name == "drill":
            fields = rest.split()
            found[int(task.name)] = int(fields[11]) + int(fields[12])
    return found


def host_pressure(node):
    return status(node)["governor"]["signals"].get("host_cpu", {}).get("pressure", 0)


def test_cpu(make_node, drill):
    """The threads that were asked for compute; the node sees a busy machine meanwhile, and gives up nothing."""
    with Machine() as machine:
        settings = SETTINGS | {"GOVERNOR_SIGNAL_MARKS": "loop_lag=100000:200000,queue_delay=100000:200000"}
        node = make_node(**settings, **machine.settings)
        run = drill("cpu", node, "--threads", 3, "--seconds", 6)
        run.line(r"^ +1 s .* 3 threads")
        before = until(lambda: len(found := threads_of(run.process.pid)) == 3 and found, what="three threads")
        pid = run.process.pid
        until(lambda: all(threads_of(pid)[task] > before[task] for task in before), what="work of all three")
        until(lambda: machine.goes_on(True) or host_pressure(node) > 0.9, what="the cause is seen")
        run.line("The strain ends.")
        until(lambda: threads_of(run.process.pid) == {}, what="the end of the threads")
        until(lambda: machine.goes_on(False) or host_pressure(node) < 0.5, 30, "its end")
        assert status(node)["governor"]["transitions"] == []
        _, _, figures = run.well()
    assert figures["worst_tier"] == "normal" and figures["reason"] == ""


def test_a_drill_is_recorded(make_node, drill, tmp_path):
    with Machine() as machine:
        node = make_node(**SETTINGS, **machine.settings)
        path = tmp_path / "trace.csv"
        output, _, _ = drill("cpu", node, "--seconds", 2, "--threads", 1, "--record", path).well()
        rows = list(csv.DictReader(io.StringIO(path.read_text())))
        assert f"The governor's trace is in {path}: {len(rows) + 1} lines." in output
        # Four samples a second, from before the drill until the node was normal again.
        assert len(rows) >= 8 and {row["tier"] for row in rows if row["kind"] == "sample"} == {"normal"}


@pytest.mark.parametrize("name", ["trace.jsonl", "trace.csv"])
def test_record_writes_the_trace(make_node, tmp_path, name):
    node = make_node(API_KEY="open-sesame")
    path = tmp_path / name

    def record(*arguments):
        url = f"ws://127.0.0.1:{node.port}"
        return subprocess.run(
            [BINARY, "drill", "record", path, "--url", url, "--seconds", "5", *arguments],
            capture_output=True,
            text=True,
            timeout=seconds(60),
        )

    refused = record()
    assert refused.returncode == 64 and "401" in refused.stderr and not path.exists()

    def trace():
        """What was said, and the lines; a node that has just started has taken no sample yet."""
        done = record("--api-key", "open-sesame")
        lines = path.read_text().splitlines() if done.returncode == 0 else []
        return (done.stdout, lines) if len(lines) > 1 else None

    said, lines = until(trace, what="a trace")
    assert said == f"{path}: {len(lines)} lines\n"
    assert lines[0].startswith("v,kind,at," if name.endswith("csv") else '{"v":1,"kind":"')
    path.unlink()
    path.mkdir()
    assert record("--api-key", "open-sesame").returncode == 73


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_undoes(make_node, drill, number):
    limits = {"GOVERNOR_MEMORY_LIMIT_BYTES": 400 * MEGABYTE, "STORED_BYTES_MAX": 400 * MEGABYTE}
    node = make_node(**SETTINGS, **limits)
    run = drill("memory", node, "--seconds", 60)
    run.line(r"^ +3 s ")
    assert len(node.get("/api/rooms").json["rooms"]) > 0
    run.process.send_signal(number)
    code, output, errors = run.end(30)
    assert code == 128 + number and errors == "", output + errors
    assert "Ended early" in output and TABLE.search(output)
    assert json.loads(run.json_path.read_text())["interrupted"]
    assert is_tidy(node)


def test_a_node_that_ends(make_node, drill):
    """That is not taken for a return to normal."""
    node = make_node(**SETTINGS, MAX_CONNECTIONS=200)
    run = drill("files", node, "--seconds", 3, "--settle", 3)
    run.line(r"^ +1 s ")
    node.stop()
    code, output, errors = run.end(90)
    assert code in {1, 69}, output + errors
    assert "was not normal again" in output


def test_a_node_that_stays_under_pressure(make_node, drill):
    """Exit status 1 when it is not back in time."""
    node = make_node(**SETTINGS, MAX_CONNECTIONS=200)
    with Client(node, "lobby", "ann"):
        run = drill("files", node, "--seconds", 5, "--settle", 1)
        code, output, errors = run.end(60)
    assert code == 1 and "was not normal again within 1 s" in output, output + errors
    assert "normal_after_ms" not in json.loads(run.json_path.read_text())


def test_a_node_that_is_held(make_node, drill):
    """It is said that its tier will not move."""
    node = make_node(**SETTINGS, MAX_CONNECTIONS=100)
    assert node.put("/api/system/tier", {"tier": "normal"}).status == 200
    output, rows, figures = drill("files", node, "--seconds", 2).well()
    assert "holds the node at normal" in output and rows["worst tier"] == "normal"


def test_api_key(make_node, drill):
    node = make_node(**SETTINGS, MAX_CONNECTIONS=100, API_KEY="open-sesame")
    code, output, errors = drill("files", node).end(20)
    assert code == 64 and output == "" and "--api-key" in errors
    drill("files", node, "--seconds", 1, "--api-key", "open-sesame").well()
    assert node.get("/api/rooms", headers={"X-API-Key": "open-sesame"}).json["rooms"] == []


def test_no_node(drill):
    code, output, errors = drill("cpu", f"ws://127.0.0.1:{free_port()}").end(30)
    assert code == 69 and output == "" and "does not answer" in errors


@pytest.mark.parametrize(
    "name,arguments,words",
    [
        ("cpu", ["--url", "ws://192.0.2.1:8000"], ["192.0.2.1", "--anywhere"]),
        ("cpu", ["--url", "http://127.0.0.1"], ["--url", "ws://HOST"]),
        ("cpu", ["--threads", "0"], ["--threads is 0", "1 to 256"]),
        ("cpu", ["--seconds", "0"], ["--seconds is 0", "1 to 600"]),
        ("cpu", ["--seconds", "601"], ["--seconds is 601", "1 to 600"]),
        ("cpu", ["--settle", "0"], ["--settle is 0", "1 to 600"]),
        ("cpu", ["--api-key", "a b"], ["--api-key"]),
        ("memory", ["--to", "0.05"], ["--to is 0.05", "0.1 to 0.99"]),
        ("memory", ["--to", "1"], ["--to is 1.0", "0.1 to 0.99"]),
        ("files", ["--to", "1.1"], ["--to is 1.1", "0.1 to 1.0"]),
        ("slow-readers", ["--connections", "401"], ["--connections is 401", "1 to 400"]),
        ("slow-readers", ["--message-rate", "0"], ["--message-rate is 0", "1 to 1000"]),
        ("redis", [], ["redis-url"]),
        ("redis", ["--redis-url", "http://127.0.0.1"], ["redis://"]),
        ("redis", ["--redis-url", "redis://:hush@192.0.2.1"], ["192.0.2.1", "--anywhere"]),
        ("disks", [], ["disks"]),
    ],
)
def test_refused_options(name, arguments, words):
    done = subprocess.run([BINARY, "drill", name, *arguments], capture_output=True, text=True, timeout=seconds(20))
    assert done.returncode == 64 and done.stdout == ""
    assert all(word in done.stderr for word in words) and "hush" not in done.stderr, done.stderr


def test_the_node_is_the_one_that_is_meant(make_node):
    """PORT names it, as for `serve`. Where nothing does, whoever is there is not strained by accident."""
    node = make_node(**SETTINGS)

    def drill(folder, *arguments, **variables):
        variables |= {name: os.environ[name] for name in ["PATH", "HOME"]}
        words = [BINARY, "drill", "cpu", "--threads", "1", "--seconds", "1", *arguments]
        return subprocess.run(words, env=variables, cwd=folder, capture_output=True, text=True, timeout=seconds(120))

    with tempfile.TemporaryDirectory() as folder:
        named = drill(folder, PORT=str(node.port))
        assert f"(ws://127.0.0.1:{node.port})" in named.stdout, named.stdout + named.stderr
        (pathlib.Path(folder) / ".env").write_text(f"PORT={node.port}\n")
        assert f"(ws://127.0.0.1:{node.port})" in drill(folder).stdout
        wrong = drill(folder, PORT="x")
        assert wrong.returncode == 64 and "ws://127.0.0.1:x" in wrong.stderr
