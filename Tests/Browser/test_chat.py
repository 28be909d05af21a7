"""The chat page between two browsers."""

import urllib.parse

from conftest import wait_until
from selenium.webdriver.common.keys import Keys

NASTY = [
    '<img src=x onerror="window.pwned=1">',
    "<script>window.pwned=1</script>",
    '"><svg onload=window.pwned=1>',
    "javascript:window.pwned=1",
    "&lt;b&gt;&amp;",
    "{{constructor.constructor('window.pwned=1')()}}",
]


def test_two_tabs_of_one_browser_chat(gateway, browser):
    browser.enter(gateway.address, "lobby", "alice")
    first = browser.driver.current_window_handle
    browser.driver.switch_to.new_window("tab")
    browser.enter(gateway.address, "lobby", "bob")
    browser.say("hello from bob")
    browser.driver.switch_to.window(first)
    browser.until_shown("hello from bob")
    browser.say("hello from alice")
    browser.until(lambda: browser.bodies() == ["hello from bob", "hello from alice"], "both")
    own = browser.js("return [...document.querySelectorAll('#messages .own')].map((each) => each.dataset.user)")
    assert own == ["alice"]
    browser.driver.switch_to.window(browser.driver.window_handles[1])
    browser.until(lambda: browser.bodies() == ["hello from bob", "hello from alice"], "both")
    assert browser.seqs() == [1, 2]


def test_messages_bear_their_place_and_author(gateway, browser):
    browser.enter(gateway.address, "lobby", "alice")
    ack = gateway.publish("lobby", "bob", "with a place", id="m-77")
    browser.until_shown("with a place")
    element = browser.find("#messages [data-id]")
    assert element.get_attribute("data-seq") == str(ack["seq"])
    assert element.get_attribute("data-id") == "m-77"
    assert element.get_attribute("data-user") == "bob"


def test_who_is_here(gateway, browser, other):
    browser.enter(gateway.address, "lobby", "alice")
    browser.until(lambda: browser.people() == ["alice"], "alone")
    other.enter(gateway.address, "lobby", "bob")
    browser.until(lambda: browser.people() == ["alice", "bob"], "bob came")
    other.until(lambda: sorted(other.people()) == ["alice", "bob"], "bob sees both")
    other.open("about:blank")
    browser.until(lambda: browser.people() == ["alice"], "bob left")
    assert browser.text("#users-count") == "1"


def test_typing_comes_and_goes(gateway, browser, other):
    browser.enter(gateway.address, "lobby", "alice")
    other.enter(gateway.address, "lobby", "bob")
    other.find("#message").send_keys("I am wri")
    browser.until(lambda: browser.text("#typing") == "bob is typing…", "typing is shown")
    other.find("#message").send_keys("ting\n")
    browser.until(lambda: browser.text("#typing") == "", "typing ended with the message")
    browser.until_shown("I am writing")


def test_read_marks(gateway, browser, other):
    browser.enter(gateway.address, "lobby", "alice")
    browser.say("has anyone read this?")
    browser.until(lambda: browser.all("#messages [data-seq]"), "acked")
    assert browser.all("#messages .seen") == []
    other.enter(gateway.address, "lobby", "bob")
    browser.until(lambda: browser.visible("#messages .seen .avatar"), "a reader's face is shown")
    assert browser.find("#messages .seen").get_attribute("aria-label") == "Read by bob"
    browser.say("and this, while bob looks on?")
    browser.until(
        lambda: browser.js("""
        const last = document.querySelector('#messages li:last-child .seen');
        return last?.checkVisibility() && document.querySelectorAll('.seen').length === 1
    """),
        "the face moved on",
    )


