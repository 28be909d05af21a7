"""Contract, sections 3 and 4, tiers: the kernel's files move the node, an operator holds it, a dry run does nothing.

The kernel's files are the test's own. The delays of the node's loops are real, so their marks are put out of reach.
"""

import csv
import io
import json
import os
import pathlib
import shutil
import signal
import tempfile

import pytest
from client import Client
from node import elapse, seconds, until

MEBIBYTE = 1 << 20
LIMIT = 1000 * MEBIBYTE
DEAF = "loop_lag=100000:200000,queue_delay=100000:200000"
TIERS = ["normal", "light", "moderate", "heavy"]


class Kernel:
    """A folder with /proc and control groups in it."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-kernel-"))
        (self.folder / "cgroup").mkdir()
        self.write("proc/self/statm", "90000 12800 300 50 0 4000 0\n")
        self.write("proc/meminfo", "MemTotal: 8388608 kB\nMemAvailable: 6000000 kB\n")

    def write(self, path, text):
        """In one step, as a file of the kernel changes."""
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        made = place.with_suffix(".new")
        made.write_text(text)
        os.replace(made, place)

    @property
    def settings(self):
        return {
            "PROC_ROOT": self.folder / "proc",
            "CGROUP_ROOT": self.folder / "cgroup",
            "GOVERNOR_SIGNAL_MARKS": DEAF,
            "GOVERNOR_DRY_RUN": "0",
        }


class GroupsV2:
    """The node's own group has the limit."""

    def __init__(self, kernel):
        self.kernel = kernel
        kernel.write("proc/self/cgroup", "0::/app/node\n")
        kernel.write("cgroup/cgroup.controllers", "cpu io memory\n")
        kernel.write("cgroup/app/node/memory.max", f"{LIMIT}\n")
        kernel.write("cgroup/app/node/memory.stat", f"anon 1\ninactive_file {10 * MEBIBYTE}\n")

    def use(self, share):
        self.kernel.write("cgroup/app/node/memory.current", f"{int(LIMIT * share) + 10 * MEBIBYTE}\n")


class GroupsV1:
    """The path is that of the host: the root of the mount is the node's group."""

    def __init__(self, kernel):
        self.kernel = kernel
        kernel.write("proc/self/cgroup", "4:memory:/docker/abcdef\n2:cpu,cpuacct:/docker/abcdef\n")
        kernel.write("cgroup/memory/memory.limit_in_bytes", f"{LIMIT}\n")

    def use(self, share):
        self.kernel.write("cgroup/memory/memory.usage_in_bytes", f"{int(LIMIT * share)}\n")


class Machine:
    """No control groups at all."""

    def __init__(self, kernel):
        self.kernel = kernel

    def use(self, share):
        available = int(8388608 * (1 - share))
        self.kernel.write("proc/meminfo", f"MemTotal: 8388608 kB\nMemAvailable: {available} kB\n")


@pytest.fixture
def kernel():
    made = Kernel()
    yield made
    shutil.rmtree(made.folder)


def governor(node):
    return node.get("/api/system/status").json["governor"]


def until_tier(node, tier, bound=15):
    return until(lambda: (found := governor(node))["tier"] == tier and found, bound, f"tier {tier}")


def test_memory_alone_moves_the_tier(make_node, kernel):
    """Up by its mark, at once to heavy in an emergency, and down one tier at a time when it is over."""
    groups = GroupsV2(kernel)
    groups.use(0.3)
    node = make_node(**kernel.settings)
    found = until(lambda: (now := governor(node))["signals"].get("memory") and now, what="a sample")
    assert found["tier"] == "normal" and found["transitions"] == [] and found["reason"] == ""
    assert found["signals"]["memory"] == {"value": 0.3, "unit": "ratio", "kind": "own", "pressure": 0}
    assert not found["pinned"] and not found["dry_run"] and found["suspended"] == []
    groups.use(0.90)
    found = until_tier(node, "moderate")
    assert found["reason"] == "memory" and found["pressure"] >= 0.75
    assert node.get("/health").json["tier"] == "moderate" and node.get("/ready").status == 200
    assert node.get("/api/nodes").json["nodes"][0]["tier"] == "moderate"
    groups.use(0.96)
    found = until_tier(node, "heavy")
    assert found["suspended"] == ["history", "users", "new_connections"], "memory slows no messages"
    refused = node.get("/ready")
    assert refused.status == 503 and refused.code == "unavailable" and int(refused.headers["retry-after"]) > 0
    assert node.get("/health").json["status"] == "ok"
    groups.use(0.3)
    found = until_tier(node, "normal", 60)
    assert node.get("/ready").status == 200
    changes = found["transitions"]
    assert [change["from"] for change in changes] == ["normal"] + [change["to"] for change in changes[:-1]]
    downwards = [change["to"] for change in changes][-3:]
    assert downwards == ["moderate", "light", "normal"]
    assert all(change["reason"] == "memory" for change in changes[:-3])
    assert changes[-1]["at"] == found["since_at"]
    lines = [line for line in node.log.splitlines() if "the tier changes" in line]
    assert len(lines) == len(changes)


