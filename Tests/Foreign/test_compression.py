"""RFC 7692 (permessage-deflate), with COMPRESSION=on: clients that others wrote, and bytes on the wire."""

import asyncio
import json
import os
import random
import zlib

import aiohttp
import pytest
import websockets.sync.client
from client import Client, path
from node import Node, seconds
from test_closes import close_code, handshake, masked, read_frames
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

PLAIN = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
TEXT = "A sentence that comes again and again, with ünïcödé. " * 40


@pytest.fixture(scope="module")
def node():
    node = Node(COMPRESSION="on", ECHO_ENDPOINT=1, MAX_MESSAGE_BYTES=65536, MESSAGES_PER_SECOND=10000).start()
    yield node
    node.stop()


class Recording(ClientPerMessageDeflateFactory):
    """Keeps for each data frame that comes whether it was compressed, and its length on the wire."""

    def process_response_params(self, params, accepted_extensions):
        extension = super().process_response_params(params, accepted_extensions)
        decode, self.frames = extension.decode, []

        def recording(frame, *, max_size=None):
            self.frames.append((frame.rsv1, len(frame.data)))
            return decode(frame, max_size=max_size)

        extension.decode = recording
        return extension


def compressing(node, room, user, factory=None, **query):
    """A client that offers compression, which has to be taken."""
    factory = factory or Recording()
    client = Client(node, room, user, extensions=[factory], **query)
    assert [extension.name for extension in client.socket.protocol.extensions] == ["permessage-deflate"]
    client.factory = factory
    return client


# Negotiation


def answered(node, offer):
    """What the node answers to an offer: the status and the value of Sec-WebSocket-Extensions."""
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Extensions": offer,
    }
    answer = node.get("/echo", headers=headers)
    return answer.status, answer.headers.get("sec-websocket-extensions")


@pytest.mark.parametrize(
    "offer, answer",
    [
        ("permessage-deflate", PLAIN),
        ("permessage-deflate; client_max_window_bits", PLAIN),  # Chromium, ws, websockets
        ("permessage-deflate; client_max_window_bits=9; client_no_context_takeover", PLAIN),
        ("permessage-deflate; server_max_window_bits=15", PLAIN + "; server_max_window_bits=13"),
        ('permessage-deflate; server_max_window_bits="10"', PLAIN + "; server_max_window_bits=10"),
        ("permessage-deflate; server_max_window_bits=8, permessage-deflate", PLAIN),
        ("permessage-deflate; server_max_window_bits=8", None),
        ("permessage-deflate; surprise, x-webkit-deflate-frame", None),
        ("permessage-deflate; server_no_context_takeover; server_no_context_takeover", None),
    ],
)
def test_negotiation(node, offer, answer):
    assert answered(node, offer) == (101, answer)


@pytest.mark.parametrize("offer", ["permessage-deflate;", 'permessage-deflate; server_max_window_bits="9', "a b"])
def test_malformed_offer(node, offer):
    assert answered(node, offer)[0] == 400


def test_off_by_default(make_node):
    node = make_node(ECHO_ENDPOINT=1)
    assert answered(node, "permessage-deflate") == (101, None)


# Messages