def test_text_of_users_stays_text(gateway, browser, other):
    evil = "<img src=x onerror='window.pwned=1'>"
    room = "<b>room<script>window.pwned=1"
    gateway.request("POST", "/api/rooms", {"id": room, "name": evil})
    path = urllib.parse.quote(room, safe="")
    for text in NASTY:
        gateway.publish(path, evil, text)
    gateway.publish(path, evil, {"<b>key</b>": "<i>value</i>"})
    other.enter(gateway.address, path, urllib.parse.quote("<u>typist"))
    browser.enter(gateway.address, path, "alice")
    browser.until_shown(*NASTY)
    for text in NASTY:
        other.say(text)
    browser.until(lambda: len(browser.bodies()) == 2 * len(NASTY) + 1, "all shown")
    other.find("#message").send_keys("x")
    browser.until(lambda: browser.text("#typing") == "<u>typist is typing…", "typing")
    assert (
        browser.js(
            "return document.querySelectorAll('#messages :is(img, script, svg, b, i), :is(#users, #typing) u').length"
        )
        == 0
    )
    browser.open(gateway.address + "/")
    browser.until(lambda: evil in (browser.text("#rooms") or ""), "the room is listed")
    assert browser.all("#rooms img, #rooms b") == []
    for page in (browser, other):
        assert page.js("return window.pwned === undefined")


def test_content_that_is_no_string_is_shown_as_json(gateway, browser):
    browser.enter(gateway.address, "lobby", "alice")
    gateway.publish("lobby", "sensor", {"level": 3.5, "list": [1, None]})
    browser.until(lambda: browser.bodies(), "shown")
    assert "".join(browser.bodies()[0].split()) == '{"level":3.5,"list":[1,null]}'


def test_older_messages_load_when_scrolling_up(gateway, browser):
    for number in range(1, 181):
        gateway.publish("long", "bob", f"line {number}")
    browser.enter(gateway.address, "long", "alice")
    browser.until(lambda: len(browser.bodies()) == 50, "the newest page")
    assert browser.bodies()[-1] == "line 180"
    for _ in range(3):
        before = len(browser.bodies())
        browser.js("document.querySelector('#log-frame').scrollTop = 0")
        browser.until(lambda: len(browser.bodies()) > before or before == 180, "an older page")
    browser.until(lambda: "beginning" in browser.text("#history-text"), "the beginning is said")
    assert browser.bodies() == [f"line {number}" for number in range(1, 181)]


def test_new_messages_do_not_move_a_reader_of_old_ones(gateway, browser):
    for number in range(60):
        gateway.publish("long", "bob", f"line {number}")
    browser.enter(gateway.address, "long", "alice")
    browser.until(lambda: len(browser.bodies()) >= 50, "history")
    browser.js("document.querySelector('#log-frame').scrollTop = 500")
    browser.until(lambda: browser.visible("#new-pill"), "away from the end")
    browser.until(lambda: len(browser.bodies()) in (50, 60), "settled")
    top = browser.js("return document.querySelector('#log-frame').scrollTop")
    gateway.publish("long", "bob", "one more")
    browser.until(lambda: browser.text("#new-pill") == "1 new message ↓", "the pill counts")
    assert abs(browser.js("return document.querySelector('#log-frame').scrollTop") - top) < 2
    browser.find("#new-pill").click()
    browser.until(lambda: not browser.visible("#new-pill"), "at the end again")


def test_everything_by_keyboard(gateway, browser):
    browser.open(gateway.address + "/")

    def focus(selector):
        for _ in range(40):
            if browser.js("return document.activeElement?.matches(arguments[0])", selector):
                return browser.driver.switch_to.active_element
            browser.driver.switch_to.active_element.send_keys(Keys.TAB)
        raise AssertionError(f"Tab does not reach {selector}")

    focus("#join-user").send_keys("alice")
    focus("#join-room").send_keys("keys" + Keys.ENTER)
    browser.until(lambda: browser.driver.current_url.endswith("/chat/keys?user=alice"), "entered")
    browser.connected()
    browser.driver.switch_to.active_element.send_keys("one" + Keys.SHIFT + Keys.ENTER + Keys.SHIFT + "two" + Keys.ENTER)
    browser.until(lambda: browser.bodies() == ["one\ntwo"], "Shift+Enter breaks the line, Enter sends")
    browser.until(lambda: browser.all("#messages [data-seq]"), "acked")
    focus("#messages .msg").send_keys(Keys.ENTER)
    assert browser.js("return document.activeElement.id") == "message"
    browser.driver.switch_to.active_element.send_keys("an answer" + Keys.ENTER)
    browser.until(lambda: browser.text("#messages .quote") == "alice: one\ntwo", "the answer quotes")
    wait_until(lambda: len(gateway.history("keys")) == 2, "both are committed")
    assert gateway.history("keys")[1]["reply_to"] == 1


