"""Contract, section 6, logs: refusals, operating and closes have a line; docs/operating.md says how to ban by them."""

import re

from client import Client, closed_with
from node import ROOT, until


def bans(log):
    """The addresses that the example of docs/operating.md finds in a log."""
    text = (ROOT / "docs/operating.md").read_text()
    rules = re.search(r"failregex = (.*)\n +(.*)\n```", text).groups()
    found = []
    for line in log.splitlines():
        for rule in rules:
            match = re.search(rule.rstrip("\n").replace("<ADDR>", r"(?P<address>[0-9a-f.:]+)"), line)
            if match:
                found.append(match["address"])
    return found


def test_refusals_and_operating_have_lines(make_node):
    node = make_node(API_KEY="right", TRUSTED_PROXIES="127.0.0.1")
    trick = {"X-API-Key": "wrong", "X-Forwarded-For": "192.0.2.9"}
    path = "/api/rooms/x%20request%20refused%20address=198.51.100.1%20method=GET%20path=y%20status=401?token=secret"
    assert node.get(path, headers=trick).status == 401
    assert node.delete("/api/rooms/none", headers={"X-API-Key": "right"}).status == 404
    until(lambda: "operating request" in node.log, what="the line")
    (refused,) = [line for line in node.log.splitlines() if "request refused address=192" in line]
    assert "status=401" in refused and "method=GET" in refused and "secret" not in node.log
    (operated,) = [line for line in node.log.splitlines() if "operating request" in line]
    assert "method=DELETE" in operated and "/api/rooms/none" in operated and "address=127.0.0.1" in operated
    assert bans(node.log) == ["192.0.2.9"]


def test_closes_have_lines(make_node, room):
    node = make_node(LOG_LEVEL="TRACE", MESSAGES_PER_SECOND=1)
    with Client(node, room, "mallory", headers={"X-Forwarded-For": "192.0.2.7"}) as client:
        client.flood(30, "message", content="x")
        closed_with(4101, client)
    until(lambda: "connection ended" in node.log and "connection closed" in node.log, what="the lines")
    (closed,) = [line for line in node.log.splitlines() if "connection closed address" in line]
    assert "code=4101" in closed and "address=192.0.2.7" in closed and "user=mallory" in closed and "flooding" in closed
    assert "connection came" in node.log and "frame type=message user=mallory" in node.log
    assert bans(node.log) == ["192.0.2.7"]


def test_a_storm_of_refusals_has_ten_lines_a_second_and_a_count(make_node):
    node = make_node(API_KEY="right")
    for _ in range(60):
        assert node.get("/api/nodes").status == 401

    def counted():
        return node.log.count("request refused") + sum(map(int, re.findall(r"left_out=(\d+)", node.log)))

    until(lambda: counted() == 60, what="all refusals in the log")
    assert node.log.count("left_out=") > 0


def test_an_open_node_says_so(make_node):
    assert "there is no API_KEY" in make_node(HOST="0.0.0.0").log
    assert "there is no API_KEY" not in make_node().log
