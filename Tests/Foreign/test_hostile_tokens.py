"""Section 6: requests with tokens that mean harm, where HTTP and the token meet. What a token itself may say has its
table in Tests/TokensTests. Nobody here may come in, and each answer is the one that the contract has for it."""

import base64
import contextlib
import json
import signal
import urllib.parse

import pytest
from client import Client
from node import Node, until
from tokens import SECRET, KeyPair, claims, hmac_of, signed, text, token
from test_tokens import refusal

GOOD = claims("ann", ttl=3600)


@pytest.fixture(scope="module")
def asking():
    node = Node(JWT_SECRET=SECRET).start()
    yield node
    node.stop()


def forged(header=None, body=None, secret=SECRET):
    return signed({"alg": "HS256"} | (header or {}), body or GOOD, lambda data: hmac_of(secret, data))


def raw(header, body):
    """Signed with the right secret, from texts."""
    data = text(header.encode()) + "." + text(body.encode())
    return data + "." + text(hmac_of(SECRET, data.encode()))


def upgrade(node, target, *lines):
    """The status of the answer, and what comes behind a 101."""
    head = [
        f"GET {target} HTTP/1.1",
        "Host: a",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        *lines,
    ]
    with node.connect() as link:
        link.sendall("\r\n".join([*head, "", ""]).encode("latin-1"))
        answer = b""
        with contextlib.suppress(TimeoutError):
            while part := link.recv(65_536):
                answer += part
                head, _, rest = answer.partition(b"\r\n\r\n")
                # A refusal, or what the WebSocket has begun or ended with.
                if rest and (b" 101 " not in head[:20] or b"joined_room" in rest or b"\x88" in rest):
                    break
    head, _, rest = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), rest


