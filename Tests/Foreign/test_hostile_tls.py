"""Contract, section 7: clients of TLS that mean harm, or are broken. Each harms its own connection and nothing else."""

import contextlib
import ctypes
import ctypes.util
import os
import random
import signal
import socket
import ssl
import struct

import pytest
from client import Client, path
from node import until

REQUEST = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture(autouse=True)
def _others_are_served(served, room):
    """Whatever a test has done: somebody who is in goes on, and somebody new comes in."""
    with Client(served, room, f"witness of {room}") as witness:
        yield
        witness.send("message", content="still here")
        assert witness.seek("ack")
    assert served.get("/health").status == 200


def hello(served, name="127.0.0.1"):
    """The bytes of a good ClientHello, and what goes on behind it."""
    received, made = ssl.MemoryBIO(), ssl.MemoryBIO()
    secure = served.trust.wrap_bio(received, made, server_hostname=name)
    with contextlib.suppress(ssl.SSLWantReadError):
        secure.do_handshake()
    return made.read(), secure, received, made


def record(kind, body, version=b"\x03\x03"):
    return bytes([kind]) + version + struct.pack(">H", len(body)) + body


def noise(seed, count):
    return random.Random(seed).randbytes(count)


def altered(data, place, value):
    return data[:place] + bytes([value]) + data[place + 1 :]


def ends(served, *parts):
    """Sends these, and reads until the node ends the connection, which it must."""
    with served.connect(30) as link:
        with contextlib.suppress(ConnectionError):
            for part in parts:
                link.sendall(part)
            while link.recv(65_536):
                pass


FIRST = {
    "alert": lambda good: record(21, b"\x02\x28"),
    "warnings": lambda good: record(21, b"\x01\x5a") * 100,
    "close_notify": lambda good: record(21, b"\x01\x00"),
    "data before the handshake": lambda good: record(23, b"x" * 100),
    "change_cipher_spec": lambda good: record(20, b"\x01") * 200,
    "empty records": lambda good: record(22, b"") * 200,
    "unknown kind": lambda good: record(22, b"\x63\x00\x00\x00"),
    "SSL 2": lambda good: b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + b"x" * 40,
    "SSL 3": lambda good: altered(altered(good, 2, 0), 10, 0),
    "version of the future": lambda good: altered(good, 1, 9),
    "record too long": lambda good: b"\x16\x03\x01\xff\xff" + b"x" * 70_000,
    "hello too long": lambda good: record(22, b"\x01\xff\xff\xff" + b"x" * 16_000) * 20,
    "hello of no length": lambda good: record(22, b"\x01\x00\x00\x00"),
    "two hellos": lambda good: good + good,
    "hello cut short": lambda good: altered(good, 8, good[8] - 9)[:-9],
    "no ciphers": lambda good: record(22, b"\x01\x00\x00\x29\x03\x03" + b"r" * 32 + b"\x00\x00\x00\x01\x00"),
    "server's message": lambda good: record(22, b"\x02" + good[6:]),
    "finished first": lambda good: record(22, b"\x14\x00\x00\x20" + b"f" * 32),
    "key update first": lambda good: record(22, b"\x18\x00\x00\x01\x01"),
    "TLS then plain": lambda good: good + REQUEST,
    "http 2": lambda good: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "nul bytes": lambda good: b"\x00" * 10_000,
    "heartbeat": lambda good: good + record(24, b"\x01\x40\x00" + b"x" * 20),
}


@pytest.mark.parametrize("name", FIRST)
def test_hostile_beginnings(served, name):
    ends(served, FIRST[name](hello(served)[0]))


@pytest.mark.parametrize("seed", range(12))
def test_damaged_hellos(served, seed):
    """Any byte of a good ClientHello may be another, or all that follows."""
    good = hello(served)[0]
    chance = random.Random(seed)
    with served.connect(30) as link, contextlib.suppress(ConnectionError):
        link.sendall(altered(good, chance.randrange(5, len(good)), chance.randrange(256)) + noise(seed, 200))
        link.shutdown(socket.SHUT_WR)
        while link.recv(65_536):
            pass


def test_hello_in_a_record_for_each_byte(served):
    """RFC 8446 §5.1 allows to cut a message anywhere."""
    good, secure, received, made = hello(served)
    message = good[5:]
    with served.connect(30) as link:
        link.sendall(b"".join(record(22, bytes([byte]), b"\x03\x01") for byte in message))
        while True:
            try:
                secure.do_handshake()
                break
            except ssl.SSLWantReadError:
                received.write(link.recv(65_536))
        link.sendall(made.read())
        secure.write(REQUEST)
        link.sendall(made.read())
        answer = b""
        while b"200 OK" not in answer:
            received.write(link.recv(65_536))
            with contextlib.suppress(ssl.SSLWantReadError):
                answer += secure.read(65_536)


