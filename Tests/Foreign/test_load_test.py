"""The real load tool against real nodes, and against a server that lies: exit status, report, counts."""

import http
import json
import os
import re
import signal
import socket
import subprocess

import pytest
from lying_server import LyingServer
from node import ROOT, Node, free_port, seconds, until

LOAD_TEST = os.environ.get("LOAD_TEST_BIN", str(ROOT / ".build/release/load_test"))


def command(port, *arguments):
    ports = port if isinstance(port, list) else [port]
    urls = ",".join(f"ws://127.0.0.1:{port}" for port in ports)
    return [LOAD_TEST, "--url", urls, *[str(argument) for argument in arguments]]


class Run:
    """A finished run: `status`, `output`, `errors`, `report` (the JSON file, None when there is none)."""

    def __init__(self, port, *arguments, bound=60, folder):
        path = folder / "report.json"
        done = subprocess.run(
            [*command(port, *arguments), "--json", str(path)], capture_output=True, text=True, timeout=seconds(bound)
        )
        self.status, self.output, self.errors = done.returncode, done.stdout, done.stderr
        self.report = json.loads(path.read_text()) if path.exists() else None


@pytest.fixture
def load(tmp_path):
    return lambda port, *arguments, **more: Run(port, *arguments, folder=tmp_path, **more)


@pytest.fixture(scope="module")
def fast_node():
    """A node that limits nobody, so that rates are the tool's own."""
    node = Node(MESSAGES_PER_SECOND=1000000).start()
    yield node
    node.stop()


def is_clean(run, are_cut=False):
    """No breach of what the server promises, and a report that agrees with itself.

    Connections that are cut may have messages on their way whose ack they never see."""
    assert run.status == 0, run.output + run.errors
    messages, connections = run.report["messages"], run.report["connections"]
    assert [messages[name] for name in ["lost", "duplicated", "misordered", "corrupted", "gaps"]] == [0] * 5
    unacked = messages["sent"] - sum(messages["refused"].values()) - messages["acked"]
    assert 0 <= unacked <= 200 if are_cut else unacked == 0
    assert connections["handshake"]["count"] == connections["opened"]
    phases = run.report["phases"]
    assert all(phase["startSecond"] <= phase["endSecond"] for phase in phases)
    assert not run.report["run"]["endedEarly"]
    return run.report