@pytest.mark.parametrize("system", [GroupsV1, Machine])
def test_other_machines(make_node, kernel, system):
    machine = system(kernel)
    machine.use(0.5)
    node = make_node(**kernel.settings)
    found = until(lambda: (now := governor(node))["signals"].get("memory") and now, what="a sample")
    # Of the machine's own memory there is nothing to say.
    assert found.get("memory_limit_bytes") == (LIMIT if system is GroupsV1 else None)
    machine.use(0.89)
    assert until_tier(node, "moderate")["signals"]["memory"]["value"] == pytest.approx(0.89, abs=0.001)


def test_a_configured_limit(make_node, kernel):
    """12,800 pages of resident memory are half of it."""
    node = make_node(**kernel.settings, GOVERNOR_MEMORY_LIMIT_BYTES=2 * 12800 * os.sysconf("SC_PAGESIZE"))
    found = until(lambda: (now := governor(node))["signals"].get("memory") and now, what="a sample")
    assert found["signals"]["memory"]["value"] == 0.5
    assert found["memory_limit_bytes"] == 2 * 12800 * os.sysconf("SC_PAGESIZE")


def test_files_that_are_missing_or_garbled(make_node, kernel):
    """What can't be read is not listed, and is no alarm."""
    for text in ["", "garbage\n", "99999999999999999999999999\n", "\0"]:
        for path in ["proc/self/statm", "proc/self/stat", "proc/stat", "proc/meminfo", "proc/pressure/memory"]:
            kernel.write(path, text)
        kernel.write("proc/self/cgroup", text)
        node = make_node(**kernel.settings)
        found = until(lambda: (now := governor(node))["signals"] and now, what="a sample")
        elapse(1)
        found = governor(node)
        assert {"loop_lag", "queue_delay", "connections"} <= set(found["signals"])
        assert not {"memory", "cpu", "host_cpu", "memory_some"} & set(found["signals"])
        assert found["tier"] == "normal" and found["transitions"] == []


def test_holding_a_tier(make_node, kernel):
    node = make_node(**kernel.settings)
    for tier in ["moderate", "heavy", "light", "normal", "light"]:
        answer = node.put("/api/system/tier", {"tier": tier})
        assert answer.status == 200 and answer.json == {"tier": tier, "pinned": True}
        assert node.get("/health").json["tier"] == tier
        assert node.get("/ready").status == (503 if tier == "heavy" else 200)
    found = governor(node)
    assert found["pinned"] and found["tier"] == "light"
    assert [change["reason"] for change in found["transitions"]] == ["pinned"] * 5
    # What would be an emergency does not move it.
    Machine(kernel).use(0.99)
    until(lambda: governor(node)["pressure"] == 1, what="the emergency")
    assert governor(node)["tier"] == "light"
    Machine(kernel).use(0.2)
    until(lambda: governor(node)["pressure"] < 0.5, 15, "the end of the emergency")
    answer = node.put("/api/system/tier", {"tier": "auto"})
    assert answer.status == 200 and answer.json == {"tier": "normal", "pinned": False}
    assert node.put("/api/system/tier", {"tier": "auto"}).json == {"tier": "normal", "pinned": False}


def test_what_is_no_tier(make_node, kernel):
    node = make_node(**kernel.settings)
    for body in [{}, {"tier": "extreme"}, {"tier": 1}, {"tier": None}, {"tier": "Heavy"}, {"tier": ""}, []]:
        answer = node.put("/api/system/tier", body)
        assert answer.status == 400 and answer.code == "bad_request", body
    message = node.put("/api/system/tier", {"tier": "extreme"}).json["error"]["message"]
    assert all(name in message for name in ["auto", *TIERS])
    assert node.put("/api/system/tier", b"").status == 415
    assert node.put("/api/system/tier", b"tier=heavy", headers={"Content-Type": "text/plain"}).status == 415
    assert node.put("/api/system/tier", b"{", headers={"Content-Type": "application/json"}).status == 400
    wrong = node.post("/api/system/tier", {"tier": "heavy"})
    assert wrong.status == 405 and "PUT" in wrong.headers["allow"]
    found = governor(node)
    assert found["tier"] == "normal" and not found["pinned"]