@pytest.mark.parametrize("name", ["x" * 255, "a..b", "xn--", "*.example.com", "-", "localhost.", "ümlaut.example", "1"])
def test_odd_names_are_no_reason_to_refuse(served, name):
    """The node has one certificate: whom a client asks for is the client's matter."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        link = context.wrap_socket(served.connect(), server_hostname=name)
    except (ValueError, ssl.SSLError, UnicodeError):
        # Python or OpenSSL does not send it; then it does no harm either.
        return
    with link:
        link.sendall(REQUEST)
        assert link.recv(65_536).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("how", ["data", "alert", "handshake", "noise", "plain"])
def test_garbage_behind_the_handshake(served, how):
    link = served.trust.wrap_socket(served.connect(30), server_hostname="127.0.0.1")
    link.sendall(REQUEST)
    assert link.recv(65_536).startswith(b"HTTP/1.1 200")
    raw = socket.socket(fileno=os.dup(link.fileno()))
    with link, raw:
        raw.settimeout(30)
        garbage = {
            "data": record(23, b"x" * 100),
            "alert": record(21, b"\x02\x00"),
            "handshake": record(22, b"\x01\x00\x00\x00"),
            "noise": noise(1, 1000),
            "plain": REQUEST,
        }
        raw.sendall(garbage[how])
        with contextlib.suppress(ConnectionError):
            while raw.recv(65_536):
                pass


def test_an_end_without_close_notify(served, room):
    """As many clients do it: it is the end of that client, and of nothing else."""
    with Client(served, room, "bob") as bob:
        link = served.trust.wrap_socket(served.connect(30), server_hostname="127.0.0.1")
        with link:
            link.sendall(
                f"GET {path(room, 'ann')} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
            )
            assert bob.seek("joined", user="ann")
        assert bob.seek("left", bound=30, user="ann")


def test_renegotiation_is_refused(served):
    """TLS 1.2 had it."""
    session = OpenSSL(served, version=0x0303)
    with session:
        session.ask()
        session.lib.SSL_renegotiate(session.ssl)
        for _ in range(3):
            if session.lib.SSL_do_handshake(session.ssl) != 1:
                break
        else:
            pytest.fail("renegotiated")


def test_a_ticket_behind_a_reload(served):
    """It is of keys that are gone: the client shakes hands in full, and is served."""
    context = served.trust
    with context.wrap_socket(served.connect(), server_hostname="127.0.0.1") as link:
        link.sendall(REQUEST)
        link.recv(65_536)
        session = link.session
    for is_reused in (True, False):
        if not is_reused:
            before = served.log.count("read again")
            served.process.send_signal(signal.SIGHUP)
            until(lambda: served.log.count("read again") > before, what="the reload")
        with context.wrap_socket(served.connect(), server_hostname="127.0.0.1", session=session) as link:
            link.sendall(REQUEST)
            assert link.recv(65_536).startswith(b"HTTP/1.1 200") and link.session_reused == is_reused


def test_a_ticket_of_another_node(served, make_node, authority):
    other = make_node(trust=authority.trust(), **authority.issue("other").settings)
    with served.trust.wrap_socket(served.connect(), server_hostname="127.0.0.1") as link:
        link.sendall(REQUEST)
        link.recv(65_536)
        session = link.session
    with served.trust.wrap_socket(other.connect(), server_hostname="127.0.0.1", session=session) as link:
        link.sendall(REQUEST)
        assert link.recv(65_536).startswith(b"HTTP/1.1 200") and not link.session_reused


class OpenSSL:
    """A client by OpenSSL itself, for what Python does not offer."""

    def __init__(self, node, version=0x0304):
        self.lib = ctypes.CDLL(ctypes.util.find_library("ssl"))
        for name in ("TLS_client_method", "SSL_CTX_new", "SSL_new"):
            getattr(self.lib, name).restype = ctypes.c_void_p
        self.lib.SSL_CTX_new.argtypes = self.lib.SSL_new.argtypes = [ctypes.c_void_p]
        for name in ("SSL_connect", "SSL_do_handshake", "SSL_renegotiate", "SSL_free"):
            getattr(self.lib, name).argtypes = [ctypes.c_void_p]
        self.lib.SSL_key_update.argtypes = self.lib.SSL_set_fd.argtypes = [ctypes.c_void_p, ctypes.c_int]
        for name in ("SSL_read", "SSL_write"):
            getattr(self.lib, name).argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
        self.lib.SSL_ctrl.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_void_p]
        self.link = node.connect(30)
        self.ssl = self.lib.SSL_new(self.lib.SSL_CTX_new(self.lib.TLS_client_method()))
        for bound in (123, 124):  # SSL_CTRL_SET_MIN_PROTO_VERSION and …MAX…
            self.lib.SSL_ctrl(self.ssl, bound, version, None)
        self.link.setblocking(True)
        self.lib.SSL_set_fd(self.ssl, self.link.fileno())
        assert self.lib.SSL_connect(self.ssl) == 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lib.SSL_free(self.ssl)
        self.link.close()

    def ask(self):
        """One request with its answer; False when the connection is over."""
        if self.lib.SSL_write(self.ssl, REQUEST, len(REQUEST)) != len(REQUEST):
            return False
        answer = ctypes.create_string_buffer(65_536)
        count = self.lib.SSL_read(self.ssl, answer, 65_536)
        return count > 0 and answer.raw.startswith(b"HTTP/1.1 200")

    def update_keys(self, wants_answer=False):
        return self.lib.SSL_key_update(self.ssl, int(wants_answer)) == 1 and self.lib.SSL_do_handshake(self.ssl) == 1


@pytest.mark.parametrize("wants_answer", [False, True])
def test_new_keys_now_and_then(served, wants_answer):
    with OpenSSL(served) as session:
        for _ in range(10):
            assert session.update_keys(wants_answer) and session.ask()


@pytest.mark.parametrize("wants_answer", [False, True])
def test_a_flood_of_new_keys_is_ended(served, wants_answer):
    """Each costs the node much more than its sender: behind a few without a byte of data the connection is over."""
    with OpenSSL(served) as session:
        assert session.ask()
        for _ in range(260):
            if not session.update_keys(wants_answer):
                break
        assert not session.ask()
