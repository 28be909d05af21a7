"""Contract, sections 7 and 8: TLS with Redis, with the webhook, and of the tools. Who is spoken with is checked."""

import json
import os
import re
import signal
import subprocess
import time

import pytest
from authority import Authority
from client import Client
from link_server import LinkServer
from node import ROOT, Node, seconds, until
from redis import Redis
from webhook import Webhook

LOAD_TEST = os.environ.get("LOAD_TEST_BIN", str(ROOT / ".build/release/load_test"))


@pytest.fixture(scope="module")
def bad_authority(tmp_path_factory):
    """Nobody trusts it."""
    return Authority(tmp_path_factory.mktemp("unknown"))


def lax(authority):
    """Trusts the authority whatever the certificate says: for the tests' own look at a server."""
    context = authority.trust()
    context.check_hostname = False
    context.verify_mode = 0
    return context


@pytest.fixture(scope="module")
def redis(authority):
    with Redis(password="hush", tls=(authority.issue("redis"), authority.trust())) as server:
        yield server


FAULTS = [
    ("other host", dict(hosts=["DNS:chat.example.com"]), "not for 127.0.0.1"),
    ("expired", dict(expired=True), "has expired"),
    ("unknown", {}, "unknown authority"),
]


@pytest.fixture(params=FAULTS, ids=[fault[0] for fault in FAULTS])
def faulty(request, authority, bad_authority):
    """A certificate that must not be accepted, and the words for that."""
    name, how, words = request.param
    issuer = bad_authority if name == "unknown" else authority
    return issuer.issue(name.replace(" ", "-"), **how), words


# Redis


def test_two_nodes_meet_over_tls(make_node, authority, redis, room):
    nodes = [make_node(REDIS_URL=redis.url, REDIS_CA_FILE=authority.ca, NODE_ID=f"node-{n}") for n in range(2)]
    for node in nodes:
        until(lambda node=node: node.get("/health").json["mode"] == "cluster", what="the cluster")
    with Client(nodes[0], room, "ann") as ann, Client(nodes[1], room, "bob") as bob:
        for size in (1, 50_000):
            ann.send("message", content="x" * size)
            assert ann.seek("ack")
            assert len(bob.seek("message")["content"]) == size


def test_a_redis_that_is_not_the_one_that_is_meant(make_node, authority, faulty, room):
    """The node serves as without Redis, and says why."""
    certificate, words = faulty
    with Redis(tls=(certificate, lax(authority))) as redis:
        node = make_node(REDIS_URL=redis.url, REDIS_CA_FILE=authority.ca)

        def reason():
            status = node.get("/api/system/status").json["redis"]
            return status.get("reason") if status["state"] == "degraded" else None

        assert words in until(reason, 20, "the reason")
        with Client(node, room, "ann") as ann:
            assert ann.say("still served")


def test_another_authority_at_sighup(make_node, authority, bad_authority, tmp_path, room):
    """Redis gets a certificate of another authority: with the file of authorities replaced, and read again, the node
    comes back. A file that is no good changes nothing."""
    trusted = tmp_path / "authorities.pem"
    trusted.write_bytes(authority.ca.read_bytes())
    with Redis(tls=(authority.issue("first"), authority.trust())) as redis:
        node = make_node(REDIS_URL=redis.url, REDIS_CA_FILE=trusted, REDIS_TIMEOUT=1)
        until(lambda: node.get("/health").json["mode"] == "cluster", 30, "the cluster")
        redis.kill()
        redis.certificate, redis.trust = bad_authority.issue("second"), bad_authority.trust()
        redis.start()

        def reason():
            return node.get("/api/system/status").json["redis"].get("reason") or ""

        until(lambda: "unknown authority" in reason(), 30, "the refusal of the new certificate")
        for text, line in [("no certificate", "not read again"), (bad_authority.ca.read_text(), "what=REDIS_CA_FILE")]:
            trusted.write_text(text)
            before = node.log.count(line)
            node.process.send_signal(signal.SIGHUP)
            until(lambda line=line, before=before: node.log.count(line) > before, what="reading the file again")
        until(lambda: node.get("/health").json["mode"] == "cluster", 30, "the cluster again")
        with Client(node, room, "ann") as ann:
            assert ann.say("together")


def test_a_redis_without_tls(make_node):
    with Redis() as redis:
        node = make_node(REDIS_URL=redis.url.replace("redis:", "rediss:"), REDIS_TIMEOUT=1)
        reason = until(lambda: node.get("/api/system/status").json["redis"].get("reason"), 30, "the reason")
        assert "TLS" in reason


def check(url, **settings):
    node = Node(arguments=["check-redis"], REDIS_URL=url, **settings).launch()
    try:
        code = node.wait(30)
        return code, [re.split(r"\s+", line, maxsplit=2) for line in node.log.splitlines()], node.log
    finally:
        node.folder.cleanup()


