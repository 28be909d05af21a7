"""Contract, section 7: https and wss on a node's port, with clients of others' TLS."""

import contextlib
import re
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest
from client import Client, path
from node import seconds, until


def s_client(node, *options, text="", bound=20):
    """The output of `openssl s_client`, and its exit status."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{node.port}", *map(str, options)]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=seconds(bound))
    return done.returncode, done.stdout + done.stderr


def test_https_and_wss(served, room):
    assert served.get("/health").status == 200
    assert served.get("/").status == 200
    with Client(served, room, "ann") as ann, Client(served, room, "bob") as bob:
        ann.take("joined")
        assert ann.say("by wss")
        assert bob.take("message")["content"] == "by wss"


def test_pages_of_the_same_host_may_connect(served, room):
    """The origin of a page that came by https."""
    with Client(served, room, "ann", origin=f"https://127.0.0.1:{served.port}"):
        pass


def test_large_messages_and_many(served, room):
    """Messages over several records, and many records in one read."""
    with Client(served, room, "ann") as ann, Client(served, room, "bob") as bob:
        ann.take("joined")
        for size in (0, 1, 16_384, 60_000):
            ann.say("x" * size)
            assert len(bob.take("message")["content"]) == size
        for number in range(40):
            ann.send("message", content=f"{number:05}" + "y" * 5000)
        taken = [bob.take("message")["content"][:5] for _ in range(40)]
        assert taken == [f"{number:05}" for number in range(40)]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_versions(served, authority, version):
    context = authority.trust()
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2", "http/1.1"])
    with context.wrap_socket(served.connect(), server_hostname="127.0.0.1") as link:
        assert link.selected_alpn_protocol() == "http/1.1"
        link.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        answer = b""
        # It ends with close_notify, or this raises.
        while part := link.recv(65536):
            answer += part
        assert answer.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "version,ciphers",
    [("-tls1", "ALL"), ("-tls1_1", "ALL"), ("-tls1_2", "AES128-GCM-SHA256"), ("-tls1_2", "ECDHE-ECDSA-AES128-SHA")],
)
def test_what_is_old_or_weak_is_refused(served, version, ciphers):
    """TLS below 1.2, ciphers without forward secrecy, and those without AEAD."""
    # The client's own bounds are lifted, so that it is the node that refuses.
    code, output = s_client(served, version, "-cipher", ciphers + ":@SECLEVEL=0")
    assert code != 0 and re.search(r"alert (protocol version|handshake failure)", output), output


def test_a_protocol_that_is_not_spoken(served, authority):
    context = authority.trust()
    context.set_alpn_protocols(["h2"])
    with pytest.raises(ssl.SSLError, match="no application protocol"):
        context.wrap_socket(served.connect(), server_hostname="127.0.0.1")


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_a_session_is_resumed(served, tmp_path, version):
    session = tmp_path / "session"
    request = "GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    _, first = s_client(served, version, "-ign_eof", "-sess_out", session, text=request)
    assert "New, " in first, first
    _, second = s_client(served, version, "-ign_eof", "-sess_in", session, text=request)
    assert "Reused, " in second, second


def test_a_plain_request_is_answered(served):
    """400 in plain words, and the end."""
    answer = served.exchange(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ") and b"this port speaks TLS; use https:// or wss://" in answer
    assert served.get("/health").status == 200


def test_a_handshake_that_takes_too_long_is_ended(served):
    """Ten seconds, as for a request's head, with nothing sent and with half a ClientHello."""
    started = time.monotonic()
    links = [served.connect(30) for _ in range(2)]
    links[1].sendall(b"\x16\x03\x01\x02\x00\x01\x00")
    for link in links:
        with link:
            assert link.recv(100) == b""
    assert 5 < time.monotonic() - started < seconds(20)


