"""A real Nginx with the shipped configuration before three nodes: what passes through it, and its limits."""

import re
import socket
import ssl
import subprocess

import pytest
import websockets.exceptions
import websockets.sync.client
from client import Client, closed_with, path
from event_stream import EventStream
from nginx import SHIPPED, Nginx, cluster, from_readme, logged, publish, where
from node import Node, elapse, seconds, until


@pytest.fixture(scope="module")
def nginx():
    with cluster() as server:
        yield server


# What passes through


def test_chat(nginx, room):
    with Client(nginx, room, "ann", subprotocols=["sluice.v1"]) as ann, Client(nginx, room, "bob") as bob:
        assert ann.socket.subprotocol == "sluice.v1"
        ann.take("joined", user="bob")
        ack = ann.say("hello")
        assert ack["durable"] == "redis"
        assert bob.take("message", user="ann", content="hello")["seq"] == ack["seq"]
        for number in range(100):
            bob.send("message", content="x" * 10_000, id=f"i{number}")
        texts = [ann.take("message", user="bob")["content"] for _ in range(100)]
        assert texts == ["x" * 10_000] * 100
        publish(nginx, room, "by HTTP")
        assert ann.take("message", user="http")["content"] == "by HTTP"


def test_closes_keep_their_codes_and_reasons(nginx, room):
    first = Client(nginx, room, "ann", device="phone")
    second = Client(nginx, room, "ann", device="phone")
    assert closed_with(4005, first).details["reason"] == "replaced"
    second.send_raw("x" * 70_000)
    closed_with(1009, second)
    third = Client(nginx, room, "ann")
    for _ in range(20):
        third.send_raw("no JSON")
    closed_with(1008, third)


def test_events_pass_one_by_one(nginx):
    with EventStream(nginx) as stream:
        stream.seek("mode", to="cluster")
        assert stream.status == 200 and not stream.ended.is_set()


def test_answers_before_the_upgrade_pass(nginx, room):
    plain = nginx.get(path(room, "ann"))
    assert plain.status == 426 and plain.headers["upgrade"] == "websocket"
    for wrong in (path(room, "ann", since=1), path("..", "ann")):
        with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
            websockets.sync.client.connect(nginx.url(wrong), proxy=None)
        assert refused.value.response.status_code == 400


def test_metrics_and_operating_stay_inside(nginx, room):
    """Though Nginx stands on the node's own machine, and is asked for by a loopback name."""
    assert nginx.get("/metrics").status == 404 and nginx.get("/metrics").code == "not_found"
    for answer in (
        nginx.delete(f"/api/rooms/{room}"),
        nginx.put("/api/system/tier", {"tier": "heavy"}),
        nginx.delete("/api/users/ann/connections"),
    ):
        assert answer.status == 403 and answer.code == "forbidden"


def test_an_address_has_its_share_of_requests():
    with cluster(rate=None) as nginx:
        with socket.create_connection(("127.0.0.1", nginx.port), source_address=("127.0.0.9", 0)) as link:
            link.settimeout(seconds(10))
            link.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n" * 400 + b"GET / HTTP/1.0\r\n\r\n")
            data = b""
            while part := link.recv(1 << 16):
                data += part
    statuses = re.findall(rb"HTTP/1.1 (\d+) ", data)
    assert 200 <= statuses.count(b"200") < 350 and statuses.count(b"429") > 50


def test_only_pages_of_the_own_host_connect(nginx, room):
    with Client(nginx, room, "ann", origin=f"http://127.0.0.1:{nginx.port}"):
        pass
    with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
        Client(nginx, room, "eve", origin="http://evil.example")
    assert refused.value.response.status_code == 403


def test_nodes_see_the_address_of_the_client(room):
    """Connections per address are counted by it, whatever the client says of itself."""
    with cluster(MAX_CONNECTIONS_PER_IP=1, TRUSTED_PROXIES="127.0.0.1") as nginx:
        with Client(nginx, room, "ann", source="127.0.0.2"), Client(nginx, room, "bob", source="127.0.0.3"):
            for headers in (None, {"X-Forwarded-For": "192.0.2.1"}, {"X-Real-IP": "192.0.2.1"}):
                with Client(nginx, room, "eve", source="127.0.0.2", headers=headers, joined=False) as eve:
                    closed_with(4006, eve)


def test_another_proxy_before_nginx(room):
    """As the README has it: its word is believed, and nobody else's."""
    lines = from_readme("proxy").replace("192.0.2.10", "127.0.0.9")
    changes = [("server {\n", lines + "server {\n")]
    with cluster(changes, MAX_CONNECTIONS_PER_IP=1, TRUSTED_PROXIES="127.0.0.1") as nginx:

        def arrive(user, source, forwarded):
            return Client(nginx, room, user, source=source, headers={"X-Forwarded-For": forwarded}, joined=False)

        with arrive("ann", "127.0.0.9", "192.0.2.1") as ann, arrive("bob", "127.0.0.9", "192.0.2.2") as bob:
            for client in (ann, bob):
                client.take("welcome")
            with arrive("eve", "127.0.0.9", "192.0.2.2") as eve:
                closed_with(4006, eve)
            with arrive("dan", "127.0.0.2", "192.0.2.3") as dan:
                dan.take("welcome")
                with arrive("eve", "127.0.0.2", "192.0.2.4") as eve:
                    closed_with(4006, eve)


def test_an_idle_connection_lives_by_its_pings(room):
    """One that is silent for longer than the timeout of Nginx: it is cut without pings, and lives with them."""
    short = [("proxy_read_timeout 100s", "proxy_read_timeout 4s")]
    with cluster(short, HEARTBEAT_INTERVAL_SECONDS=1) as pinged, cluster(short) as silent:
        with Client(pinged, room, "ann") as ann, Client(silent, room, "ann") as cut:
            assert cut.closing(15).code == 1006
            elapse(2)
            ann.fence()