SETTINGS = [
    {},
    {"server_no_context_takeover": True, "client_no_context_takeover": True},
    {"server_max_window_bits": 9, "client_max_window_bits": 9},
    {"server_max_window_bits": 12, "client_max_window_bits": 15},
    {"server_max_window_bits": 15, "client_max_window_bits": None},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_messages_both_ways(node, room, name, settings):
    """Compressed, plain and differently compressed members of one room see the same."""
    with (
        compressing(node, room, name("ann"), Recording(**settings)) as ann,
        compressing(node, room, name("bob")) as bob,
        Client(node, room, name("cid")) as cid,
    ):
        bob.seek("joined")
        ann.fence()
        generator = random.Random(7)
        noise = "".join(chr(generator.randrange(32, 0x3000)) for _ in range(9000))
        for content in [TEXT, "small", noise, TEXT * 20, {"list": list(range(500))}]:
            seq = ann.say(content)["seq"]
            for other in (bob, cid):
                message = other.seek("message")
                assert message["content"] == content and message["seq"] == seq
            cid.say(content)
            assert ann.seek("message")["content"] == content
            assert bob.seek("message")["content"] == content


def test_what_is_compressed(node, room, name):
    """A message of some length is, for those who agreed; a short one is not, and presence neither."""
    with compressing(node, room, name("ann")) as ann, Client(node, room, name("bob")) as bob:
        ann.seek("joined")
        ann.factory.frames.clear()
        bob.say(TEXT)
        bob.say("short")
        assert ann.take("message")["content"] == TEXT
        assert ann.take("message")["content"] == "short"
        (long, length), (short, _) = ann.factory.frames
        assert (long, short) == (True, False)
        assert length < len(TEXT) // 8


def test_own_messages_and_echo(node, room, name):
    """The author gets its ack in the place of the message, or before it."""
    with compressing(node, room, name("ann")) as ann, compressing(node, room, name("bob"), echo=1) as bob:
        ann.seek("joined")
        for number in range(20):
            content = TEXT if number % 2 else number
            ann.send("message", content=content)
            bob.send("message", content=content)
        seen = [ann.next() for _ in range(40)]
        assert [frame["seq"] for frame in seen] == list(range(1, 41))
        assert sum(frame["type"] == "ack" for frame in seen) == 20
        seen = [bob.next() for _ in range(60)]
        assert [frame["seq"] for frame in seen if frame["type"] == "message"] == list(range(1, 41))
        acks = [frame["seq"] for frame in seen if frame["type"] == "ack"]
        assert len(acks) == 20 and acks == sorted(acks)


def test_single_answers(node, room, name):
    """History, users, replay of room and inbox, and direct messages are compressed for the one who gets them."""
    with Client(node, room, name("bob")) as bob, compressing(node, room, name("ann"), device="d") as ann:
        position = ann.joined
        bob.seek("joined")
        for _ in range(5):
            bob.say(TEXT)
        for _ in range(5):
            assert ann.take("message")["content"] == TEXT
        bob.send("direct", to=name("ann"), content=TEXT)
        assert ann.take("direct")["content"] == TEXT
        ann.send("history")
        assert [message["content"] for message in ann.take("history")["messages"]] == [TEXT] * 5
        assert [compressed for compressed, _ in ann.factory.frames[-7:]] == [True] * 7
        ann.close()
        bob.send("direct", to=name("ann"), content=TEXT * 2, id="second")
        bob.seek("ack", id="second")
        back = compressing(node, room, name("ann"), device="d", since=position["seq"], epoch=position["epoch"])
        with back:
            for content in (TEXT, TEXT * 2):
                assert back.take("direct")["content"] == content
            assert back.joined["missed"] == 5
            for _ in range(5):
                assert back.take("message")["content"] == TEXT
            assert [compressed for compressed, _ in back.factory.frames[-5:]] == [True] * 5


def test_aiohttp(node, room, name):
    async def scenario():
        async with aiohttp.ClientSession(f"http://127.0.0.1:{node.port}") as session:
            for bits in (9, 12, 15):
                async with session.ws_connect(path(room, name(f"ann{bits}"), echo=1), compress=bits) as ann:
                    assert ann.compress
                    for size in (10, 1000, 60000):
                        await ann.send_json({"type": "message", "content": "x" * size})
                        while (frame := await ann.receive_json(timeout=seconds(5)))["type"] != "message":
                            pass
                        assert frame["content"] == "x" * size

    asyncio.run(asyncio.wait_for(scenario(), seconds(30)))


# Bytes

OFFER = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
RSV1 = 0x40


def deflated(data, **more):
    """A message as it goes over the wire."""
    compressor = zlib.compressobj(wbits=-15, **more)
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


def sent(node, data, target="/echo", headers=OFFER):
    """The frames that come for these bytes, up to the close."""
    with handshake(node, target, headers=headers) as link:
        link.sendall(data)
        return read_frames(link)


CLOSE = masked(8, b"\x03\xe8")


def echoed(node, data):
    """The one message that comes back, inflated if it has to be."""
    with handshake(node, "/echo", headers=OFFER) as link:
        link.sendall(data + CLOSE)
        (opcode, payload), close = read_frames(link, heads=True)
    assert opcode & 0x0F == 1 and close[0] == 0x88
    if not opcode & RSV1:
        return payload
    return zlib.decompressobj(wbits=-15).decompress(payload + b"\0\0\xff\xff")


def test_fragments_with_control_frames_between(node):
    data = deflated(TEXT.encode())
    parts = masked(1 | RSV1, data[:10], final=False) + masked(9, b"ping") + masked(0, data[10:], final=True)
    frames = sent(node, parts + CLOSE)
    assert [opcode for opcode, _ in frames] == [10, 1, 8]


@pytest.mark.parametrize(
    "data",
    [
        masked(0 | RSV1, b"", final=True),
        masked(1 | RSV1, b"\x00", final=False) + masked(0 | RSV1, b"", final=True),
        masked(8 | RSV1, b"\x03\xe8"),
        masked(9 | RSV1, b""),
        masked(10 | RSV1, b""),
        masked(1 | 0x20, b""),
        masked(1 | 0x10 | RSV1, b""),
    ],
)
def test_misplaced_reserved_bits_close_1002(node, data):
    assert close_code(sent(node, data)) == 1002


def test_compressed_without_agreement_closes_1002(node, gateway, room, name):
    frame = masked(1 | RSV1, deflated(b'{"type":"ping"}'))
    assert close_code(sent(node, frame, headers="")) == 1002
    # With COMPRESSION=off an offer changes nothing.
    assert close_code(sent(gateway, frame, path(room, name("ann")))) == 1002


@pytest.mark.parametrize(
    "data", [b"\xff\xff\xff", b"\x07", b"\x00\x05\x00\x00\x00", deflated(TEXT.encode())[:20], deflated(b"\xff" * 9)]
)
def test_broken_text_closes_1007(node, data):
    assert close_code(sent(node, masked(1 | RSV1, data))) == 1007


def test_final_blocks_and_stored_blocks(node):
    for compressor in (zlib.compressobj(wbits=-15), zlib.compressobj(0, wbits=-15)):
        data = compressor.compress(TEXT.encode()) + compressor.flush(zlib.Z_FINISH)
        assert echoed(node, masked(1 | RSV1, data + b"\0")).decode() == TEXT
        assert echoed(node, masked(1 | RSV1, data)).decode() == TEXT
    assert echoed(node, masked(1 | RSV1, b"\0")) == b""


@pytest.mark.parametrize("extra, code", [(0, None), (1, 1009)])
@pytest.mark.parametrize("level", [0, 9])
def test_size_of_a_compressed_message(node, room, name, level, extra, code):
    """MAX_MESSAGE_BYTES counts what a message is, not what it takes on the wire."""
    head, tail = '{"type":"ping","t":"end","pad":"', '"}'
    text = head + "x" * (65536 + extra - len(head) - len(tail)) + tail
    assert len(text) == 65536 + extra
    with handshake(node, path(room, name("ann")), headers=OFFER) as link:
        link.sendall(masked(1 | RSV1, deflated(text.encode(), level=level)))
        frames = read_frames(link, lambda opcode, payload: b'"pong"' in payload)
    if code:
        assert close_code(frames) == code
    else:
        assert json.loads(frames[-1][1])["type"] == "pong"


def test_bomb_costs_no_more_than_the_limit(node, room, name):
    """256 MiB of zeros in 256 KiB: closed with 1009, by its size on the wire or after the first 64 KiB."""
    compressor = zlib.compressobj(9, wbits=-15)
    block = bytes(1 << 20)
    data = b"".join(compressor.compress(block) for _ in range(256)) + compressor.flush(zlib.Z_SYNC_FLUSH)
    assert len(data) < 300_000
    before = resident(node)
    assert close_code(sent(node, masked(2 | RSV1, data[:-4]), path(room, name("ann")))) == 1009
    # What of it fits on the wire: more than 60 MB.
    for number in range(20):
        assert close_code(sent(node, masked(1 | RSV1, data[:65536]), path(room, name(f"bob{number}")))) == 1009
    # The endpoint for conformance suites takes 16 MiB.
    assert close_code(sent(node, masked(2 | RSV1, data[:-4]))) == 1009
    assert resident(node) - before < 64 * 1024 * 1024


def resident(node):
    """Bytes of memory that the node holds."""
    with open(f"/proc/{node.process.pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("seed", range(3))
def test_random_messages_through_the_echo(node, seed):
    """Whatever the content, the compressor's level and the fragments: the same comes back."""
    generator = random.Random(seed)
    with websockets.sync.client.connect(
        node.url("/echo"), extensions=[Recording()], max_size=None, proxy=None
    ) as socket:
        for _ in range(100):
            size = generator.choice([0, 1, 100, 255, 256, 257, 5000, 70000])
            data = bytes(generator.randrange(generator.randrange(1, 256)) for _ in range(size))
            cuts = sorted(generator.randrange(size + 1) for _ in range(generator.randrange(4)))
            parts = [data[start:end] for start, end in zip([0] + cuts, cuts + [size])]
            socket.send(iter(parts) if len(parts) > 1 else data)
            assert socket.recv(timeout=seconds(5)) == data, f"seed {seed}"