class Pieces:
    """A client whose bytes leave in pieces of one."""

    def __init__(self, node):
        self.link = node.connect(30)
        self.link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received, self.made = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.secure = node.trust.wrap_bio(self.received, self.made, server_hostname="127.0.0.1")
        self.run(self.secure.do_handshake)

    def run(self, step):
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                self.flush()
                self.received.write(self.link.recv(65536))
            else:
                self.flush()
                return result

    def flush(self):
        for byte in self.made.read():
            self.link.sendall(bytes([byte]))

    def rest(self):
        """All up to the end, which must be said (close_notify)."""
        answer = b""
        with contextlib.suppress(ssl.SSLZeroReturnError):
            while part := self.run(lambda: self.secure.read(65536)):
                answer += part
        return answer


def test_bytes_come_one_by_one(served):
    client = Pieces(served)
    with client.link:
        client.run(lambda: client.secure.write(b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))
        assert client.rest().startswith(b"HTTP/1.1 200 ")


def test_an_answer_comes_behind_the_end_of_requests(served):
    """The client ends its side right behind its request, and still gets all of the answer."""
    whole = served.get("/openapi.json").body
    client = Pieces(served)
    with client.link:
        client.run(lambda: client.secure.write(b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n"))
        with contextlib.suppress(ssl.SSLWantReadError):
            client.secure.unwrap()
        client.flush()
        client.link.shutdown(socket.SHUT_WR)
        answer = 0
        while part := client.link.recv(65536):
            answer += len(part)
        assert answer > len(whole)


def test_noise_ends_only_its_own_connection(served):
    for noise in (b"\x16\x03\x01\x00\x05hello", b"\x16\x03\x01\xff\xff" + b"\x00" * 70_000, b"\x00" * 100):
        served.exchange(noise)
    assert served.get("/health").status == 200


def test_half_open_handshakes_have_a_bound(make_node, authority):
    """Over it the oldest goes, and who means it comes in."""
    node = make_node(trust=authority.trust(), WORKERS=1, **authority.issue("bound").settings)
    with contextlib.ExitStack() as stack:
        links = [stack.enter_context(node.connect(30)) for _ in range(1024)]
        # The next ones are one too many each.
        assert node.get("/health").status == 200
        with pytest.raises(OSError):
            # Reset, or ended in order.
            if links[0].recv(1) == b"":
                raise OSError
        links[-1].setblocking(False)
        with pytest.raises(BlockingIOError):
            links[-1].recv(1)
        assert 'reason="handshakes"' in node.get("/metrics").body.decode()


def test_a_slow_reader_is_closed(make_node, authority, room):
    """What waits in TLS counts as unsent."""
    node = make_node(trust=authority.trust(), SEND_QUEUE_BYTES=65536, **authority.issue("slow").settings)
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.connect(("127.0.0.1", node.port))
    with node.trust.wrap_socket(raw, server_hostname="127.0.0.1") as link, Client(node, room, "ann") as ann:
        link.sendall(
            f"GET {path(room, 'eve')} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        ann.take("joined")
        deadline = time.monotonic() + seconds(30)
        while time.monotonic() < deadline:
            ann.send("message", content="z" * 60_000)
            ann.seek("ack")
            if "4102" in node.log:
                return
        raise AssertionError("the slow reader was never closed")


def test_a_reload_drops_nobody(make_node, authority):
    """Ten new certificates while hundreds are connected; a bad file keeps the last good one."""
    files = authority.issue("reloaded")
    node = make_node(trust=authority.trust(), **files.settings)

    def serial():
        with node.trust.wrap_socket(node.connect(), server_hostname="127.0.0.1") as link:
            return link.getpeercert()["serialNumber"]

    def reload():
        before = node.log.count("read again")
        node.process.send_signal(signal.SIGHUP)
        until(lambda: node.log.count("read again") > before, what="the reload")

    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(node, f"room-{n % 10}", f"user-{n}")) for n in range(200)]
        stop = threading.Event()
        said, failures = [0], []

        def talk(part):
            try:
                while not stop.is_set():
                    for client in part:
                        client.send("message", content="still here")
                        assert client.seek("ack", bound=30)
                        said[0] += 1
            except Exception as failure:  # noqa: BLE001
                failures.append(failure)

        threads = [threading.Thread(target=talk, args=[clients[n::4]]) for n in range(4)]
        for thread in threads:
            thread.start()
        serials = [serial()]
        for _ in range(10):
            authority.issue("reloaded")
            reload()
            serials.append(serial())
        files.key.write_text("no key")
        reload()
        assert serial() == serials[-1] and "TLS_KEY_FILE: it holds no private key in PEM form" in node.log
        before = said[0]
        until(lambda: failures or said[0] > before + 200, 30, "messages after the reloads")
        stop.set()
        for thread in threads:
            thread.join(seconds(60))
        assert not failures
        assert len(set(serials)) == 11


def test_files_that_can_not_be_used_stop_the_start(make_node, authority, tmp_path):
    """Exit 78, and one line: which variable, and why."""
    good, other = authority.issue("good"), authority.issue("other")
    old = authority.issue("old", expired=True)
    empty = tmp_path / "empty"
    empty.touch()
    locked = tmp_path / "locked.key"
    subprocess.run(
        ["openssl", "ec", "-in", str(good.key), "-aes128", "-passout", "pass:secret", "-out", str(locked)],
        check=True,
        capture_output=True,
        timeout=seconds(30),
    )
    cases = [
        ({"TLS_CERT_FILE": good.cert}, "TLS_CERT_FILE", "TLS_KEY_FILE is not set"),
        ({"TLS_KEY_FILE": good.key}, "TLS_KEY_FILE", "TLS_CERT_FILE is not set"),
        ({"TLS_CERT_FILE": tmp_path / "none", "TLS_KEY_FILE": good.key}, "TLS_CERT_FILE", "No such file"),
        ({"TLS_CERT_FILE": empty, "TLS_KEY_FILE": good.key}, "TLS_CERT_FILE", "no certificate"),
        ({"TLS_CERT_FILE": good.cert, "TLS_KEY_FILE": empty}, "TLS_KEY_FILE", "no private key"),
        ({"TLS_CERT_FILE": good.cert, "TLS_KEY_FILE": other.key}, "TLS_KEY_FILE", "not that of the certificate"),
        ({"TLS_CERT_FILE": good.cert, "TLS_KEY_FILE": locked}, "TLS_KEY_FILE", "passphrase"),
        (old.settings, "TLS_CERT_FILE", "expired at Jan  2"),
    ]
    for settings, variable, why in cases:
        node = make_node(start=False, **settings).launch()
        assert node.wait() == 78, (settings, node.log)
        lines = [line for line in node.log.splitlines() if line.strip()]
        assert len(lines) == 1 and f"{variable} is" in lines[0] and why in lines[0], node.log


def test_curl(served, authority):
    """Another client, with the chain and the name checked."""
    done = subprocess.run(
        ["curl", "-sS", "--cacert", str(authority.ca), f"https://localhost:{served.port}/health"],
        capture_output=True,
        text=True,
        timeout=seconds(20),
    )
    assert done.returncode == 0 and '"status"' in done.stdout, done.stderr


def test_a_large_plain_request_is_answered_too(served):
    """The answer is not lost behind a reset, however much of the request the node has not read."""
    head = b"POST /api/rooms/r/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 8000000\r\n\r\n"
    with served.connect(30) as link:
        link.sendall(head)
        sent = 0
        with contextlib.suppress(ConnectionError):
            # What the node still takes of it; at the end it is cut, as nobody wants it.
            while sent < 8_000_000:
                sent += link.send(b"x" * 65_536)
        answer = b""
        while part := link.recv(65_536):
            answer += part
    assert answer.startswith(b"HTTP/1.1 400 ") and b"use https:// or wss://" in answer
    assert served.get("/health").status == 200
