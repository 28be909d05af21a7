"""The chat page around its messages: other rooms, days, links, the keyboard, notifications, and its notices."""

import subprocess

import pytest
from conftest import free_port, wait_until
from selenium.webdriver.common.keys import Keys


def listed(page):
    """Room, title and count of each room beside the chat."""
    return page.js(
        "return [...document.querySelectorAll('#room-list [data-room]')].map((each) => [each.dataset.room,"
        " each.querySelector('.name').textContent, each.querySelector('.extra').textContent])"
    )


def at_start(page, script):
    """Opens a tab in which `script` runs before each page."""
    page.driver.switch_to.new_window("tab")
    page.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})


def test_the_other_rooms_stand_beside(gateway, browser, other):
    gateway.request("POST", "/api/rooms", {"id": "tea", "name": "Tea kitchen"})
    gateway.request("POST", "/api/rooms", {"id": "ops", "name": "Operations"})
    other.enter(gateway.address, "tea", "bob")
    browser.enter(gateway.address, "ops", "alice")
    expected = [["ops", "Operations", "1"], ["tea", "Tea kitchen", "1"]]
    browser.until(lambda: listed(browser) == expected, "mine first, then those with people")
    assert browser.text("#room-title") == "Operations"
    assert browser.text("#room-list [aria-current=page] .name") == "Operations"
    browser.find("#room-list [data-room=tea] a").click()
    browser.until(lambda: browser.text("#room-title") == "Tea kitchen", "the other room")
    browser.until(lambda: browser.people() == ["alice", "bob"], "as the same user")
    browser.until(lambda: listed(browser)[0] == ["tea", "Tea kitchen", "2"], "its count is that of who is here")


def test_without_the_right_to_list_rooms_none_stand_beside(make_gateway, browser, expected_complaints):
    expected_complaints.append("status of 401")
    gateway = make_gateway(API_KEY="k")
    browser.enter(gateway.address, "ops", "alice")
    browser.until(lambda: any("/api/rooms" in each for each in browser.take_requests()), "asked")
    browser.say("still a chat")
    browser.until_shown("still a chat")
    assert not browser.visible("#rooms-side") and not browser.visible("#rooms-toggle")


def test_a_line_says_the_day(gateway, browser):
    """By a clock that goes a day before: what was said now is of the day before then."""
    gateway.publish("lobby", "bob", "today")
    gateway.publish("lobby", "bob", "later today")
    browser.enter(gateway.address, "lobby", "alice")
    browser.until_shown("later today")
    assert browser.all("#messages .day-line") == []
    at_start(
        browser,
        """
        const real = Date, ahead = 86400000;
        window.Date = class extends real {
          constructor(...all) { super(...(all.length > 0 ? all : [real.now() + ahead])); }
          static now() { return real.now() + ahead; }
        };""",
    )
    browser.enter(gateway.address, "lobby", "alice")
    browser.until_shown("later today")
    order = "[...document.querySelectorAll('#messages > li')].map((each) => each.className.split(' ')[0])"
    assert browser.js(f"return {order}") == ["day-line", "msg", "msg"]
    year = browser.js("return String(new Date().getFullYear())")
    assert year in browser.text("#messages .day-line")


def test_addresses_are_links_and_nothing_else_is(gateway, browser):
    texts = {
        "see https://example.org/a_(b)?c=d&e#f, or (http://example.org/x).": [
            "https://example.org/a_(b)?c=d&e#f",
            "http://example.org/x",
        ],
        "javascript:alert(1) data:text/html,x ftp://example.org //example.org file:///etc/passwd": [],
        'https://example.org/"onmouseover="alert(1)': ["https://example.org/"],
        "看https://example.org/路径。好": ["https://example.org/路径"],
        "https://": [],
        "xhttps://example.org": [],
    }
    for text in texts:
        gateway.publish("lobby", "bob", text)
    gateway.publish("lobby", "bob", {"url": "https://example.org"})
    browser.enter(gateway.address, "lobby", "alice")
    browser.until(lambda: len(browser.bodies()) == len(texts) + 1, "all are shown")
    assert browser.bodies()[: len(texts)] == list(texts)
    found = browser.js(
        "return [...document.querySelectorAll('#messages .body')].map((each) =>"
        " [...each.querySelectorAll('a')].map((a) => [a.textContent, a.rel, a.target, a.protocol]))"
    )
    assert [[link[0] for link in links] for links in found] == [*texts.values(), []]
    for _, rel, target, protocol in (link for links in found for link in links):
        assert {"noopener", "noreferrer"} <= set(rel.split()) and target == "_blank"
        assert protocol in {"http:", "https:"}


def test_a_message_can_be_copied(gateway, browser):
    gateway.publish("lobby", "bob", "to be\ncopied")
    at_start(browser, "navigator.clipboard.writeText = async (text) => { window.copied = text; };")
    browser.enter(gateway.address, "lobby", "alice")
    browser.until_shown("to be\ncopied")
    browser.js("document.querySelector('#messages .copy').click()")
    browser.until(lambda: browser.text("#messages .copy") == "Copied", "said")
    assert browser.js("return window.copied") == "to be\ncopied"