def test_timeouts_leave_the_word_to_the_gateway():
    """The defaults of the gateway and those shipped here fit."""
    defaults = (SHIPPED.parent / ".env.example").read_text()
    expiry = float(re.search(r"^#HEARTBEAT_TIMEOUT_SECONDS=(\S+)$", defaults, re.MULTILINE)[1])
    server = (SHIPPED / "snippets/sluice-server.conf").read_text()
    sockets = re.search(r"location /ws/ \{(.*?)\n\}", server, re.DOTALL)[1]
    for name in ("proxy_read_timeout", "proxy_send_timeout", "send_timeout"):
        assert float(re.search(rf"\s{name} (\d+)s;", sockets)[1]) > expiry


# Limits and errors


def test_targets_and_heads(nginx):
    """What the gateway takes passes; what is refused, by whomever, is refused in its words."""

    def with_target(length):
        return nginx.get("/health?" + "x" * (length - len("/health?")))

    assert with_target(8192).status == 200
    for length in (8193, 20_000):
        answer = with_target(length)
        assert answer.status == 414 and answer.code == "too_large", length

    def with_head(length):
        return nginx.get("/health", headers={f"X-{number}": "x" * 1000 for number in range(length // 1000)})

    assert with_head(15_000).status == 200
    for length in (17_000, 90_000):
        answer = with_head(length)
        assert answer.status == 431 and answer.code == "too_large", length
    assert nginx.get("/health", headers={"X-One": "x" * 15_000}).status == 200
    assert nginx.get("/health", headers={"X-One": "x" * 20_000}).code == "too_large"


def test_bodies(nginx, room):
    head, tail = f'{{"id": "{room}", "more": "'.encode(), b'"}'

    def with_body(length):
        body = head + b"x" * (length - len(head) - len(tail)) + tail
        return nginx.post("/api/rooms", body, headers={"Content-Type": "application/json"})

    assert with_body(1_048_576).status == 201
    answer = with_body(1_048_577)
    assert answer.status == 413 and answer.code == "too_large"


def test_heads_of_other_kinds(nginx):
    """HTTP/1.0 without a Host works, as it does at a node; what is no request gets its 400."""
    answer = nginx.exchange(b"GET /health HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ") and b'"status":"ok"' in answer
    answer = nginx.exchange(b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ") and b'"code": "bad_request"' in answer
    assert nginx.get("/sluice-error").status == 404


def test_tokens_are_not_logged(nginx, room):
    """In no log, also not where something fails."""
    secret = "verysecret"
    with Client(nginx, room, "ann", headers={"Referer": f"http://a/?token={secret}"}, token=secret):
        pass
    assert where(nginx, room, "bob", token=secret)
    assert nginx.get(f"/api/rooms/{room}?token={secret}").status == 200
    assert nginx.get(f"/health?token={secret}" + "x" * 20_000).status == 414
    nginx.exchange(f"GET /?token={secret} HTTP/1.1\r\nHost: a b\r\n\r\n".encode())
    _, lines = logged(nginx, path(room, "ann"))
    assert len(lines) == 1 and " 101 " in lines[0]
    with Nginx([Node(), Node(), Node()]) as alone:
        with pytest.raises(websockets.exceptions.InvalidStatus):
            Client(alone, room, "ann", token=secret)
        assert alone.get(f"/health?token={secret}").status == 503
        until(lambda: "/health" in alone.access_log, what="the line")
        assert secret not in alone.all_logs
    assert secret not in nginx.all_logs


def test_without_nodes_it_says_so():
    with Nginx([Node(), Node(), Node()]) as alone:
        answer = alone.get("/health")
        assert answer.status == 503 and answer.code == "unavailable" and answer.headers["retry-after"] == "1"


# The configuration itself


def test_it_is_correct(nginx):
    code, text = nginx.check()
    assert code == 0 and "test is successful" in text
    assert not re.search(r"\[(warn|error|crit|alert|emerg)\]", text), text


def test_tls(tmp_path, room):
    """The example with a certificate of its own: correct, and pages of the host connect by wss."""
    certificate = tmp_path / "fullchain.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        + ["-subj", "/CN=chat.example.com", "-addext", "subjectAltName=DNS:chat.example.com"]
        + ["-keyout", str(tmp_path / "privkey.pem"), "-out", str(certificate)],
        check=True,
        capture_output=True,
        timeout=seconds(30),
    )
    with cluster(tls=tmp_path) as nginx:
        code, text = nginx.check()
        assert code == 0 and "[warn]" not in text, text
        with websockets.sync.client.connect(
            f"wss://chat.example.com:{nginx.tls_port}{path(room, 'ann')}",
            sock=socket.create_connection(("127.0.0.1", nginx.tls_port), seconds(5)),
            ssl=ssl.create_default_context(cafile=str(certificate)),
            origin=f"https://chat.example.com:{nginx.tls_port}",
        ) as client:
            assert '"type":"welcome"' in client.recv(timeout=seconds(5))
        with Client(nginx, room, "bob"):
            pass
    served = "server_name _;\n    include snippets/sluice-server.conf;\n"
    with Nginx([Node(), Node(), Node()], [(served, from_readme("redirect"))], tmp_path) as nginx:
        answer = nginx.get("/chat/lobby?user=ann", headers={"Host": "chat.example.com"})
        assert answer.status == 301 and answer.headers["location"] == "https://chat.example.com/chat/lobby?user=ann"
