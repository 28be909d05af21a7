"""Section 6, tokens: who comes in, what they may do, renewal on the living connection, and new keys at SIGHUP."""

import contextlib
import re
import signal
import subprocess
import sys
import threading
import time

import pytest
from client import Client, Closed
from node import BINARY, ROOT, Node, until
from tokens import SECRET, KeyPair, hmac_of, signed, token


@pytest.fixture(scope="module")
def asking():
    """A node that asks for tokens."""
    node = Node(JWT_SECRET=SECRET, LOG_LEVEL="TRACE", HEARTBEAT_INTERVAL_SECONDS="1").start()
    yield node
    node.stop()


def refusal(node, room="r", user="ann", headers=None, **query):
    """How a connection that is not let in is closed: code and reason. The upgrade itself succeeds."""
    with contextlib.closing(Client(node, room, user, headers=headers, joined=False, **query)) as client:
        with pytest.raises(Closed) as closed:
            client.next()
        return closed.value.code, closed.value.details["reason"]


def test_who_comes_in(asking):
    good = token("ann")
    with Client(asking, "who", "ann", token=good) as client:
        assert client.welcome["expires_at"] % 1000 == 0
        assert client.say("hello")["seq"] >= 1
    with Client(asking, "r", "ann", headers={"Authorization": f"Bearer {good}"}):
        pass
    assert refusal(asking) == (4001, "token_missing")
    assert refusal(asking, token="x") == (4001, "token_malformed")
    assert refusal(asking, token=token("ann", ttl=-6)) == (4001, "token_expired")
    assert refusal(asking, token=token("ann", secret="another one")) == (4001, "token_signature")
    assert refusal(asking, token=token("ann", nbf=int(time.time()) + 60)) == (4001, "token_not_yet_valid")
    assert refusal(asking, token=signed({"alg": "none"}, {"sub": "ann"}, lambda _: b"")) == (4001, "token_algorithm")
    assert refusal(asking, user="bob", token=good) == (4003, "token_other_user")
    assert refusal(asking, token=token("ann", rooms=["s", "t-*"])) == (4003, "token_other_room")
    with Client(asking, "t-1", "ann", token=token("ann", rooms=["s", "t-*"])):
        pass


def test_no_token_stands_in_the_log(asking):
    """Not even at the level that says the most, for good ones and for bad ones; refusals have a line with the user."""
    good, bad = token("ann"), token("ann", secret="another one")
    with Client(asking, "logged", "ann", token=good) as client:
        client.send("token", token=token("ann", mark=1))
        client.take("token")
        client.send("token", token=bad)
        client.error("forbidden")
    refusal(asking, user="carol", token=bad)
    until(lambda: "user=carol" in asking.log, what="a line about the refusal")
    for part in {word for made in (good, bad) for word in made.split(".")[1:]} | {SECRET}:
        assert part not in asking.log


def test_reading_rooms(asking):
    rights = token("ann", rooms=["reader"], rooms_read=["quiet"])
    bob = Client(asking, "quiet", "bob", token=token("bob"))
    with bob, Client(asking, "reader", "ann", token=rights) as ann:
        ann.send("join", room="other")
        assert ann.error("forbidden")["room"] == "other"
        ann.send("join", room="quiet")
        ann.take("joined_room", room="quiet")
        for type, fields in [
            ("message", {"content": 1}),
            ("typing", {"typing": True}),
            ("signal", {"name": "s"}),
            ("read", {"seq": 1}),
        ]:
            ann.send(type, room="quiet", **fields)
            assert ann.error("forbidden")["room"] == "quiet"
        bob.send("message", content="to listen to")
        bob.seek("ack")
        assert ann.seek("message", room="quiet")["content"] == "to listen to"


def test_fresh_token_takes_rooms_away(asking):
    with Client(asking, "url", "dora", token=token("dora")) as client:
        for room in ("a", "b"):
            client.send("join", room=room)
            client.take("joined_room", room=room)
        client.send("token", token=token("dora", ttl=300, rooms=["b"]))
        assert client.take("token")["expires_at"] > (time.time() + 200) * 1000
        for room in ("url", "a"):
            assert client.take("left_room")["reason"] == "forbidden"
        assert client.say("still here", room="b")["type"] == "ack"
        client.send("message", content=1)
        client.error("not_in_room")


def test_rooms_that_are_taken_away_are_deleted_too(make_node):
    """Whichever comes first, input goes on, and both sides know the same rooms."""
    node = make_node(JWT_SECRET=SECRET, MESSAGES_PER_SECOND=100_000)
    rooms = [f"gone-{number}" for number in range(10)]
    everywhere, home = token("ann", ttl=600), token("ann", ttl=600, rooms=["home"])
    stop = threading.Event()

    def delete():
        while not stop.is_set():
            for room in rooms:
                node.delete(f"/api/rooms/{room}")

    deleting = threading.Thread(target=delete)
    deleting.start()
    try:
        with Client(node, "home", "ann", token=everywhere) as client:
            for number in range(30):
                for room in rooms:
                    client.send("join", room=room)
                client.send("token", token=home)
                client.send("token", token=everywhere)
                client.send("message", content=number, id=f"m-{number}")
                assert client.seek("ack")["id"] == f"m-{number}"
            assert node.get("/api/users/ann").json["devices"][0]["rooms"] == ["home"]
    finally:
        stop.set()
        deleting.join()


