"""`sluice links`: what an operator types, against a real node."""

import concurrent.futures
import json
import os
import subprocess

import pytest
from link_server import LinkServer
from node import BINARY, Node, free_port, seconds, until

KEY = "a-key-for-the-test-of-links"


@pytest.fixture(scope="module")
def node():
    node = Node(LINK_ALLOWED_HOSTS="127.0.0.1", API_KEY=KEY, NODE_ID="node-c").start()
    yield node
    node.stop()


def links(node, *arguments, key=KEY, text=None, **settings):
    """Status, standard output and standard error of `sluice links`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SLUICE_")}
    environment.update({"HOST": "0.0.0.0", "PORT": str(node.port), **settings})
    environment.pop("API_KEY", None)
    if key:
        environment["API_KEY"] = key
    result = subprocess.run(
        [BINARY, "links", *arguments], env=environment, cwd=node.folder.name, input=text, capture_output=True,
        text=True, timeout=seconds(20),
    )
    return result.returncode, result.stdout, result.stderr


def lines(node):
    code, output, _ = links(node, "list")
    assert code == 0
    return [line.split() for line in output.splitlines()]


def test_a_link_is_made_listed_switched_and_deleted(node):
    with LinkServer() as server:
        made = links(
            node, "add", server.url("/x"), "--id", "a b", "--name", "Feed", "--room", "news", "--replay", "--keep",
            "--headers", "--heartbeat-seconds", "5", text="X-Secret: hush hush\n",
        )
        assert made == (0, "a b\n", "")
        assert server.one("/x").headers["X-Secret"] == "hush hush"
        until(lambda: lines(node)[1:] and lines(node)[1][2] == "connected", 10, "the state")
        assert lines(node)[0] == ["ID", "STATE", "OWNER", "ROOM", "RECONNECTS", "DROPPED", "URL"]
        assert lines(node)[1] == ["a", "b", "connected", "node-c", "news", "0", "0", server.url("/x")]
        shown = json.loads(links(node, "list", "--json")[1])
        assert shown["replay"] is True and shown["partition"] == "keep" and shown["heartbeat_seconds"] == 5
        assert links(node, "disable", "a b") == (0, "", "")
        assert lines(node)[1][2] == "disabled"
        assert links(node, "enable", "a b", "--url", f"http://127.0.0.1:{node.port}") == (0, "", "")
        assert lines(node)[1][2] != "disabled"
        assert links(node, "rm", "a b") == (0, "", "")
        assert lines(node)[1:] == []


def test_all_pages_are_listed(node):
    ids = [f"l{number:03}" for number in range(501)]

    def make(id):
        body = {"id": id, "url": "ws://127.0.0.1:1/", "enabled": False}
        return node.post("/api/links", body, headers={"X-API-Key": KEY}).status

    with concurrent.futures.ThreadPoolExecutor(16) as several:
        assert set(several.map(make, ids)) == {201}
        assert [line[0] for line in lines(node)[1:]] == ids
        list(several.map(lambda id: node.delete(f"/api/links/{id}", headers={"X-API-Key": KEY}), ids))


@pytest.mark.parametrize(
    ("arguments", "settings", "status", "words"),
    [
        (["rm", "nobody"], {}, 1, "no link with this id"),
        (["add", "ws://127.0.0.1/", "--id", "x", "--heartbeat-seconds", "0"], {}, 1, "heartbeat_seconds"),
        (["add", "wss://example.com/"], {}, 77, "LINK_ALLOWED_HOSTS"),
        (["list"], {"key": None}, 77, "API_KEY"),
        (["list"], {"key": "wrong"}, 77, "API_KEY"),
        (["rm", "a/b"], {}, 64, "ID"),
        (["list", "--url", "ws://127.0.0.1"], {}, 64, "--url"),
        (["list", "--url", "http://127.0.0.1/api"], {}, 64, "--url"),
        (["add", "ws://127.0.0.1/", "--headers"], {"text": "no colon\n"}, 64, "--headers"),
        (["list"], {"PORT": "x"}, 64, "PORT"),
    ],
)
def test_faults_are_said_by_words_and_status(node, arguments, settings, status, words):
    code, output, error = links(node, *arguments, **settings)
    assert (code, output) == (status, "") and words in error
    assert KEY not in error


def test_a_node_that_is_not_there_is_said(node):
    code, output, error = links(node, "list", PORT=str(free_port()))
    assert (code, output) == (69, "") and "gives no answer" in error