def test_the_log_is_one_stop_of_the_tab_key(gateway, browser):
    for number in range(5):
        gateway.publish("lobby", "bob", f"number {number} https://example.org")
    browser.enter(gateway.address, "lobby", "alice")
    browser.until(lambda: len(browser.bodies()) == 5, "all")
    inside = "[...document.querySelectorAll('.log *')]"
    stops = f"return {inside}.filter((e) => e.tabIndex >= 0 && e.checkVisibility()).length"
    assert browser.js(stops) == 1

    def at():
        """The message that has the focus, or the part of it."""
        return browser.js(
            "const e = document.activeElement; const m = e.closest('.msg');"
            "return [m?.dataset.seq ?? null, e === m ? 'message' : e.className || e.tagName]"
        )

    def press(*keys):
        for key in keys:
            browser.driver.switch_to.active_element.send_keys(key)
        return at()

    browser.js("document.querySelector('#messages .msg[tabindex=\"0\"]').focus()")
    assert at() == ["5", "message"]
    assert press(Keys.ARROW_UP, Keys.ARROW_UP) == ["3", "message"]
    assert press(Keys.HOME) == ["1", "message"] and press(Keys.ARROW_UP) == ["1", "message"]
    assert press(Keys.END) == ["5", "message"] and press(Keys.ARROW_DOWN) == ["5", "message"]
    assert press(Keys.ARROW_UP, Keys.ARROW_RIGHT) == ["4", "A"]
    assert press(Keys.ARROW_RIGHT) == ["4", "reply"] and press(Keys.ARROW_RIGHT) == ["4", "copy"]
    assert press(Keys.ARROW_LEFT) == ["4", "reply"] and press(Keys.ESCAPE) == ["4", "message"]
    # What comes does not take the focus, nor the stop.
    gateway.publish("lobby", "bob", "one more")
    browser.until_shown("one more")
    assert at() == ["4", "message"] and browser.js(stops) == 1
    press(Keys.ENTER)
    assert browser.js("return document.activeElement.id") == "message"
    assert browser.text("#replying-text").startswith("bob: number 3")


def test_new_messages_are_read_out_and_old_ones_are_not(gateway, browser, other):
    gateway.publish("lobby", "bob", "old")
    browser.enter(gateway.address, "lobby", "alice")
    browser.until_shown("old")
    gateway.publish("lobby", "bob", "new")
    browser.until(lambda: browser.text("#heard") == "bob: new", "read out with its author")
    browser.say("mine")
    browser.until(lambda: browser.all("#messages .own[data-seq]"), "acked")
    assert browser.text("#heard") == "bob: new"
    assert browser.js("return document.querySelector('#heard').getAttribute('aria-live')") == "polite"
    assert browser.all("#messages[aria-live], #messages[role=log]") == []


NOTIFICATIONS = """
    window.shown = [];
    window.Notification = class {
      static permission = "default";
      static asked = 0;
      static async requestPermission() { this.asked += 1; return (this.permission = "granted"); }
      constructor(title, options) { window.shown.push([title, options.body, options.tag]); }
    };
    let hidden = false;
    Object.defineProperty(document, "visibilityState", { get: () => (hidden ? "hidden" : "visible") });
    window.hide = (value) => { hidden = value; document.dispatchEvent(new Event("visibilitychange")); };
"""


def test_notifications_are_asked_for_by_a_click_and_come_while_the_page_is_hidden(gateway, browser):
    at_start(browser, NOTIFICATIONS)
    browser.enter(gateway.address, "lobby", "alice")
    browser.until(lambda: browser.visible("#notify"), "offered")
    assert browser.js("return Notification.asked") == 0
    browser.find("#notify").click()
    browser.until(lambda: browser.text("#notify") == "Notifications on", "on")
    assert browser.js("return Notification.asked") == 1
    gateway.publish("lobby", "bob", "seen anyway")
    browser.until_shown("seen anyway")
    browser.js("hide(true)")
    gateway.publish("lobby", "bob", "look here")
    browser.until(lambda: browser.js("return window.shown") == [["bob · lobby", "look here", "room lobby"]], "shown")
    browser.until(lambda: browser.driver.title == "(1) lobby · Sluice", "counted in the title")
    assert gateway.request("POST", "/api/users/alice/messages", {"from": "bob", "content": "psst"})[0] == 201
    browser.until(lambda: browser.js("return window.shown[1]") == ["bob (private)", "psst", "private bob"], "private")
    browser.js("hide(false)")
    browser.find("#notify").click()
    browser.until(lambda: browser.text("#notify") == "Notify me", "off")
    browser.js("hide(true)")
    gateway.publish("lobby", "bob", "unnoticed")
    browser.until_shown("unnoticed")
    assert browser.js("return window.shown.length") == 2