def test_who_may_hold_a_tier(make_node, kernel):
    node = make_node(**kernel.settings)
    stranger = node.put("/api/system/tier", {"tier": "heavy"}, headers={"X-Forwarded-For": "192.0.2.7"})
    assert stranger.status == 403 and stranger.code == "forbidden"
    node = make_node(**kernel.settings, API_KEY="open-sesame")
    assert node.put("/api/system/tier", {"tier": "heavy"}).status == 401
    key = {"X-API-Key": "open-sesame"}
    assert node.put("/api/system/tier", {"tier": "heavy"}, headers=key).json == {"tier": "heavy", "pinned": True}


def test_dry_run(make_node, kernel):
    """Everything is decided and said, and nothing done."""
    groups = GroupsV2(kernel)
    groups.use(0.96)
    node = make_node(**kernel.settings | {"GOVERNOR_DRY_RUN": "1"})
    found = until_tier(node, "heavy")
    assert found["dry_run"] and found["suspended"] == [] and found["reason"] == "memory"
    assert node.get("/ready").status == 200 and node.get("/health").json["tier"] == "normal"
    assert node.get("/api/nodes").json["nodes"][0]["tier"] == "normal"
    assert "this is a dry run" in node.log and "the tier changes" not in node.log


def lines(answer):
    """The trace's lines, once there is one."""
    assert answer.status in {200, 503}, answer
    return [json.loads(line) for line in answer.body.splitlines()] if answer.status == 200 else []


def test_the_trace_of_an_incident(make_node, kernel):
    node = make_node(**kernel.settings)
    Machine(kernel).use(0.99)

    def trace():
        found = [line for line in lines(node.get("/api/system/governor/trace?seconds=60")) if line["kind"] == "sample"]
        return found if any(line["tier"] == "heavy" for line in found) else None

    found = until(trace, what="the emergency in the trace")
    assert all(line["v"] == 1 and line["at"] > 1.6e12 for line in found)
    times = [line["now_ms"] for line in found]
    assert times == sorted(times)
    heavy = next(line for line in found if line["tier"] == "heavy")
    assert heavy["emergency"] == "memory_exhausted" and heavy["reason"] == "memory"
    assert heavy["signals"]["memory"]["value"] > 0.95 and heavy["inner"]["refused_per_second"] == 0

    def table():
        answer = node.get("/api/system/governor/trace", headers={"Accept": "text/csv"})
        return answer if answer.status == 200 else None

    answer = until(table, what="the trace as CSV")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
    assert any(row["tier"] == "heavy" and row["emergency"] == "memory_exhausted" for row in rows)
    assert all(None not in row and None not in row.values() for row in rows)
    assert node.get("/api/system/governor/trace?seconds=601").status == 400


def test_who_may_read_the_trace(make_node, kernel):
    node = make_node(**kernel.settings, API_KEY="open-sesame")
    assert node.get("/api/system/governor/trace").status == 401
    assert node.get("/api/system/governor/trace", headers={"X-API-Key": "open-sesame"}).status == 200


def test_a_node_that_was_stopped_blames_nobody(make_node, kernel, room):
    """A process that stood still as a whole has no worker that stands still, and its loops are late through no load."""
    node = make_node(**kernel.settings | {"GOVERNOR_SIGNAL_MARKS": "queue_delay=1000:2000"})
    until(lambda: governor(node)["signals"], what="a sample")
    before = len(governor(node)["transitions"])
    for _ in range(3):
        node.process.send_signal(signal.SIGSTOP)
        elapse(1.5)
        node.process.send_signal(signal.SIGCONT)
        with Client(node, room, "ann") as ann:
            ann.say("still served")
        elapse(1.5)
    found = governor(node)
    assert len(found["transitions"]) == before, found["transitions"]


def test_sampling_costs_little(make_node):
    """Figures are looked at elsewhere; that they are there, here."""
    node = make_node()
    found = until(lambda: (now := governor(node))["sampling_cpu_percent"] > 0 and now, seconds(10), "samples")
    assert found["signals"]["loop_lag"]["unit"] == "ms" and found["signals"]["open_files"]["value"] > 0
    assert set(found["shed_total"]) >= {"typing", "messages", "directs", "connections", "http"}
