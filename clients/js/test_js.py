"""The JavaScript client's own tests, by the test runner of Node.js; and its node is killed while it talks."""

import asyncio
import json
import os
import pathlib
import subprocess
import sys

import pytest
from node import Node, seconds
from redis import Redis

FOLDER = pathlib.Path(__file__).parent / "test"


def environment(**more):
    return {**os.environ, "PYTHON": sys.executable, **more}


def run(file, **more):
    result = subprocess.run(
        ["node", "--test", FOLDER / file], capture_output=True, text=True, timeout=seconds(120), env=environment(**more)
    )
    assert result.returncode == 0, "\n".join(line for line in result.stdout.splitlines() if not line.startswith("ok"))
    assert "# fail 0" in result.stdout or "fail 0" in result.stdout


def test_faults():
    run("faults.test.js")


def test_cases():
    run("cases.test.js")


def test_live():
    node = Node(PRESENCE_GRACE_SECONDS=0).start()
    try:
        run("live.test.js", SLUICE_URL=f"ws://127.0.0.1:{node.port}")
    finally:
        node.stop()


@pytest.mark.parametrize("kills", [3])
def test_killed_nodes_lose_and_double_nothing(kills):
    """Two writers and a reader in one process; the node is killed each time a part of the messages is acked."""
    count = 150

    async def play(node):
        script = await asyncio.create_subprocess_exec(
            "node", FOLDER / "chaos.js", f"ws://127.0.0.1:{node.port}", str(count), stdout=asyncio.subprocess.PIPE
        )
        acked = killed = 0
        try:
            while True:
                line = json.loads(await script.stdout.readline())
                if "seen" in line:
                    return {**line, "killed": killed}
                acked += 1
                if killed < kills and acked == (killed + 1) * 2 * count // (kills + 1):
                    killed += 1
                    node.process.kill()
                    await asyncio.to_thread(node.process.wait)
                    await asyncio.to_thread(node.start)
        finally:
            if script.returncode is None:
                script.kill()
            await script.wait()

    with Redis() as redis:
        node = Node(REDIS_URL=redis.url, NODE_ID="killed", MESSAGES_PER_SECOND=200).start()
        try:
            result = asyncio.run(asyncio.wait_for(play(node), seconds(120)))
        finally:
            node.stop()
    for user in ("ann", "bob"):
        assert [n for who, n in result["seen"] if who == user] == list(range(count)), result["gaps"]
    assert len(result["seen"]) == 2 * count and len({tuple(place) for place in result["places"]}) == 2 * count
    # A kill may come while the reader still waits to come back from the one before.
    assert result["killed"] == kills and result["connections"] > 1