def test_light_is_no_news_and_moderate_says_what_it_means(make_gateway, browser):
    gateway = make_gateway(GOVERNOR_DRY_RUN="0")
    at_start(
        browser,
        """
        window.tiers = [];
        const Real = WebSocket;
        window.WebSocket = class extends Real {
          constructor(...all) {
            super(...all);
            this.addEventListener("message", ({ data }) => {
              const frame = JSON.parse(data);
              if (frame.type === "tier") window.tiers.push(frame.tier);
            });
          }
        };""",
    )
    browser.enter(gateway.address, "lobby", "alice")
    for tier, text in [("light", ""), ("moderate", "typing signs"), ("light", ""), ("normal", "")]:
        assert gateway.request("PUT", "/api/system/tier", {"tier": tier})[0] == 200
        browser.until(lambda tier=tier: browser.js("return window.tiers.at(-1)") == tier, tier)
        browser.until(lambda text=text: browser.visible("#tier") == bool(text), f"{tier}: {text}")
        if text:
            assert text in browser.text("#tier") and "compression" not in browser.text("#tier")


def test_a_full_room_says_so_and_lets_in_when_there_is_a_place(gateway, browser, other):
    gateway.request("POST", "/api/rooms", {"id": "small", "max_users": 1})
    other.enter(gateway.address, "small", "bob")
    browser.open(f"{gateway.address}/chat/small?user=alice")
    browser.until(lambda: "room is full" in browser.text("#banner-text"), "said")
    other.open("about:blank")
    browser.until(lambda: browser.people() == ["alice"], "in, by itself")
    browser.until(lambda: not browser.visible("#banner"), "no banner")


def test_a_deleted_room_says_so_and_can_be_opened_anew(gateway, browser):
    browser.enter(gateway.address, "gone", "alice")
    browser.say("before")
    browser.until(lambda: browser.all("#messages [data-seq]"), "acked")
    assert gateway.request("DELETE", "/api/rooms/gone")[0] == 204
    browser.until(lambda: "room was deleted" in browser.text("#banner-text"), "said")
    browser.until(lambda: browser.state() == "closed", "ended")
    # Nothing that the page does by itself makes the room again.
    assert gateway.request("GET", "/api/rooms/gone")[0] == 404
    browser.find("#banner-action").click()
    browser.connected()
    browser.say("anew")
    wait_until(lambda: [each["content"] for each in gateway.history("gone")] == ["anew"], "it is another room")


def test_who_is_taken_out_of_a_room_stays_out(gateway, browser):
    """The frame comes from this test, as an operator's request makes it; nothing but a click enters the room again."""
    at_start(
        browser,
        """
        window.sent = [];
        const Real = WebSocket;
        window.WebSocket = class extends Real {
          constructor(...all) { super(...all); window.socket = this; }
          send(text) { window.sent.push(JSON.parse(text)); super.send(text); }
        };""",
    )
    browser.enter(gateway.address, "lobby", "alice")
    browser.until(lambda: browser.people() == ["alice"], "in")
    gateway.publish("lobby", "bob", "seen")
    browser.until(lambda: browser.js("return window.sent.some((frame) => frame.type === 'read')"), "read")
    browser.js(
        """
        window.sent.length = 0;
        const frame = { type: "left_room", room: "lobby", reason: "removed" };
        window.socket.onmessage({ data: JSON.stringify(frame) });"""
    )
    assert "removed from this room" in browser.text("#banner-text")
    assert not browser.find("#message").is_enabled() and not browser.find("#send").is_enabled()
    browser.js("document.querySelector('#log-frame').dispatchEvent(new Event('scroll'))")
    browser.js("document.dispatchEvent(new Event('visibilitychange'))")
    assert set(browser.js("return window.sent.map((frame) => frame.type)")) <= {"ping"}
    browser.find("#banner-action").click()
    browser.until(lambda: browser.find("#message").is_enabled(), "in again")
    assert "join" in browser.js("return window.sent.map((frame) => frame.type)")
    browser.say("back")
    browser.until(lambda: browser.all("#messages .own[data-seq]"), "acked")


@pytest.mark.usefixtures("node_goes_away")
def test_a_node_that_is_cut_off_says_what_that_means(make_gateway, browser, tmp_path):
    port = free_port()
    command = ["redis-server", "--port", str(port), "--save", "", "--dir", str(tmp_path), "--bind", "127.0.0.1"]
    store = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        gateway = make_gateway(REDIS_URL=f"redis://127.0.0.1:{port}", REDIS_TIMEOUT="0.5")
        wait_until(lambda: "to=cluster" in gateway.log_path.read_text(), "the node has said that the store is there")
        browser.enter(gateway.address, "lobby", "alice")
        browser.until(lambda: browser.people() == ["alice"], "in")
        assert not browser.visible("#mode")
        store.kill()
        store.wait()
        browser.until(lambda: browser.visible("#mode"), "said")
        browser.say("meanwhile")
        browser.until_shown("meanwhile")
        store = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        browser.until(lambda: not browser.visible("#mode"), "over")
        browser.until(lambda: browser.all("#messages [data-seq]"), "it has its place")
    finally:
        store.kill()
        store.wait()
