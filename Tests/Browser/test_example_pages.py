"""The pages of examples/, served by the example of a back end, which signs their tokens."""

import os
import subprocess
import sys

import pytest
from conftest import DEADLINE, ROOT, free_port

SECRETS = {"JWT_SECRET": "a secret of thirty-two bytes, or more", "PUSH_WEBHOOK_SECRET": "another", "API_KEY": "key"}


@pytest.fixture
def scene(make_gateway):
    """A node that asks for tokens, and the address of a page's back end."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, ROOT / "examples/backend.py", str(port)], env=os.environ | SECRETS, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout.readline()
        address = f"http://127.0.0.1:{port}"
        yield make_gateway(ALLOWED_ORIGINS=address, PUSH_WEBHOOK_URL=f"{address}/push", **SECRETS), address
    finally:
        process.kill()
        process.wait(DEADLINE)
        process.stdout.close()


def lines(browser):
    return browser.js("return [...document.querySelectorAll('#messages li')].map((each) => each.textContent)")


def test_chat(scene, browser, other):
    node, address = scene
    for each, user in ((browser, "ann"), (other, "bob")):
        each.open(f"{address}/chat.html?node=ws://127.0.0.1:{node.port}")
        each.find("#user").send_keys(user + "\n")
        each.until(lambda: each.visible("#text"), "entered")
    browser.find("#text").send_keys("<b>hello</b>\n")
    for each in (browser, other):
        each.until(lambda: lines(each) == ["ann: <b>hello</b>"], "the message")


def test_dashboard(scene, browser):
    node, address = scene
    publish = ("POST", "/api/rooms/dashboard/messages")

    def show(value):
        body = {"user": "producer", "content": {"load": {"value": value, "max": 4}}}
        assert node.request(*publish, body, {"X-API-Key": SECRETS["API_KEY"]})[0] in (200, 201)

    show(1)
    browser.open(f"{address}/dashboard.html?node=ws://127.0.0.1:{node.port}")
    browser.until(lambda: browser.text("#load") == "load1.00", "the last value of before")
    show(2.5)
    browser.until(lambda: browser.text("#load") == "load2.50", "the next one")
    assert browser.js("return document.querySelector('#load meter').value") == 2.5
