"""Contract, section 3, "Strictness": requests by raw socket. RFC 9112 where a section is named."""

import re
import time

import pytest

HOST = "Host: 127.0.0.1\r\n"


def statuses(answer):
    """The status codes of the answers on one connection (no body of these tests has such a text in it)."""
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


def ask(gateway, *requests):
    return gateway.exchange("".join(requests).encode("latin-1"))


@pytest.mark.parametrize(
    "request_text",
    [
        "GET /health HTTP/1.1\r\n\r\n",
        "GET /health HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET /health HTTP/1.1\r\n" + HOST + "X: a\r\n b\r\n\r\n",
        "GET /health HTTP/1.1\r\n" + HOST + "X : a\r\n\r\n",
        "GET /health HTTP/1.1\r\n" + HOST + "X: a\rb\r\n\r\n",
        "GET /health HTTP/1.1\nHost: a\n\n",
        "GET /health HTTP/1.1\r\n" + HOST + "X: a\nY: b\r\n\r\n",
        "GET /health HTTP/1.1\r\n" + HOST + "X: a\x00b\r\n\r\n",
        "GET /health HTTP/1.1\r\n" + HOST + ": a\r\n\r\n",
        "GET /health HTTP/1.1\r\n" + HOST + "no colon\r\n\r\n",
        "GET  /health HTTP/1.1\r\n" + HOST + "\r\n",
        "GET /health\r\n" + HOST + "\r\n",
        "GET /hea lth HTTP/1.1\r\n" + HOST + "\r\n",
        "G@T /health HTTP/1.1\r\n" + HOST + "\r\n",
        "GET health HTTP/1.1\r\n" + HOST + "\r\n",
        "POST /api/rooms HTTP/1.1\r\n" + HOST + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        "POST /api/rooms HTTP/1.1\r\n" + HOST + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        "POST /api/rooms HTTP/1.1\r\n" + HOST + "Content-Length: -1\r\n\r\n",
        "POST /api/rooms HTTP/1.1\r\n" + HOST + "Content-Length: +2\r\n\r\n{}",
        "POST /api/rooms HTTP/1.1\r\n" + HOST + "Content-Length: 2, 3\r\n\r\n{}",
        "POST /api/rooms HTTP/1.1\r\n" + HOST + "Transfer-Encoding: gzip\r\n\r\n",
        "POST /api/rooms HTTP/1.1\r\n"
        + HOST
        + "Transfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    ],
)
def test_malformed_requests_are_400_and_closed(gateway, request_text):
    """Nothing of what follows on the connection is taken for a request."""
    answer = ask(gateway, request_text, "GET /ready HTTP/1.1\r\n" + HOST + "\r\n")
    assert statuses(answer) == [400], answer[:300]


def test_limits_of_the_head(gateway):
    """16 KiB for the head (431), 8 KiB for the target (414); one below each is served."""
    line = "GET /nothing{} HTTP/1.1\r\n" + HOST + "Connection: close\r\n"

    def head(size, target=0):
        start = line.format("x" * target)
        fields = ""
        rest = size - len(start) - 2
        while rest > 0:
            # Fields of up to 1,000 bytes, and none shorter than a name, a colon and the line's end.
            length = rest if rest < 1010 else 1000
            fields += "X: " + "v" * (length - 5) + "\r\n"
            rest -= length
        text = start + fields + "\r\n"
        assert len(text) == size
        return text

    assert statuses(ask(gateway, head(16 * 1024))) == [404]
    assert statuses(ask(gateway, head(16 * 1024 + 1))) == [431]

    def target(size):
        return line.format("x" * (size - len("/nothing"))) + "\r\n"

    assert statuses(ask(gateway, target(8 * 1024))) == [404]
    assert statuses(ask(gateway, target(8 * 1024 + 1))) == [414]


@pytest.mark.parametrize("length", ["1048577", "99999999999999999999999"])
def test_an_announced_body_over_the_limit_is_413(gateway, length):
    answer = ask(
        gateway,
        "POST /api/rooms HTTP/1.1\r\n" + HOST + f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n",
    )
    assert statuses(answer) == [413]


def test_a_head_has_ten_seconds(gateway):
    """Also one that trickles in."""
    with gateway.connect(bound=30) as link:
        started = time.monotonic()
        link.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n")
        data = b""
        link.settimeout(1)
        while True:
            try:
                part = link.recv(4096)
            except TimeoutError:
                assert time.monotonic() - started < 25, "the connection was not closed"
                try:
                    link.sendall(b"X: y\r\n")
                except OSError:
                    break
                continue
            except ConnectionResetError:
                break
            if not part:
                break
            data += part
        took = time.monotonic() - started
    assert 8 < took < 20
    assert data == b"" or data.startswith(b"HTTP/1.1 408 "), data


def test_pipelining(gateway):
    """RFC 9112, section 9.3.2: answers in the order of the requests."""
    answer = ask(
        gateway,
        "GET /health HTTP/1.1\r\n" + HOST + "\r\n",
        "GET /nothing HTTP/1.1\r\n" + HOST + "\r\n",
        "POST /api/rooms HTTP/1.1\r\n" + HOST + "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}",
        "HEAD /health HTTP/1.1\r\n" + HOST + "\r\n",
        "GET /ready HTTP/1.1\r\n" + HOST + "Connection: close\r\n\r\n",
    )
    assert statuses(answer) == [200, 404, 415, 200, 200]


def test_a_thousand_pipelined_requests(gateway):
    requests = ["GET /health HTTP/1.1\r\n" + HOST + "\r\n"] * 999
    answer = ask(gateway, *requests, "GET /ready HTTP/1.1\r\n" + HOST + "Connection: close\r\n\r\n")
    assert statuses(answer) == [200] * 1000


def test_keep_alive(gateway):
    with gateway.connect() as link:
        for _ in range(3):
            link.sendall(("GET /ready HTTP/1.1\r\n" + HOST + "\r\n").encode())
            assert link.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_byte_by_byte(gateway):
    with gateway.connect() as link:
        for byte in ("GET /ready HTTP/1.1\r\n" + HOST + "Connection: close\r\n\r\n").encode():
            link.sendall(bytes([byte]))
        answer = b""
        while part := link.recv(65536):
            answer += part
    assert statuses(answer) == [200]


@pytest.mark.parametrize("path", ["/", "/health", "/ready", "/api/rooms", "/openapi.json", "/client.js", "/nothing"])
def test_head_is_get_without_the_body(gateway, path):
    """RFC 9110, section 9.3.2."""
    got = gateway.get(path)
    head = gateway.request("HEAD", path)
    assert head.status == got.status and head.body == b""
    assert head.headers["content-type"] == got.headers["content-type"]
    if "content-length" in head.headers and path not in {"/health", "/api/rooms"}:
        assert head.headers["content-length"] == got.headers["content-length"]


def test_http_1_0(gateway):
    """Works without Host and closes after the answer."""
    answer = gateway.exchange(b"GET /health HTTP/1.0\r\n\r\n")
    assert b" 200 " in answer.split(b"\r\n")[0] and b'"status"' in answer


def test_absolute_form(gateway):
    """RFC 9112, section 3.2.2."""
    answer = ask(gateway, "GET http://example.test/ready?x=1 HTTP/1.1\r\n" + HOST + "Connection: close\r\n\r\n")
    assert statuses(answer) == [200]


def test_chunked_request(gateway, room):
    """RFC 9112, section 7.1: with extensions and trailers."""
    body = b'{"id":"' + room.encode() + b'"}'
    half = len(body) // 2
    chunks = b"%x;name=value\r\n%b\r\n%X\r\n%b\r\n0\r\nTrailer: x\r\n\r\n" % (
        half,
        body[:half],
        len(body) - half,
        body[half:],
    )
    answer = gateway.exchange(
        b"POST /api/rooms HTTP/1.1\r\n"
        + HOST.encode()
        + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        + chunks
    )
    assert statuses(answer) == [201] and gateway.get(f"/api/rooms/{room}").status == 200


def test_expect_continue(gateway, room):
    body = b'{"id":"' + room.encode() + b'"}'
    with gateway.connect() as link:
        link.sendall(
            b"POST /api/rooms HTTP/1.1\r\n" + HOST.encode() + b"Content-Type: application/json\r\n"
            b"Expect: 100-continue\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        first = b""
        while b"\r\n\r\n" not in first:
            first += link.recv(1)
        assert first == b"HTTP/1.1 100 Continue\r\n\r\n"
        link.sendall(body)
        answer = b""
        while part := link.recv(65536):
            answer += part
    assert statuses(answer) == [201]


@pytest.mark.parametrize(
    "path",
    [
        "/../etc/passwd",
        "/..%2f..%2fetc/passwd",
        "/chat/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/client.js/../../../etc/passwd",
        "/chat/%252e%252e",
    ],
)
def test_dots_lead_nowhere(gateway, path):
    """Paths are decoded once."""
    answer = gateway.get(path)
    assert b"root:" not in answer.body
    assert answer.status in {200, 400, 404} and (answer.status != 200 or path == "/chat/%252e%252e")
