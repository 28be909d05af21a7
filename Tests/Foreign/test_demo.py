"""`sluice demo`, as a person runs it: what it shows, how it ends, and that nothing is left of what it started."""

import os
import pathlib
import re
import shutil
import signal
import subprocess

import pytest
from node import BINARY, seconds, until
from redis import Redis

SCENES = 6
KEPT = {"HOME", "LANG", "LD_LIBRARY_PATH"}
FIGURES = re.compile(
    r"^(?P<scene>all|\d .+?)  +(?P<sent>\d+) +(?P<received>\d+) +(?P<lost>\d+) +(?P<duplicated>\d+)"
    r" +(?P<disordered>\d+) +\S+ m?s +(?P<result>ok|FAILED)$"
)
SKIPPED = re.compile(r"^(?P<scene>\d .+?)  +(- +){6}skipped$")


class Demo:
    """A run of the demo, with a folder of its own for temporary files."""

    def __init__(self, folder, *arguments, output=subprocess.PIPE, **variables):
        self.folder = folder
        environment = {
            name: value for name, value in os.environ.items() if name in KEPT or name.endswith("SAN_OPTIONS")
        }
        defaults = {"PATH": os.environ["PATH"], "TMPDIR": str(folder), "SWIFT_BACKTRACE": "enable=no"}
        # Load is the tests' own.
        defaults["GOVERNOR_DRY_RUN"] = "1"
        self.process = subprocess.Popen(
            [BINARY, "demo", *arguments],
            env=environment | defaults | variables,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.PIPE if output == subprocess.PIPE else output,
            text=output == subprocess.PIPE,
            start_new_session=True,
        )

    def end(self, bound=90):
        """Exit code, standard output, standard error."""
        output, errors = self.process.communicate(timeout=seconds(bound))
        return self.process.returncode, output, errors

    def line(self, text):
        """Reads standard output up to a line with this text."""
        for line in self.process.stdout:
            if text in line:
                return
        raise AssertionError(f"the demo ended without {text!r}")

    def children(self):
        """The programs that it has started and that live, by pid, with their command."""
        found = {}
        for entry in pathlib.Path("/proc").iterdir():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                if fields[1] == str(self.process.pid) and fields[0] != "Z":
                    found[int(entry.name)] = (entry / "cmdline").read_bytes().split(b"\0")[0].decode().split()[0]
            except (OSError, IndexError, ValueError):
                continue
        return found

    def is_tidy(self):
        """Nothing is left in the folder for temporary files."""
        return not list(self.folder.iterdir())


@pytest.fixture
def demo(tmp_path):
    runs = []

    def start(*arguments, **more):
        runs.append(Demo(tmp_path, *arguments, **more))
        return runs[-1]

    yield start
    for run in runs:
        if run.process.poll() is None:
            run.process.kill()
        run.process.wait()
        for stream in (run.process.stdout, run.process.stderr):
            if stream:
                stream.close()


def are_gone(pids):
    return not any(pathlib.Path(f"/proc/{pid}").exists() for pid in pids)


def table(output):
    """The rows of the table at the end, by the first character of their scene's title; None for a skipped one."""
    rows = {}
    for line in output[output.rindex("\nscene ") :].splitlines():
        if match := FIGURES.match(line):
            rows[match["scene"] if match["scene"] == "all" else int(match["scene"][0])] = match.groupdict()
        elif match := SKIPPED.match(line):
            rows[int(match["scene"][0])] = None
    return rows


def all_well(output, skipped=()):
    """The rows: every scene but the skipped ones is there, and nothing was lost, doubled or out of order."""
    rows = table(output)
    assert set(rows) == {*range(1, SCENES + 1), "all"}, output
    for scene, row in rows.items():
        assert (row is None) == (scene in skipped), output
        if row:
            assert int(row["sent"]) > 0 and int(row["received"]) >= int(row["sent"]), output
            assert (row["lost"], row["duplicated"], row["disordered"], row["result"]) == ("0", "0", "0", "ok"), output
    figures = [row for scene, row in rows.items() if row and scene != "all"]
    for column in ("sent", "received"):
        assert int(rows["all"][column]) == sum(int(row[column]) for row in figures)
    assert f"Everything arrived, once and in order: {SCENES - len(skipped)} scenes" in output
    return rows


def test_all_scenes(demo):
    """Plain lines where there is no terminal."""
    run = demo()
    code, output, errors = run.end()
    assert code == 0 and errors == "", output + errors
    rows = all_well(output)
    assert (int(rows[1]["sent"]), int(rows[1]["received"])) == (500, 2500)
    assert "FAILED" not in output and output.isascii() and "\r" not in output
    assert run.is_tidy()


def on_terminal(demo, *arguments, **variables):
    """Exit code and what a terminal gets."""
    primary, secondary = os.openpty()
    run = demo(*arguments, output=secondary, **variables)
    os.close(secondary)
    output = b""
    try:
        while part := os.read(primary, 65536):
            output += part
    except OSError:
        pass
    os.close(primary)
    return run.process.wait(seconds(20)), output.decode()