def test_twenty_terms_on_one_connection(asking):
    """Each reminder is answered with a token for two seconds; without an answer the connection ends with the last."""
    with Client(asking, "terms", "erik", token=token("erik", ttl=2)) as client:
        ends = client.welcome["expires_at"]
        for _ in range(20):
            assert client.take("token", bound=5)["expires_at"] == ends
            client.send("token", token=token("erik", ttl=2))
            answer = client.take("token")["expires_at"]
            assert answer >= ends
            ends = answer
        assert client.say("alive")["type"] == "ack"
        client.seek("token", bound=5)
        closed = client.closing()
        assert closed.code == 4001 and closed.details["reason"] == "token_expired"
        assert time.time() * 1000 >= ends


def test_new_keys_at_sighup(tmp_path):
    """The old secret is refused and the new one taken; who is in stays. A file that can't be read changes nothing."""
    keys = KeyPair(tmp_path, "ed25519")
    settings = tmp_path / ".env"
    settings.write_text(f"JWT_SECRET='{SECRET}'\nJWT_PUBLIC_KEY_FILE={keys.public}\n")
    settings.chmod(0o600)
    node = Node(cwd=str(tmp_path), JWT_SECRET=None).start()
    with contextlib.closing(Client(node, "r", "ann", token=token("ann"))) as client:
        with Client(node, "r", "bob", token=keys.token("bob")):
            pass
        reads = node.log.count("read again")
        settings.write_text("JWT_SECRET='the next secret'\n")
        node.process.send_signal(signal.SIGHUP)
        until(lambda: node.log.count("read again") > reads, what="reading the secret again")
        assert refusal(node, token=token("ann")) == (4001, "token_signature")
        assert refusal(node, user="bob", token=keys.token("bob")) == (4001, "token_algorithm")
        with Client(node, "r", "bob", token=token("bob", secret="the next secret")):
            pass
        settings.write_text("JWT_SECRET=\n")
        node.process.send_signal(signal.SIGHUP)
        until(lambda: "not read again" in node.log, what="the refusal to read nothing")
        with Client(node, "r", "bob", token=token("bob", secret="the next secret")):
            pass
        client.send("message", content="still here")
        assert client.seek("ack")["seq"] >= 1
    node.stop()


def test_public_key_is_no_secret(tmp_path):
    """A token that is signed with the text of the public key as a secret is refused."""
    keys = KeyPair(tmp_path, "rsa")
    node = Node(JWT_PUBLIC_KEY_FILE=keys.public).start()
    with Client(node, "r", "ann", token=keys.token("ann")):
        pass
    body = {"sub": "ann", "exp": int(time.time()) + 60}
    forged = signed({"alg": "HS256"}, body, lambda data: hmac_of(keys.public.read_text(), data))
    assert refusal(node, token=forged) == (4001, "token_algorithm")
    node.stop()
    for content, word in [(keys.private.read_text(), "private"), ("", "neither PEM")]:
        keys.public.write_text(content)
        refused = Node(JWT_PUBLIC_KEY_FILE=keys.public).launch()
        assert refused.wait() == 78 and "JWT_PUBLIC_KEY_FILE" in refused.log and word in refused.log


def command(*arguments, given="", **settings):
    done = subprocess.run(
        [BINARY, "token", *arguments], env=settings, input=given, capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stdout.strip(), done.stderr


def test_the_command(asking):
    """Makes tokens that a node takes, says what is wrong with others, and never shows the secret."""
    code, made, _ = command("--user", "ann", "--rooms", "r,s-*", "--ttl", "1m", JWT_SECRET=SECRET)
    assert code == 0
    with Client(asking, "r", "ann", token=made):
        pass
    assert refusal(asking, room="x", token=made) == (4003, "token_other_room")
    code, said, _ = command("--verify", "-", given=made + "\n", JWT_SECRET=SECRET)
    assert code == 0 and "ann" in said
    code, said, errors = command("--verify", token("ann", ttl=-60), JWT_SECRET=SECRET)
    assert code == 1 and "expired" in said and SECRET not in said + errors
    assert command("--user", "ann")[0] == 78
    assert command("--user", "ann", "--ttl", "1y", JWT_SECRET=SECRET)[0] == 64
    assert command(JWT_SECRET=SECRET)[0] == 64


def test_the_example_of_the_documents(asking):
    """The back end of docs/security.md makes tokens that a node takes."""
    example = re.search(r"```python\n(.*?)```", (ROOT / "docs/security.md").read_text(), re.DOTALL)[1]
    done = subprocess.run(
        [sys.executable, "-c", example], env={"JWT_SECRET": SECRET}, capture_output=True, text=True, check=True
    )
    with Client(asking, "team-1", "ann", token=done.stdout.strip()):
        pass
