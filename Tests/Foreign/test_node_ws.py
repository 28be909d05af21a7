"""The `ws` package of Node.js as Debian ships it (node-ws), driven by node_ws_client.js."""

import json
import os
import pathlib
import subprocess

from client import path
from node import seconds

SCRIPT = pathlib.Path(__file__).with_name("node_ws_client.js")


def test_chat(gateway, room, name):
    run = subprocess.run(
        ["node", str(SCRIPT), gateway.url(path(room, name("ann"))), gateway.url(path(room, name("bob")))],
        capture_output=True,
        text=True,
        timeout=seconds(30),
        env=os.environ | {"NODE_PATH": "/usr/share/nodejs"},
    )
    assert run.returncode == 0, run.stderr
    seen = json.loads(run.stdout)
    assert seen["protocol"] == "sluice.v1" and seen["extensions"] == ""
    assert seen["ack"]["seq"] == seen["message"]["seq"] == 1
    assert seen["message"]["content"] == {"text": "from node ✓"} and seen["message"]["user"] == name("ann")
    assert seen["pong"] == "protocol ping"
    assert seen["fragments"] == 3000
    assert seen["binary"]["code"] == 1003
    assert seen["close"]["code"] == 1000
