"""The chat page while the node restarts or the network fails: no hole, no duplicate, and it says what happens."""

import signal

import pytest
from conftest import Proxy, wait_until


def drop(proxy, browser):
    proxy.cut()
    browser.until(lambda: browser.state() != "online", "the loss is noticed")


@pytest.mark.usefixtures("node_goes_away")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "SIGKILL"])
def test_restart_of_the_node(gateway, browser, other, how):
    browser.enter(gateway.address, "lobby", "alice")
    other.enter(gateway.address, "lobby", "bob")
    browser.say("before")
    other.until_shown("before")
    status = gateway.terminate(how)
    assert status == (0 if how == signal.SIGTERM else -how)
    browser.until(lambda: browser.state() == "waiting" and browser.visible("#banner"), "the banner is shown")
    browser.say("written meanwhile")
    browser.until_shown("written meanwhile")
    assert browser.text("#messages .pending .body") == "written meanwhile"
    gateway.start()
    for page in (browser, other):
        page.connected()
        page.until(lambda: not page.visible("#banner"), "the banner goes")
    other.until_shown("written meanwhile")
    browser.until(lambda: not browser.all("#messages .pending"), "acked")
    other.say("after")
    browser.until_shown("after")
    for page in (browser, other):
        page.until(lambda: page.bodies() == ["before", "written meanwhile", "after"], "each once, in order")
        # Memory ended with the process: the page says in one line that the history is a new one.
        assert len(page.all("#messages .log-line")) == 1
    assert [each["content"] for each in gateway.history("lobby")] == ["written meanwhile", "after"]


@pytest.mark.usefixtures("node_goes_away")
def test_drop_while_another_sends_200(gateway, proxy, browser):
    browser.enter(proxy.address, "lobby", "alice")
    gateway.publish("lobby", "bob", "number 0")
    browser.until_shown("number 0")
    sent = 1
    for round_size in (20, 80, 100):
        drop(proxy, browser)
        for _ in range(round_size):
            gateway.publish("lobby", "bob", f"number {sent}")
            sent += 1
        proxy.restore()
        browser.until(lambda: len(browser.bodies()) >= sent, f"{sent} are shown")
    assert browser.bodies() == [f"number {number}" for number in range(201)]
    assert browser.seqs() == list(range(1, 202))
    assert browser.all("#messages .log-line") == []


@pytest.mark.usefixtures("node_goes_away")
def test_drops_while_both_write(gateway, proxy, browser):
    """Cut in the middle of sending: an ack may be lost with the connection, the message must not, nor come twice."""
    browser.enter(proxy.address, "lobby", "alice")
    mine = []
    for number in range(8):
        for part in range(5):
            mine.append(f"mine {number}.{part}")
            browser.say(mine[-1])
        gateway.publish("lobby", "bob", f"theirs {number}")
        proxy.cut()
        mine.append(f"mine {number} while away")
        browser.say(mine[-1])
        gateway.publish("lobby", "bob", f"theirs {number} while away")
        proxy.restore()
        browser.connected()
    browser.until(lambda: not browser.all("#messages .pending"), "all are acked")
    total = len(mine) + 16
    kept = wait_until(
        lambda: (lambda found: len(found) >= total and found)(gateway.history("lobby")), "all are committed"
    )
    contents = [each["content"] for each in kept]
    assert len(contents) == len(set(contents)) == total
    assert [each for each in contents if each.startswith("mine")] == mine
    browser.until(lambda: browser.bodies() == contents, "the page shows the room's order")
    assert browser.seqs() == list(range(1, total + 1))


@pytest.mark.usefixtures("node_goes_away")
def test_a_dead_link_is_noticed_without_a_close(gateway, proxy, browser):
    """Nothing is reset, nothing is answered: only silence shows. The browser's own hint makes the page look at once."""
    browser.enter(proxy.address, "lobby", "alice")
    proxy.silent.set()
    browser.js("window.dispatchEvent(new Event('offline'))")
    browser.until(lambda: browser.state() != "online", "the silence is noticed")
    gateway.publish("lobby", "bob", "said into the silence")
    proxy.cut()
    proxy.restore()
    browser.js("window.dispatchEvent(new Event('online'))")
    browser.connected()
    browser.until(lambda: browser.bodies() == ["said into the silence"], "resumed")


@pytest.mark.usefixtures("node_goes_away")
def test_history_that_was_trimmed_meanwhile_is_said(make_gateway, browser):
    gateway = make_gateway(HISTORY_SIZE="20")
    proxy = Proxy(gateway.port)
    try:
        browser.enter(proxy.address, "lobby", "alice")
        gateway.publish("lobby", "bob", "number 0")
        browser.until_shown("number 0")
        drop(proxy, browser)
        for number in range(1, 151):
            gateway.publish("lobby", "bob", f"number {number}")
        proxy.restore()
        browser.until_shown("number 150")
        seqs = browser.seqs()
        assert seqs[0] == 1 and seqs[1:] == list(range(seqs[1], 152)), seqs
        assert 20 <= len(seqs) - 1 <= 40
        lines = browser.js(
            "return [...document.querySelectorAll('#messages > li')].map((each) => each.className.includes('log-line'))"
        )
        assert lines.index(True) == 1 and lines.count(True) == 1
    finally:
        proxy.close()


@pytest.mark.usefixtures("node_goes_away")
def test_status_survives_the_node(gateway, browser):
    browser.open(gateway.address + "/status")
    browser.until(lambda: browser.text("#live") == "Live", "live")
    gateway.terminate(signal.SIGKILL)
    browser.until(lambda: browser.text("#live").startswith("No answer"), "the loss is said")
    gateway.start()
    browser.until(lambda: browser.text("#live").startswith("Live"), "live again")


def test_removal_by_an_operator_is_not_fought(gateway, browser):
    browser.enter(gateway.address, "lobby", "alice")
    assert gateway.request("DELETE", "/api/users/alice/connections") == (200, {"closed": 1})
    browser.until(lambda: browser.state() == "closed", "ended")
    assert browser.visible("#banner") and "removed" in browser.text("#banner-text")
    browser.find("#banner-action").click()
    browser.connected()