BAD = {
    "kid of a file": (forged({"kid": "../../../../dev/null"}, secret=""), None),
    "kid of a query": (forged({"kid": "' UNION SELECT 'x"}, secret="x"), "token_signature"),
    "kid with a nul": (forged({"kid": "a\0b"}, secret="x"), "token_signature"),
    "kid of no text": (forged({"kid": ["a"]}), "token_bad_header"),
    "kid of 6,000 bytes": (forged({"kid": "k" * 6000}, secret="x"), "token_signature"),
    "empty secret": (forged(secret=""), "token_signature"),
    "secret with a space more": (forged(secret=SECRET + " "), "token_signature"),
    "secret with a newline more": (forged(secret=SECRET + "\n"), "token_signature"),
    "none": (forged({"alg": "none"}), "token_algorithm"),
    "NONE": (forged({"alg": "NONE"}), "token_algorithm"),
    "hs256": (forged({"alg": "hs256"}), "token_algorithm"),
    "HS512": (forged({"alg": "HS512"}), "token_algorithm"),
    "RS256 of a node without one": (forged({"alg": "RS256"}), "token_algorithm"),
    "alg of no text": (forged({"alg": None}), "token_bad_header"),
    "crit": (forged({"crit": ["exp"]}), "token_critical"),
    "crit of nothing": (forged({"crit": []}), "token_critical"),
    "b64 off": (forged({"b64": False, "crit": ["b64"]}), "token_critical"),
    "jwk of its own": (forged({"jwk": {"kty": "oct", "k": text(b"mine")}}, secret="mine"), "token_signature"),
    "jku": (forged({"jku": "https://127.0.0.1/keys"}, secret="mine"), "token_signature"),
    "two subjects": (raw('{"alg":"HS256"}', '{"sub":"ann","sub":"bob","exp":4000000000}'), "token_repeated_member"),
    "two algs": (raw('{"alg":"HS256","alg":"none"}', json.dumps(GOOD)), "token_repeated_member"),
    "an escaped second sub": (
        raw('{"alg":"HS256"}', '{"sub":"ann","\\u0073ub":"bob","exp":4000000000}'),
        "token_repeated_member",
    ),
    "exp in milliseconds": (forged(body={"sub": "ann", "exp": 4_000_000_000_000}), "token_bad_claims"),
    "exp of 1e300": (raw('{"alg":"HS256"}', '{"sub":"ann","exp":1e300}'), "token_bad_claims"),
    "exp of 40 digits": (raw('{"alg":"HS256"}', '{"sub":"ann","exp":' + "9" * 40 + "}"), "token_bad_claims"),
    "exp as text": (forged(body={"sub": "ann", "exp": "4000000000"}), "token_bad_claims"),
    "exp below 0": (forged(body={"sub": "ann", "exp": -1}), "token_bad_claims"),
    "no exp": (forged(body={"sub": "ann"}), "token_no_exp"),
    "no sub": (forged(body={"exp": 4_000_000_000}), "token_no_sub"),
    "sub of no text": (forged(body={"sub": 7, "exp": 4_000_000_000}), "token_bad_claims"),
    "empty sub": (forged(body={"sub": "", "exp": 4_000_000_000}), "token_bad_claims"),
    "nul in sub": (forged(body={"sub": "ann\0", "exp": 4_000_000_000}), "token_bad_claims"),
    "sub in full width": (forged(body={"sub": "ａｎｎ", "exp": 4_000_000_000}), None),
    "sub in Cyrillic": (forged(body={"sub": "аnn", "exp": 4_000_000_000}), None),
    "sub with a mark": (forged(body={"sub": "ann\u200b", "exp": 4_000_000_000}), None),
    "a lone surrogate": (raw('{"alg":"HS256"}', '{"sub":"\\ud800","exp":4000000000}'), "token_bad_claims"),
    "sub of 100,000 levels": (raw('{"alg":"HS256"}', '{"sub":' + "[" * 2500 + "]" * 2500 + "}"), "token_bad_claims"),
    "claims of a list": (raw('{"alg":"HS256"}', "[]"), "token_bad_claims"),
    "claims of nothing": (raw('{"alg":"HS256"}', ""), "token_bad_claims"),
    "rooms of no list": (forged(body=GOOD | {"rooms": "r"}), "token_bad_claims"),
    "rooms of numbers": (forged(body=GOOD | {"rooms": [1]}), "token_bad_claims"),
    "no room": (forged(body=GOOD | {"rooms": []}), "token_other_room"),
    "a star before the name": (forged(body=GOOD | {"rooms": ["*r"]}), "token_other_room"),
    "padded": (base64.urlsafe_b64encode(b'{"alg":"HS256"} ').decode() + "." + "=." + "==", "token_malformed"),
    "four parts": (forged() + ".x", "token_malformed"),
    "five parts": (forged() + "." + forged(), "token_malformed"),
    "a dot": (".", "token_malformed"),
    "dots": ("..", "token_bad_header"),
    "no signature": (forged().rpartition(".")[0] + ".", "token_signature"),
    "a newline": (forged() + "\n", "token_malformed"),
    "a space before": (" " + forged(), "token_malformed"),
    "a plus": (forged().replace(".", "+.", 1), "token_malformed"),
    "a signature with other last bits": (forged()[:-1] + chr(ord(forged()[-1]) + 1), None),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_tokens(asking, name):
    """Refused by a close, not by a frame: by the reason that is meant, or by any of the contract."""
    bad, reason = BAD[name]
    code, found = refusal(asking, token=bad)
    assert code in {4001, 4003} and found.startswith("token_"), found
    assert reason is None or found == reason


def test_two_places(asking):
    """The query counts before the header, whichever is good; two in one place are none."""
    good = urllib.parse.quote(token("ann"))
    bearer = f"Authorization: Bearer {token('ann')}"
    cases = [
        ((f"/ws/r/ann?token={good}", "Authorization: Bearer x"), 101, b"joined_room"),
        (("/ws/r/ann?token=x", bearer), 101, b"token_malformed"),
        (("/ws/r/ann?token=", bearer), 101, b"token_missing"),
        ((f"/ws/r/ann?token={good}&token=x",), 400, b"more than once"),
        ((f"/ws/r/ann?token=x&token={good}",), 400, b"more than once"),
        ((f"/ws/r/ann?%74oken={good}&token=x",), 400, b"more than once"),
        (("/ws/r/ann", bearer, bearer), 101, b"token_malformed"),
        (("/ws/r/ann", bearer, "Authorization: Basic eA=="), 101, b"token_malformed"),
        (("/ws/r/ann", "Authorization: Basic eA==", bearer), 101, b"token_missing"),
        (("/ws/r/ann", bearer.replace("Bearer", "bEARER")), 101, b"joined_room"),
        (("/ws/r/ann", bearer.replace("Bearer ", "Bearer")), 101, b"token_missing"),
        (("/ws/r/ann", bearer + ", x"), 101, b"token_malformed"),
        ((f"/ws/r/ann?TOKEN={good}",), 101, b"token_missing"),
        (("/ws/r/ann", f"Cookie: token={token('ann')}"), 101, b"token_missing"),
        ((f"/ws/r/bob?token={good}",), 101, b"token_other_user"),
        ((f"/ws/r/%61nn?token={good}",), 101, b"joined_room"),
        ((f"/ws/r/ann/../bob?token={good}",), 404, b""),
        ((f"/ws/r/ann?token={'x' * 8193}",), 414, b""),
        (("/ws/r/ann", f"Authorization: Bearer {'x' * 8193}"), 101, b"token_too_long"),
    ]
    for request, status, words in cases:
        found, rest = upgrade(asking, *request)
        assert found == status and words in rest, (request, found, rest)
        assert b"joined_room" in words or b"joined_room" not in rest


def test_tokens_of_others_on_a_living_connection(asking):
    """A fresh token that is bad, or another user's, changes nothing, however often."""
    with Client(asking, "r", "ann", token=token("ann", ttl=3600)) as client:
        none = forged({"alg": "none"})
        for bad in [token("bob"), token("ann", ttl=-60), forged(secret="x"), "", "x" * 8193, "a.b.c", none]:
            client.send("token", token=bad, id="t")
            assert client.error("forbidden")["id"] == "t"
        for broken in (7, None, ["x"], {"a": 1}):
            client.send("token", token=broken)
            client.error("bad_frame")
        assert client.say("still here")["type"] == "ack"


def jwks(*keys):
    return json.dumps({"keys": list(keys)})


def jwk(keys, **more):
    """Of an Ed25519 pair."""
    der = keys.openssl("pkey", "-in", keys.private, "-pubout", "-outform", "DER")
    return {"kty": "OKP", "crv": "Ed25519", "x": text(der[-32:])} | more


def test_bad_key_files_at_sighup_change_nothing(tmp_path):
    """Whatever stands in the file: the old keys hold until one is good as a whole."""
    (tmp_path / "second").mkdir()
    first, second = KeyPair(tmp_path, "ed25519"), KeyPair(tmp_path / "second", "ed25519")
    path = tmp_path / "keys"
    path.write_text(jwks(jwk(first, kid="1")))
    node = Node(JWT_PUBLIC_KEY_FILE=path).start()

    def reload(content):
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        before = node.log.count("read again")
        node.process.send_signal(signal.SIGHUP)
        until(lambda: node.log.count("read again") > before, what="reading the file")
        return "not read again" not in node.log.splitlines()[-1]

    pem = second.public.read_text()
    bad = [
        "",
        "{",
        "null",
        jwks(),
        jwks(jwk(second), 7),
        jwks(jwk(second), jwk(second, kid=7)),
        jwks(jwk(second), jwk(second, x="AAAA")),
        jwks(jwk(second, d="AAAA")),
        jwks({"kty": "oct", "k": text(SECRET.encode())}),
        jwks(jwk(second)) + jwks(jwk(second)),
        jwks(*[jwk(second, kid=str(number)) for number in range(33)]),
        second.private.read_text(),
        pem[:60],
        pem + pem[:60],
        pem + second.private.read_text(),
        b"\xff\xfe" + pem.encode("utf-16-le"),
        b"\x00" * 100,
    ]
    for content in bad:
        assert not reload(content), content
        with Client(node, "r", "ann", token=first.token("ann")):
            pass
        assert refusal(node, token=second.token("ann")) == (4001, "token_signature")
    # Two keys with one name are two keys, as while one follows the other.
    assert reload(jwks(jwk(first, kid="1"), jwk(second, kid="1")))
    for keys in (first, second):
        with Client(node, "r", "ann", token=keys.token("ann")):
            pass
    path.unlink()
    node.process.send_signal(signal.SIGHUP)
    until(lambda: "can't be read" in node.log, what="the refusal")
    with Client(node, "r", "ann", token=second.token("ann")):
        pass
    node.stop()