def test_check_redis_has_a_line_for_tls(authority, redis):
    code, lines, log = check(redis.url, REDIS_CA_FILE=authority.ca)
    assert code == 0, log
    assert lines[2][:2] == ["TLS", "ok"] and "TLSv1.3" in lines[2][2] and "for 127.0.0.1" in lines[2][2]
    assert [line[1] for line in lines[3:]] == ["ok"] * 7, log


def test_check_redis_says_what_is_wrong_with_tls(authority, faulty):
    certificate, words = faulty
    with Redis(tls=(certificate, lax(authority))) as redis:
        code, lines, log = check(redis.url, REDIS_CA_FILE=authority.ca)
    assert code == 69 and lines[-1][:2] == ["TLS", "FAILED"] and words in lines[-1][2], log


# The webhook


def push(node):
    answer = node.post("/api/users/bob/messages", {"from": "ann", "content": "hello"})
    assert answer.status in {200, 201, 202}


def test_a_push_by_https(make_node, authority):
    with Webhook(tls=authority.issue("hook").server()) as hook:
        node = make_node(PUSH_WEBHOOK_URL=hook.url, SSL_CERT_FILE=authority.ca)
        push(node)
        assert hook.take().json["user"] == "bob"


def test_a_webhook_that_is_not_the_one_that_is_meant(make_node, authority, faulty):
    certificate, words = faulty
    with Webhook(tls=certificate.server()) as hook:
        node = make_node(PUSH_WEBHOOK_URL=hook.url, SSL_CERT_FILE=authority.ca, LOG_LEVEL="DEBUG")
        push(node)
        until(lambda: words in node.log, 20, "the reason in the log")
        assert hook.count == 0


# Links


def link(node, server):
    assert node.post("/api/links", {"id": "feed", "url": server.url()}).status == 201


def test_a_link_by_wss(make_node, authority):
    with LinkServer(tls=authority.issue("feed").server()) as server:
        node = make_node(LINK_ALLOWED_HOSTS="127.0.0.1", SSL_CERT_FILE=authority.ca)
        link(node, server)
        server.one()


def test_a_link_to_a_server_that_is_not_the_one_that_is_meant(make_node, authority, faulty):
    certificate, words = faulty
    with LinkServer(tls=certificate.server()) as server:
        node = make_node(LINK_ALLOWED_HOSTS="127.0.0.1", SSL_CERT_FILE=authority.ca, LOG_LEVEL="DEBUG")
        link(node, server)
        until(lambda: words in node.log, 20, "the reason in the log")
        assert not server.peers


# load_test


def load(node, *options, **environment):
    command = [LOAD_TEST, "--url", f"wss://127.0.0.1:{node.port}", "--connections", "20", "--duration", "1", *options]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=seconds(60), env=dict(os.environ, **environment)
    )
    return done.returncode, done.stdout + done.stderr


def test_load_by_wss(make_node, authority):
    node = make_node(trust=authority.trust(), **authority.issue("loaded").settings)
    code, output = load(node, SSL_CERT_FILE=str(authority.ca))
    assert code == 0, output
    code, output = load(node)
    assert code != 0 and "unknown authority" in output, output
    code, output = load(node, "--insecure")
    assert code == 0, output


def test_a_reload_under_load_drops_nobody(make_node, authority, tmp_path):
    """Ten new certificates while a thousand connections talk."""
    files = authority.issue("busy")
    node = make_node(trust=authority.trust(), MESSAGES_PER_SECOND=1_000_000, **files.settings)
    report = tmp_path / "report.json"
    command = [LOAD_TEST, "--url", f"wss://127.0.0.1:{node.port}", "--connections", "1000", "--scenario", "small-rooms"]
    command += ["--message-rate", "200", "--duration", "15", "--json", str(report)]
    environment = dict(os.environ, SSL_CERT_FILE=str(authority.ca))
    loading = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)

    def connections():
        return node.get("/api/system/status").json["connections"]["current"]

    until(lambda: connections() >= 1000, 60, "a thousand connections")
    serials = set()
    for number in range(10):
        authority.issue("busy")
        node.process.send_signal(signal.SIGHUP)
        until(lambda number=number: node.log.count("read again") > number, what="the reload")
        with node.trust.wrap_socket(node.connect(), server_hostname="127.0.0.1") as link:
            serials.add(link.getpeercert()["serialNumber"])
        assert connections() >= 1000
    output, _ = loading.communicate(timeout=seconds(90))
    assert loading.returncode == 0 and len(serials) == 10, output
    messages = json.loads(report.read_text())["messages"]
    assert [messages[name] for name in ("lost", "duplicated", "misordered", "corrupted", "gaps")] == [0] * 5
    assert messages["sent"] > 1000