def test_symbols_and_colours_on_a_terminal(demo):
    """With one node the scenes that need more are skipped, and say so. The step that is under way is shown."""
    code, output = on_terminal(demo, "--nodes", "1", "--clients", "2", TERM="xterm")
    assert code == 0, output
    assert "\x1b[32m✓\x1b[0m" in output and "✗" not in output and "  … they talk" in output
    assert output.count("needs --nodes 2 or more") == 4


def test_no_color(demo):
    code, output = on_terminal(demo, "--nodes", "1", "--clients", "1", TERM="xterm", NO_COLOR="1")
    assert code == 0 and "✓" in output, output
    # Erasing a line is no colour.
    assert set(re.findall(r"\x1b\[[0-9;]*[a-zA-Z]", output)) == {"\x1b[K"}
    all_well(output.replace("\r\n", "\n"), skipped={2, 3, 4, 5})


def test_a_given_redis_is_left_alone(demo):
    """REDIS_URL: that Redis is neither stopped nor emptied, and its password shown to nobody."""
    with Redis(password="hush") as redis:
        redis.command("SET", "key", "value")
        run_id = redis.command("INFO", "server").split(b"run_id:")[1][:40]
        run = demo("--nodes", "2", "--clients", "2", REDIS_URL=redis.url)
        code, output, errors = run.end()
        assert code == 0 and errors == "", output + errors
        all_well(output, skipped={6})
        assert "REDIS_URL" in output and "hush" not in output
        assert redis.command("GET", "key") == b"value"
        assert redis.command("INFO", "server").split(b"run_id:")[1][:40] == run_id
        # No room of the demo stays, and nothing else for ever.
        assert redis.command("ZRANGE", "sluice:rooms", 0, -1) == []
        # The tokens of locks and links rise for ever: what counts them stays.
        lasting = [key for key in redis.command("KEYS", "*") if redis.command("PTTL", key) == -1]
        counters = {b"sluice:{locks}:generation", b"sluice:{links}:generation"}
        assert set(lasting) - counters == {b"key"}


def test_without_redis_server(demo, tmp_path_factory):
    run = demo(PATH=str(tmp_path_factory.mktemp("bin")))
    code, output, errors = run.end(10)
    assert code == 69 and output == "", output
    assert "redis-server" in errors and "apt install redis-server" in errors and len(errors.splitlines()) == 1
    assert run.is_tidy()


def test_a_given_redis_that_does_not_answer(demo):
    code, output, errors = demo(REDIS_URL="redis://:hush@127.0.0.1:1").end(10)
    assert code == 69 and output == "", output
    assert "REDIS_URL" in errors and "127.0.0.1:1" in errors and "hush" not in errors, errors


def test_bad_configuration(demo):
    code, output, errors = demo(REDIS_URL="http://x").end(10)
    assert code == 78 and output == "" and "REDIS_URL" in errors


@pytest.mark.parametrize(
    "arguments,words",
    [
        (["--nodes", "0"], ["--nodes is 0", "1 to 9"]),
        (["--nodes", "10"], ["--nodes is 10", "1 to 9"]),
        (["--clients", "0"], ["--clients is 0", "1 to 100"]),
        (["--clients", "101"], ["--clients is 101", "1 to 100"]),
        (["--nodes", "many"], ["many"]),
        (["--unknown"], ["--unknown"]),
    ],
)
def test_refused_options(demo, arguments, words):
    code, output, errors = demo(*arguments).end(10)
    assert code == 64 and output == ""
    assert all(word in errors for word in words), errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_all_that_was_started(demo, number):
    run = demo()
    run.line("1 One order")
    children = run.children()
    assert sorted(children.values()) == ["redis-server"] + 3 * ["sluice"]
    # As a terminal does: to the whole group, of which the programs are not.
    os.killpg(run.process.pid, number)
    code, output, errors = run.end(30)
    assert code == 128 + number and errors == "", output + errors
    assert "Ended early" in output and "FAILED nodes" not in output
    assert are_gone(children) and run.is_tidy()


def test_a_second_interrupt_ends_at_once(demo):
    """Even when what is to end does not."""
    run = demo()
    run.line("1 One order")
    children = run.children()
    for pid in children:
        os.kill(pid, signal.SIGSTOP)
    run.process.send_signal(signal.SIGINT)
    run.line("Ending")
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(seconds(10)) == 128 + signal.SIGINT
    until(lambda: are_gone(children), what="the end of the programs")


def test_kill_leaves_no_programs(demo):
    run = demo()
    run.line("1 One order")
    children = run.children()
    assert len(children) == 4
    run.process.kill()
    run.process.wait()
    until(lambda: are_gone(children), what="the end of the programs")


def test_a_node_that_dies_is_a_failure(demo):
    """What nobody asked for is reported, with the place of the logs, which stay; and it counts."""
    run = demo("--nodes", "2", "--clients", "2")
    run.line("1 One order")
    victim = next(pid for pid, name in run.children().items() if name == "sluice")
    os.kill(victim, signal.SIGKILL)
    code, output, _ = run.end()
    assert code == 1, output
    assert "has ended by itself with status 137" in output and re.search(r"\d scenes? failed", output)
    logs = pathlib.Path(re.search(r"logs .* are in (\S+)", output)[1])
    assert {path.name for path in logs.glob("*.log")} == {"demo-1.log", "demo-2.log", "redis.log"}
    shutil.rmtree(logs)
