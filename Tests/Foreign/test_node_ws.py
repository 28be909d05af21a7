"""The `ws` package of Node.js as Debian ships it (node-ws), driven by node_ws_client.js."""

import json
import os
import pathlib
import subprocess

import pytest
from client import path
from node import seconds

SCRIPT = pathlib.Path(__file__).with_name("node_ws_client.js")


@pytest.mark.parametrize("compression, extensions", [("off", ""), ("on", "permessage-deflate")])
def test_chat(make_node, room, name, compression, extensions):
    """The client offers permessage-deflate, and compresses what has 1 KiB or more."""
    gateway = make_node(COMPRESSION=compression)
    run = subprocess.run(
        ["node", str(SCRIPT), gateway.url(path(room, name("ann"))), gateway.url(path(room, name("bob")))],
        capture_output=True,
        text=True,
        timeout=seconds(30),
        env=os.environ | {"NODE_PATH": "/usr/share/nodejs"},
    )
    assert run.returncode == 0, run.stderr
    seen = json.loads(run.stdout)
    assert seen["protocol"] == "sluice.v1" and seen["extensions"] == extensions
    assert seen["ack"]["seq"] == seen["message"]["seq"] == 1
    assert seen["message"]["content"] == {"text": "from node ✓"} and seen["message"]["user"] == name("ann")
    assert seen["pong"] == "protocol ping"
    assert seen["fragments"] == 3000
    assert seen["binary"]["code"] == 1003
    assert seen["close"]["code"] == 1000