def test_without_a_name_the_page_asks(gateway, browser):
    browser.open(gateway.address + "/chat/caf%C3%A9%20bar")
    assert browser.text("#join-title") == "Join café bar"
    browser.driver.switch_to.active_element.send_keys("a/b\n")
    browser.until(lambda: "contain “/”" in browser.text("#join-note"), "a bad name is refused")
    field = browser.find("#join-user")
    field.clear()
    field.send_keys("zoë & co\n")
    browser.connected()
    browser.say("hi")
    wait_until(
        lambda: [each["user"] for each in gateway.history("caf%C3%A9%20bar")] == ["zoë & co"],
        "committed under that name",
    )


def test_a_duplicated_tab_can_go_on(gateway, browser):
    """A duplicated tab bears the same device: it replaces the first, which says so and can take a device of its own."""
    browser.enter(gateway.address, "lobby", "alice")
    first = browser.driver.current_window_handle
    device = browser.js("return sessionStorage.getItem('sluice.device')")
    browser.driver.switch_to.new_window("tab")
    browser.open(gateway.address + "/docs")
    browser.js("sessionStorage.setItem('sluice.device', arguments[0])", device)
    browser.enter(gateway.address, "lobby", "alice")
    browser.driver.switch_to.window(first)
    browser.until(lambda: browser.state() == "closed", "replaced")
    assert "another tab" in browser.text("#banner-text")
    browser.find("#banner-action").click()
    browser.connected()
    gateway.publish("lobby", "bob", "to both")
    for handle in browser.driver.window_handles:
        browser.driver.switch_to.window(handle)
        browser.until_shown("to both")


def test_a_message_over_the_limit_is_refused_before_it_ends_the_connection(make_gateway, browser):
    gateway = make_gateway(MAX_MESSAGE_BYTES="512")
    browser.enter(gateway.address, "lobby", "alice")
    browser.js("const f = document.querySelector('#message'); f.value = 'x'.repeat(600); f.form.requestSubmit()")
    browser.until(lambda: browser.all("#messages .failed"), "refused here")
    assert "too long" in browser.text("#messages .failed .foot")
    browser.say("short enough")
    wait_until(
        lambda: [each["content"] for each in gateway.history("lobby")] == ["short enough"], "the connection lives"
    )
    assert browser.state() == "online"


def test_a_quick_writer_is_paced_and_nothing_is_lost(make_gateway, browser, other):
    gateway = make_gateway(MESSAGES_PER_SECOND="20")
    browser.enter(gateway.address, "lobby", "alice")
    other.enter(gateway.address, "lobby", "bob")
    texts = [f"quick {number}" for number in range(100)]
    browser.js(
        """
        const field = document.querySelector('#message');
        for (const text of arguments[0]) { field.value = text; field.form.requestSubmit(); }
    """,
        texts,
    )
    for page in (browser, other):
        page.until(lambda: page.bodies() == texts, "all, in the order of writing")
        page.until(lambda: page.seqs() == list(range(1, 101)), "each in its place")


def test_what_the_node_gives_up_is_shown(make_gateway, browser):
    gateway = make_gateway(GOVERNOR_DRY_RUN="0")
    browser.enter(gateway.address, "lobby", "alice")
    assert gateway.request("PUT", "/api/system/tier", {"tier": "moderate"})[0] == 200
    browser.until(lambda: browser.visible("#tier") and "moderate" in browser.text("#tier"), "the notice")
    assert "typing signs" in browser.text("#tier")
    browser.say("messages go on")
    browser.until(lambda: browser.bodies() == ["messages go on"], "the message")
    assert gateway.request("PUT", "/api/system/tier", {"tier": "normal"})[0] == 200
    browser.until(lambda: not browser.visible("#tier"), "no notice")
