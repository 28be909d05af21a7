"""Every case of ../../cases.json, against the scripted server."""

import asyncio
import json
import pathlib
import subprocess
import sys
import time
import urllib.request

import pytest
from sluice_client import Options, Sluice, SluiceError

CLIENTS = pathlib.Path(__file__).resolve().parents[2]
CASES = json.loads((CLIENTS / "cases.json").read_text())["cases"]
QUICK = {"backoff_base_ms": 20, "backoff_max_ms": 100}
BOUND = 10
EVENTS = ("message", "gap", "confirm", "direct", "error", "joined_room", "left_room", "drain")
sys.path.insert(0, str(CLIENTS))
from scripted_server import has  # noqa: E402


@pytest.fixture(scope="module")
def server():
    process = subprocess.Popen(
        [sys.executable, CLIENTS / "scripted_server.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield f"127.0.0.1:{int(process.stdout.readline())}"
    process.stdin.close()
    process.wait(BOUND)


class Run:
    """One case: its client, and what was seen of it."""

    def __init__(self, server, case, monkeypatch):
        self.address = f"http://{server}/{case['name']}/verdict"
        tokens = iter(case.get("tokens", ()))
        self.client = Sluice(
            f"ws://{server}/{case['name']}",
            user="ann",
            options=Options(**{**QUICK, **case.get("options", {})}),
            get_token=(lambda: next(tokens)) if "tokens" in case else None,
        )
        self.events = {type: [] for type in (*EVENTS, "state")}
        self.read = dict.fromkeys(EVENTS, 0)
        for type, seen in self.events.items():
            if type not in case.get("deaf", ()):
                self.client.on(type, seen.append)
        self.iteration = None
        self.closing = None
        self.calls = {}
        self.monkeypatch = monkeypatch

    async def until(self, condition, what):
        deadline = time.monotonic() + BOUND
        while not (value := condition()):
            assert time.monotonic() < deadline, f"{what()}; events: {self.events}; verdict: {await self.verdict()}"
            await asyncio.sleep(0.01)
        return value

    async def verdict(self):
        return json.loads(await asyncio.to_thread(lambda: urllib.request.urlopen(self.address, timeout=BOUND).read()))

    async def connected(self, count):
        deadline = time.monotonic() + BOUND
        while True:
            verdict = await self.verdict()
            assert verdict["failures"] == []
            if len(verdict["connections"]) >= count and verdict["connections"][count - 1]["done"]:
                return
            assert time.monotonic() < deadline, (verdict, self.events)
            await asyncio.sleep(0.02)

    def start(self, id, coroutine):
        self.calls[id] = asyncio.ensure_future(coroutine)

    def react(self, action):
        match action:
            case "close":
                self.closing = asyncio.ensure_future(self.client.close())
            case "reconnect":
                self.client.reconnect_now()
            case "connect":
                self.client.connect()

    async def act(self, step):
        verb = next(iter(step))
        value, id = step[verb], step.get("id")
        match verb:
            case "room":
                self.client.room(value, since=tuple(step["since"]) if "since" in step else None)
            case "send":
                self.start(id, self.client.room(step.get("room", "r")).send(value, id=id))
                await asyncio.sleep(0)
            case "unserialisable":
                self.start(id, self.client.room("r").send({"x": object()}, id=id))
            case "direct":
                self.start(id, self.client.direct(step["to"], value, id=id))
            case "page":
                self.start(id, self.client.room("r").page(**value))
            case "outcome":
                try:
                    result = await asyncio.wait_for(asyncio.shield(self.calls[value]), BOUND)
                except SluiceError as error:
                    result = {"refused": error.code}
                except TimeoutError:
                    raise AssertionError((step, self.events, await self.verdict())) from None
                assert has(result, step.get("is") or {"refused": step["refused"]}), result
            case "event":
                seen, at = self.events[value], self.read[value]
                await self.until(lambda: len(seen) > at, lambda: f"no event {step}")
                self.read[value] += 1
                assert has(seen[at], step["has"]), seen[at]
            case "events":
                await self.until(
                    lambda: [event[step["field"]] for event in self.events[value]] == step["are"], lambda: f"{step}"
                )
            case "state":
                await self.until(
                    lambda: any(has(event, {"state": value, **step["has"]}) for event in self.events["state"]),
                    lambda: f"no {step}",
                )
            case "position":
                await self.until(
                    lambda: self.client.room(value).position == tuple(step["is"]), lambda: f"{step}"
                )
            case "leave":
                self.client.room(value).leave()
            case "listen":
                self.client.on(value, self.events[value].append)
            case "when":
                def react(event):
                    if has(event, step["has"]):
                        end()
                        self.react(step["then"])

                end = self.client.on(value, react)
            case "reconnect":
                self.client.reconnect_now()
            case "iterate":
                self.iteration = aiter(self.client.inbox)
            case "taken":
                assert has(await asyncio.wait_for(anext(self.iteration), BOUND), value)
            case "break":
                await self.iteration.aclose()
            case "clock":
                shifted = time.time
                self.monkeypatch.setattr(time, "time", lambda: shifted() + value)
            case "elapse":
                await asyncio.sleep(value / 1000)
            case "at_most":
                assert len((await self.verdict())["connections"]) <= value
            case "connected":
                await self.connected(value)
            case _:
                raise AssertionError(f"no such step: {step}")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_case(server, case, monkeypatch):
    async def play():
        run = Run(server, case, monkeypatch)
        async with run.client:
            for step in case["client"]:
                await run.act(step)
            await run.connected(len(case["connections"]))
            # What was to come only once must not have come again until the last script was through.
            for step in case["client"]:
                if "events" in step:
                    await run.act(step)
            for call in run.calls.values():
                call.cancel()

    asyncio.run(asyncio.wait_for(play(), 4 * BOUND))
