"""The examples against a live node, and the quick start of the README as it stands there."""

import contextlib
import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from client import Client
from node import ROOT, Node, free_port, seconds, until

SECRETS = {"JWT_SECRET": "a secret of thirty-two bytes, or more", "PUSH_WEBHOOK_SECRET": "another", "API_KEY": "key"}


@contextlib.contextmanager
def program(*command, **variables):
    """A program that runs until the block is left; its first line has come."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "clients/python/src")} | variables
    process = subprocess.Popen(
        [sys.executable, *command], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        process.first = process.stdout.readline().strip()
        assert process.first, process.communicate()[1]
        yield process
    finally:
        process.kill()
        process.communicate()


def fetch(url, body=None):
    with urllib.request.urlopen(url, body, timeout=seconds(10)) as answer:
        return answer.read().decode()


@pytest.fixture(scope="module")
def scene():
    """A back end, its address, and a node that asks for the back end's tokens and pushes to it."""
    port = free_port()
    with program(ROOT / "examples/backend.py", str(port), **SECRETS):
        back_end = f"http://127.0.0.1:{port}"
        node = Node(PUSH_WEBHOOK_URL=f"{back_end}/push", ALLOWED_ORIGINS=back_end, **SECRETS).start()
        try:
            yield node, back_end
        finally:
            node.stop()


def token(back_end, user):
    return fetch(f"{back_end}/token", user.encode())


def test_back_end_gives_tokens_and_takes_pushes(scene):
    node, back_end = scene
    with Client(node, "lobby", "ann", token=token(back_end, "ann")) as ann:
        ann.send("direct", to="bob", id="d1", content="are you there?")
        assert ann.seek("ack")["id"] == "d1"
    wanted = {"user": "bob", "pending": 1, "message": "are you there?"}
    until(lambda: wanted in json.loads(fetch(f"{back_end}/pushes")), what="the push")
    with pytest.raises(urllib.error.HTTPError, match="401"):
        fetch(f"{back_end}/push", b"{}")
    for page in ("chat.html", "dashboard.html", "client.js"):
        assert "Sluice" in fetch(f"{back_end}/{page}")


def test_bot(scene):
    node, back_end = scene
    with program(ROOT / "examples/bot.py", node.url(""), back_end):
        with Client(node, "lobby", "carol", token=token(back_end, "carol")) as carol:
            carol.send("message", id="q1", content="!roll")
            message = carol.seek("message")
            assert message["user"] == "dice" and re.fullmatch(r"carol rolls [1-6]", message["content"])


def test_producer(scene):
    node, back_end = scene
    with Client(node, "dashboard", "viewer", token=token(back_end, "viewer")) as viewer:
        with program(ROOT / "examples/producer.py", f"http://127.0.0.1:{node.port}", "1", **SECRETS):
            values = viewer.seek("message")["content"]
            assert set(values) == {"load-1", "load-5", "load-15"} and values["load-1"]["max"] >= 1


def blocks(language, node, room):
    """The README's blocks of code between the quick start's heading and the next one, for this node and room."""
    text = (ROOT / "README.md").read_text()
    section = text.split("\n## A first chat in a minute\n", 1)[1].split("\n## ", 1)[0]
    found = re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)
    assert found and all("127.0.0.1:8000" in block and "/lobby" in block for block in found)
    place = f"127.0.0.1:{node.port}"
    return [block.replace("127.0.0.1:8000", place).replace("/lobby", f"/{room}") for block in found]


def test_quick_start_python(gateway, room):
    for script in blocks("python", gateway, room):
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=seconds(20))
        assert done.returncode == 0, done.stderr
        kinds = [json.loads(line)["type"] for line in done.stdout.splitlines()]
        assert kinds == ["welcome", "joined_room", "ack", "message"]


def test_quick_start_curl(gateway, room, name):
    commands = "\n".join(blocks("sh", gateway, room))
    with Client(gateway, room, name("listener")) as listener:
        done = subprocess.run(
            ["bash", "-e", "-c", commands], capture_output=True, text=True, timeout=seconds(20)
        )
        assert done.returncode == 0, done.stderr
        assert listener.seek("message")["content"] == "hello from curl"
    assert '"seq"' in done.stdout and "hello from curl" in done.stdout
