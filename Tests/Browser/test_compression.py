"""The chat page with permessage-deflate, which every browser offers and COMPRESSION=on accepts."""

import json

import pytest
from conftest import Proxy

LONG = "a sentence that comes again and again. " * 1000


@pytest.fixture
def proxy(make_gateway):
    relay = Proxy(make_gateway(COMPRESSION="on").port)
    yield relay
    relay.close()


def agreed_extensions(browser):
    """The Sec-WebSocket-Extensions of the handshakes since the last look into the log."""
    entries = [json.loads(entry["message"])["message"] for entry in browser.driver.get_log("performance")]
    return [
        {name.lower(): value for name, value in entry["params"]["response"]["headers"].items()}.get(
            "sec-websocket-extensions"
        )
        for entry in entries
        if entry["method"] == "Network.webSocketHandshakeResponseReceived"
    ]


def test_a_compressed_chat(proxy, browser, other):
    browser.enter(proxy.address, "lobby", "alice")
    other.enter(proxy.address, "lobby", "bob")
    extension = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    for page in (browser, other):
        page.until(lambda: page.bodies() == [], "an empty room")
        assert agreed_extensions(page) == [extension]
    browser.say("short")
    other.until_shown("short")
    before = proxy.relayed
    browser.js("document.querySelector('#message').value = arguments[0]", LONG.strip())
    browser.say(".")
    other.until_shown(LONG.strip() + ".")
    browser.until(lambda: not browser.all("#messages .pending"), "acked")
    # From Chromium to the node and from the node to Chromium.
    assert 0 < proxy.relayed - before < len(LONG) // 4
    assert other.seqs() == [1, 2]