SCENARIOS = {
    "broadcast": (["--message-rate", 200], 1, 10),
    "small-rooms": (["--message-rate", 200], 10, 100),
    "echo": (["--message-rate", 200], 50, 50),
}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_messages(fast_node, load, scenario):
    """Everybody gets everything: in a room of n members each message reaches the n - 1 others."""
    arguments, rooms, senders = SCENARIOS[scenario]
    report = is_clean(load(fast_node.port, "--scenario", scenario, "--connections", 100, "--duration", 2, *arguments))
    messages = report["messages"]
    assert report["connections"]["opened"] == 100 and report["connections"]["failed"] == {}
    assert messages["delivered"] == messages["sent"] * (100 // rooms - 1)
    # 2 s and the warm-up of 0.2 s, on schedule.
    assert 350 <= messages["sent"] <= 600
    assert messages["delivery"]["count"] <= messages["delivered"]
    latency = messages["delivery"]
    assert 0 < latency["p50"] <= latency["p90"] <= latency["p99"] <= latency["p999"] <= latency["max"]
    assert [phase["name"] for phase in report["phases"]] == ["connect", "warm-up", "measure", "settle"]
    options = {option["name"]: option["value"] for option in report["run"]["options"]}
    assert options["rooms"] == str(rooms) and options["senders"] == str(senders)
    assert report["servers"][0]["pid"] == fast_node.process.pid
    assert sum(sample["sent"] for sample in report["timeline"]) <= messages["sent"]


def test_closed_loop(fast_node, load, tmp_path):
    page = tmp_path / "report.html"
    run = load(
        fast_node.port, "--connections", 20, "--window", 8, "--senders", 2, "--duration", 1, "--html", page
    )
    messages = is_clean(run)["messages"]
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert messages["delivered"] == messages["sent"] * 19
    assert messages["sent"] > 100


def test_several_processes(fast_node, load):
    """Histograms and counts of all processes; a room has members in each, and loss is counted over all of them."""
    run = load(fast_node.port, "--connections", 90, "--processes", 3, "--senders", 9, "--duration", 1.5)
    report = is_clean(run)
    assert report["run"]["processes"] == 3 and report["connections"]["opened"] == 90
    assert report["messages"]["delivered"] == report["messages"]["sent"] * 89


def test_several_nodes(fast_node, gateway, load):
    """Nodes that are no cluster: all members of a room are on one of them."""
    ports = [fast_node.port, gateway.port]
    run = load(ports, "--scenario", "small-rooms", "--connections", 100, "--message-rate", 100, "--duration", 1)
    report = is_clean(run)
    assert report["messages"]["delivered"] == report["messages"]["sent"] * 9
    assert {server["pid"] for server in report["servers"]} == {fast_node.process.pid, gateway.process.pid}


def test_idle(fast_node, load):
    report = is_clean(load(fast_node.port, "--scenario", "idle", "--connections", 300, "--rate", 1000, "--duration", 1))
    assert report["connections"]["opened"] == 300 and report["messages"]["sent"] == 0
    # The schedule says 0.3 s; a machine that is busy with other things takes longer, never less.
    assert report["connections"]["perSecond"] <= 1100


@pytest.mark.parametrize("rate", [None, 100])
def test_churn(fast_node, load, rate):
    limits = ["--rate", rate] if rate else []
    report = is_clean(load(fast_node.port, "--scenario", "churn", "--connections", 20, "--duration", 2, *limits))
    connections = report["connections"]
    assert connections["failed"] == {} and set(connections["closeCodes"]) == {"1000"}
    if rate:
        # The end of a step is seen at the next tick, a quarter of a second later at most.
            assert connections["opened"] <= 230
    assert connections["opened"] > 100
    until(lambda: fast_node.get("/api/system/status").json["connections"]["current"] == 0)


def test_resume_storm(fast_node, load):
    """Everybody is cut, comes back with a position, and misses nothing of what was said meanwhile."""
    run = load(
        fast_node.port, "--scenario", "resume-storm", "--connections", 200, "--message-rate", 500, "--duration", 2
    )
    report = is_clean(run, are_cut=True)
    storm = report["storm"]
    assert storm["connections"] == 200 and storm["gaps"] == 0 and storm["recoverySeconds"] > 0
    assert report["connections"]["opened"] == 400
    assert [phase["name"] for phase in report["phases"]] == ["connect", "before", "storm", "after", "settle"]
    assert "storm" in run.output and "all back after" in run.output


def test_overload(fast_node, load):
    run = load(
        fast_node.port, "--scenario", "overload", "--connections", 50, "--capacity", 200, "--duration", 5, "--rooms", 5
    )
    report = is_clean(run)
    steps = report["steps"]
    assert [step["name"] for step in steps] == ["1x", "2x", "5x", "10x", "recovery"]
    assert [step["offeredPerSecond"] for step in steps] == [200, 400, 1000, 2000, 100]
    # A node takes far more than that.
    assert all(step["goodputPerSecond"] > 0.5 * step["offeredPerSecond"] for step in steps)


def test_overload_finds_the_capacity(fast_node, load):
    run = load(fast_node.port, "--scenario", "overload", "--connections", 20, "--duration", 3, bound=120)
    # At ten times of what it can do the node closes readers that can't follow; what it acked still has to come.
    assert run.status == 0 and set(run.report["connections"]["closeCodes"]) <= {"4102"}, run.output + run.errors
    steps = run.report["steps"]
    search = next(phase for phase in run.report["phases"] if phase["name"] == "search")
    assert search["endSecond"] - search["startSecond"] >= 1.9
    assert 500 < steps[0]["offeredPerSecond"] < 5_000_000
    assert steps[3]["offeredPerSecond"] == pytest.approx(10 * steps[0]["offeredPerSecond"])


def test_rate_limit_is_said(make_node, load):
    """What the server refuses is counted, not lost; a closed loop waits as long as the server asks."""
    node = make_node(MESSAGES_PER_SECOND=5)
    run = load(node.port, "--scenario", "echo", "--connections", 2, "--duration", 3)
    report = is_clean(run)
    refused = report["messages"]["refused"]
    assert refused["rate_limited"] > 0 and set(refused) == {"rate_limited"}
    assert 10 <= report["messages"]["acked"] <= 40
    assert "MESSAGES_PER_SECOND" in run.output
    assert report["connections"]["closeCodes"] == {}


def test_api_key(make_node, load):
    """Without the key the node's status stays unknown, and the run works all the same."""
    node = make_node(API_KEY="secret")
    for extra in [[], ["--api-key", "secret"]]:
        is_clean(load(node.port, "--connections", 10, "--duration", 1, *extra))


# A server that breaks its promises


@pytest.mark.parametrize(
    "lie,field", [("drop", "lost"), ("twice", "duplicated"), ("swap", "misordered"), ("alter", "corrupted")]
)
@pytest.mark.parametrize("processes", [1, 2])
def test_lies_are_found_and_counted(load, lie, field, processes):
    with LyingServer(lambda seq: lie if seq % 10 == 0 else None) as server:
        run = load(
            server.port, "--connections", 8, "--senders", 1, "--message-rate", 100, "--duration", 2,
            "--processes", processes,
        )
        spoiled = server.spoiled[lie]
    assert run.status == 1, run.output + run.errors
    messages = run.report["messages"]
    assert spoiled > 50 and messages["sent"] == messages["acked"]
    found = {name: messages[name] for name in ["lost", "duplicated", "misordered", "corrupted"]}
    expected = dict.fromkeys(found, 0) | {field: spoiled}
    if lie == "swap":
        # What was held back last has nothing behind it, and never came.
        held = found["lost"]
        assert held <= 7
        expected = expected | {"lost": held, "misordered": spoiled - held}
    if lie == "alter":
        # The view of a place that came first is the one that others are compared with. Mostly that is the ack; should
        # the altered content come before it, the ack is what differs, once for all seven members, and the sender's
        # order is broken on top. In another process than the sender's there is no ack, and that order alone shows it.
        assert sum(found.values()) >= (spoiled // 7 if processes == 1 else 1)
        return
    assert found == expected


def test_the_tail_is_not_forgotten(load):
    """Nothing comes after what was lost: only the newest ack shows it."""
    with LyingServer(lambda seq: "drop" if seq > 100 else None) as server:
        run = load(server.port, "--connections", 5, "--senders", 1, "--message-rate", 100, "--duration", 2)
        spoiled = server.spoiled["drop"]
    assert run.status == 1 and spoiled > 0
    assert run.report["messages"]["lost"] == spoiled


# Ends and refusals


def test_nobody_there(load, tmp_path):
    port = free_port()
    run = load(port, "--connections", 3, "--duration", 1, "--html", tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()
    assert run.status == 69 and run.report is None
    assert f"ws://127.0.0.1:{port}" in run.errors and "connect: Connection refused (3)" in run.errors


def test_a_server_that_refuses(load):
    def refuse(connection, _):
        return connection.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, "")

    with LyingServer(lambda _: None, process_request=refuse) as server:
        run = load(server.port, "--connections", 2, "--duration", 1)
    assert run.status == 69 and "HTTP 503 (2)" in run.errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_still_reports(fast_node, tmp_path, number):
    path = tmp_path / "report.json"
    process = subprocess.Popen(
        [*command(fast_node.port, "--connections", 20, "--duration", 60), "--json", str(path)],
        stdout=subprocess.PIPE, text=True, start_new_session=True,
    )
    until_sent(fast_node)
    # As a terminal does: to the whole group.
    os.killpg(process.pid, number)
    output, _ = process.communicate(timeout=seconds(20))
    assert process.returncode == 0 and "ended early" in output
    report = json.loads(path.read_text())
    assert report["run"]["endedEarly"] and report["messages"]["sent"] > 0 and report["messages"]["lost"] == 0


def test_a_second_interrupt_ends_at_once(tmp_path):
    """Also when the server never answers; nothing is left behind."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = subprocess.Popen(
            command(listener.getsockname()[1], "--connections", 5, "--duration", 60),
            stdout=subprocess.PIPE, text=True, start_new_session=True,
        )
        for line in process.stdout:
            if line.startswith("connect"):
                break
        process.send_signal(signal.SIGINT)
        for line in process.stdout:
            if line.startswith("interrupted"):
                break
        process.send_signal(signal.SIGINT)
        assert process.wait(seconds(10)) == 128 + signal.SIGINT
        # The loading process has noticed, and is gone with its group.
        until(lambda: not group_lives(process.pid), what="the end of the loading process")
        process.stdout.close()


def group_lives(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def until_sent(node):
    before = node.get("/api/system/status").json["messages"]["committed_total"]
    until(lambda: node.get("/api/system/status").json["messages"]["committed_total"] > before + 10)


@pytest.mark.parametrize(
    "arguments,words",
    [
        (["--scenario", "idle", "--message-rate", "5"], ["--message-rate", "idle", "--rooms"]),
        (["--scenario", "churn", "--payload-bytes", "100"], ["--payload-bytes", "churn"]),
        (["--window", "2", "--message-rate", "5"], ["--window", "--message-rate"]),
        (["--payload-bytes", "35"], ["--payload-bytes", "36"]),
        (["--connections", "0"], ["--connections", "1 to 10000000"]),
        (["--scenario", "unheard-of"], ["small-rooms"]),
        (["--url", "http://127.0.0.1"], ["--url", "ws://HOST"]),
        (["--unknown"], ["--unknown"]),
    ],
)
def test_refused_options(arguments, words):
    done = subprocess.run([LOAD_TEST, *arguments], capture_output=True, text=True, timeout=seconds(10))
    assert done.returncode == 64 and done.stdout == ""
    assert all(word in done.stderr for word in words), done.stderr


def test_progress_on_a_terminal(fast_node):
    """On a terminal one line is written over; it shows phase, connections and the rate of deliveries."""
    primary, secondary = os.openpty()
    process = subprocess.Popen(
        command(fast_node.port, "--connections", 20, "--duration", 2), stdout=secondary, stderr=secondary
    )
    os.close(secondary)
    output = b""
    try:
        while part := os.read(primary, 65536):
            output += part
    except OSError:
        pass
    os.close(primary)
    assert process.wait(seconds(20)) == 0
    assert re.search(rb"\r +\d+ s  measure  20 connected  [^\n]*delivered/s[^\n]*\x1b\[K", output), output
