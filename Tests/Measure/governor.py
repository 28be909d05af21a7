#!/usr/bin/env python3
"""Measures what the governor buys: each row with it and with GOVERNOR_DRY_RUN=1, in turn. Prints the table of
docs/degradation.md.

    SLUICE_BIN=.build/release/sluice LOAD_TEST_BIN=.build/release/load_test \\
        Tests/Measure/governor.py [--capacity 16000] [--only neighbour light overload hot shed] [--seconds 10]

For a quiet machine with two processors or more: the node has one worker, on processor 0, and the load comes from
processor 1. `--capacity` is what counts as 1x, in messages per second of 2,000 clients in 200 rooms. All rows take some
nine minutes, on 127.0.0.0/8; a constant overload of ten minutes is in the tests' simulation (`PlantTests`). A figure is
left out where load_test says that the machine was the limit; then the row says so.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Support"))
import node as nodes  # noqa: E402

LOAD_TEST = os.environ.get("LOAD_TEST_BIN", str(nodes.ROOT / ".build/release/load_test"))
TIERS = ["normal", "light", "moderate", "heavy"]
NODE_PROCESSOR, LOAD_PROCESSOR = "0", "1"
SETTLE = 45.0


def row(*cells):
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def head(title, *cells):
    print(f"\n**{title}**\n", flush=True)
    row(*cells)
    print("|" + "---|" * len(cells), flush=True)


@contextlib.contextmanager
def node(is_dry, **settings):
    made = nodes.Node(WORKERS=1, MESSAGES_PER_SECOND=100_000, GOVERNOR_DRY_RUN=int(is_dry), **settings)
    made.start()
    subprocess.run(["taskset", "-apc", NODE_PROCESSOR, str(made.process.pid)], check=True, stdout=subprocess.DEVNULL)
    try:
        yield made
    finally:
        made.stop()


class Load:
    """A run of load_test; `report` waits for its figures.

    One that shares its processor with another one can come before it (`is_first`), so that its figures are the node's
    and not those of its neighbour; where that is not allowed, it is as any.
    """

    FIRST = ["chrt", "--fifo", "1"]

    def __init__(self, of, scenario, seconds, is_first=False, **options):
        self.file = tempfile.NamedTemporaryFile(suffix=".json")
        words = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        before = self.FIRST if is_first and self.may_be_first() else []
        self.process = subprocess.Popen(
            [*before, "taskset", "-c", LOAD_PROCESSOR, LOAD_TEST, "--url", f"ws://127.0.0.1:{of.port}"]
            + ["--scenario", scenario, f"--duration={seconds}", "--json", self.file.name, *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    @classmethod
    def may_be_first(cls):
        return subprocess.run([*cls.FIRST, "true"], stderr=subprocess.DEVNULL).returncode == 0

    def report(self):
        self.process.wait(timeout=300)
        report = json.loads(pathlib.Path(self.file.name).read_text())
        self.file.close()
        return report


def was_late(report):
    return (report.get("tool") or {}).get("latenessP99", 0) > 20


def figure(report, latency):
    """The p50 and p99 of a latency, as text."""
    late = ", load_test late" if was_late(report) else ""
    return f"{latency['p50']:.1f} / {latency['p99']:.1f} ms{late}"


def governor(of):
    return of.get("/api/system/status").json["governor"]


def worst(of):
    return max([change["to"] for change in governor(of)["transitions"]], key=TIERS.index, default="normal")


def burn(processor, end):
    os.sched_setaffinity(0, {processor})
    while time.monotonic() < end:
        pass


@contextlib.contextmanager
def neighbours(seconds):
    """Two busy loops on each of the two processors."""
    end = time.monotonic() + seconds
    loops = [multiprocessing.Process(target=burn, args=(number % 2, end), daemon=True) for number in range(4)]
    for loop in loops:
        loop.start()
    yield
    for loop in loops:
        loop.terminate()
        loop.join()


def neighbour(wanted):
    head("A neighbour", "own load", "governor", "p50 / p99 alone", "p50 / p99 beside it", "worst tier", "refused")
    seconds = 3 * wanted.seconds
    for share in [0, 0.3]:
        rate = max(int(wanted.capacity * share), 20)
        for is_dry in [False, True]:
            with node(is_dry) as made:
                clients = {"connections": 200, "rooms": 20, "message_rate": rate}
                alone = Load(made, "small-rooms", wanted.seconds, **clients).report()
                with neighbours(seconds + 30):
                    beside = Load(made, "small-rooms", seconds, **clients).report()
                refused = sum(beside["messages"]["refused"].values())
                row(
                    f"{share:.0%}",
                    "dry run" if is_dry else "on",
                    figure(alone, alone["messages"]["delivery"]),
                    figure(beside, beside["messages"]["delivery"]),
                    worst(made),
                    refused,
                )


def light(wanted):
    head("Light, held by an operator", "tier", "ack p50 / p99", "refused")
    with node(False) as made:
        for tier in ["normal", "light", "normal", "light"]:
            assert made.put("/api/system/tier", {"tier": tier}).status == 200
            report = Load(
                made, "small-rooms", wanted.seconds, connections=200, rooms=20, message_rate=int(wanted.capacity * 0.1)
            ).report()
            refused = sum(report["messages"]["refused"].values())
            row(tier, figure(report, report["messages"]["ack"]), refused)


def overload(wanted):
    head("Overload", "offered", "governor", "goodput", "p99", "refused", "worst tier", "normal after")
    runs = {}
    for is_dry in [False, True]:
        with node(is_dry) as made:
            runs[is_dry] = Load(
                made,
                "overload",
                6 * wanted.seconds,
                connections=2000,
                rooms=200,
                capacity=wanted.capacity,
            ).report()
            runs[is_dry]["changes"] = len(governor(made)["transitions"])
    for steps in zip(runs[False]["steps"], runs[True]["steps"], strict=True):
        for step, is_dry in zip(steps, [False, True], strict=True):
            goodput = step["goodputPerSecond"]
            row(
                step["name"],
                "dry run" if is_dry else "on",
                f"{goodput:,.0f} ({goodput / wanted.capacity:.0%})",
                f"{step['p99']:.0f} ms",
                f"{step['refusedPerSecond']:,.0f} per second",
                step.get("worstTier") or "-",
                f"{step['recoverySeconds']:.1f} s" if step.get("recoverySeconds") is not None else "-",
            )
    print(f"\nTransitions of the run: {runs[False]['changes']}.")
    for is_dry, run in runs.items():
        limits = run.get("tool") or {}
        print(
            f"{'Dry run' if is_dry else 'On'}: load_test late by {limits.get('latenessP99', 0):.1f} ms (p99), "
            f"processors in use {limits.get('hostBusyShare', 0):.0%}."
        )


def hot(wanted):
    """A room at ten times what the node carries, beside 99 quiet rooms of two."""
    head("A hot room", "governor", "99 rooms alone", "beside the hot room", "heaviest", "refused in the hot room")
    quiet = {"connections": 198, "rooms": 99, "message_rate": 198}
    for is_dry in [False, True]:
        with node(is_dry) as made:
            alone = Load(made, "small-rooms", wanted.seconds, is_first=True, **quiet).report()
            # 1x is ten deliveries for each message.
            rate = max(10 * wanted.capacity * 10 // 500, 1)
            crowd = {"connections": 500, "rooms": 1, "senders": 100, "message_rate": rate}
            storm = Load(made, "broadcast", 2 * wanted.seconds, **crowd)
            time.sleep(wanted.seconds / 2)
            beside = Load(made, "small-rooms", wanted.seconds, is_first=True, **quiet).report()
            heaviest = governor(made).get("heaviest", {}).get("kind", "-")
            refused = sum(storm.report()["messages"]["refused"].values())
            row(
                "dry run" if is_dry else "on",
                figure(alone, alone["messages"]["delivery"]),
                figure(beside, beside["messages"]["delivery"]),
                heaviest,
                refused,
            )


def shed(wanted):
    """A step from a tenth of the capacity to ten times of it."""
    head("A step", "offered", "inner controller after", "tier after", "worst tier", "normal after", "transitions")
    for factor in [4, 10]:
        with node(False) as made:
            clients = {"connections": 2000, "rooms": 200}
            Load(made, "small-rooms", 3, message_rate=wanted.capacity // 10, **clients).report()
            Load(made, "small-rooms", wanted.seconds, message_rate=wanted.capacity * factor, **clients).report()
            ended = time.monotonic() * 1000
            end = time.monotonic() + SETTLE
            while time.monotonic() < end and governor(made)["tier"] != "normal":
                time.sleep(0.25)
            lines = trace(made, int(wanted.seconds + SETTLE) + 15)
            samples = [line for line in lines if line["kind"] == "sample"]
            loads = [line["inner"]["goodput_per_second"] for line in samples]
            loaded = [line["now_ms"] for line, load in zip(samples, loads, strict=True) if load > wanted.capacity]
            began = min(loaded, default=0)
            inner = [line["now_ms"] for line in lines if line["kind"] == "inner" and line["round_ms"] > 0]
            above = [line["now_ms"] for line in samples if line["tier"] != "normal"]
            # The sample that shows the load first has begun an interval before.
            first = [time - began + 250 for time in inner if time >= began - 250]
            row(
                f"{factor}x",
                f"{min(first):.0f} ms" if first else "-",
                f"{min(above) - began + 250:.0f} ms" if above else "-",
                worst(made),
                f"{(max(above) - ended) / 1000:.1f} s" if above and max(above) > ended else "at once",
                len(governor(made)["transitions"]),
            )


def trace(of, seconds):
    answer = nodes.until(
        lambda: (found := of.get(f"/api/system/governor/trace?seconds={seconds}")).status == 200 and found,
        what="a trace",
    )
    return [json.loads(line) for line in answer.body.splitlines()]


ROWS = {"neighbour": neighbour, "light": light, "overload": overload, "hot": hot, "shed": shed}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--capacity", type=int, default=16_000)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--only", nargs="+", choices=ROWS, default=list(ROWS))
    wanted = parser.parse_args()
    if os.cpu_count() < 2:
        sys.exit("two processors are needed")
    for name in wanted.only:
        ROWS[name](wanted)


if __name__ == "__main__":
    main()
