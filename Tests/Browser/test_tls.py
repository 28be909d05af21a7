"""https and wss in a browser: the page, the connection, a new certificate, and one that is not to be trusted."""

import contextlib
import signal

from conftest import wait_until
from selenium.common.exceptions import WebDriverException


def test_pages_and_connections_by_tls(make_gateway, authority, certificate, browser, other):
    gateway = make_gateway(trust=authority.trust(), **certificate.settings)
    browser.enter(gateway.address, "lobby", "alice")
    other.enter(gateway.address, "lobby", "bob")
    assert browser.js("return [location.protocol, isSecureContext]") == ["https:", True]
    browser.say("by wss")
    other.until_shown("by wss")
    other.say("x" * 20_000)
    browser.until_shown("x" * 20_000)
    origin = gateway.address.replace("https:", "wss:")
    assert any(address.startswith(f"{origin}/ws/lobby/alice") for address in browser.take_requests())


def test_a_new_certificate_drops_no_page(make_gateway, authority, certificate, browser):
    """The page stays online, and what is opened behind the reload is served too."""
    gateway = make_gateway(trust=authority.trust(), **certificate.settings)
    browser.enter(gateway.address, "lobby", "alice")
    gateway.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "read again" in gateway.log_path.read_text(), "the reload")
    gateway.publish("lobby", "bob", "behind it")
    browser.until_shown("behind it")
    assert len([each for each in browser.take_requests() if each.startswith("wss:")]) == 1
    browser.enter(gateway.address, "lobby", "alice")
    browser.until_shown("behind it")


def test_another_key_is_not_trusted(make_gateway, authority, browser):
    """Nothing of the page comes: so the tests above have looked at the certificate."""
    gateway = make_gateway(trust=authority.trust(), **authority.issue("stranger").settings)
    # Some versions raise, and some show a page of their own that says so.
    with contextlib.suppress(WebDriverException):
        browser.open(gateway.address)
    assert not browser.all("#rooms")
    assert "ERR_CERT_AUTHORITY_INVALID" in browser.driver.page_source
