"""Private conversations on the chat page: direct messages of two people, their history, and what of it is unread."""

import urllib.parse


def write(gateway, sender, receiver, text):
    path = f"/api/users/{urllib.parse.quote(receiver, safe='')}/messages"
    status, ack = gateway.request("POST", path, {"from": sender, "content": text})
    assert status == 201
    return ack


def private(page, peer):
    """The texts of the conversation with `peer`, in the order shown."""
    return page.js(
        "const log = document.querySelector(`.private-log[data-peer=${CSS.escape(arguments[0])}]`);"
        "return [...(log?.querySelectorAll('[data-id] .body') ?? [])].map((each) => each.textContent)",
        peer,
    )


def unread(page):
    """Person and badge of each private conversation, in the order shown."""
    return page.js(
        "return [...document.querySelectorAll('#private-list [data-peer]')]"
        ".map((each) => [each.dataset.peer, each.querySelector('.badge')?.textContent ?? ''])"
    )


def talk_to(page, peer):
    page.until(lambda: peer in page.people(), f"{peer} is here")
    page.find(f"#users [data-user={peer}] button").click()
    page.until(lambda: page.visible("#private-head"), "the conversation is open")


def test_two_people_write_to_each_other(gateway, browser, other):
    browser.enter(gateway.address, "lobby", "alice")
    other.enter(gateway.address, "lobby", "bob")
    talk_to(browser, "bob")
    assert browser.text("#private-peer") == "bob"
    browser.say("for your eyes")
    browser.until(lambda: private(browser, "bob") == ["for your eyes"], "shown to its author")
    other.until(lambda: unread(other) == [["alice", "1"]], "a badge")
    assert other.bodies() == [] and gateway.history("lobby") == []
    assert other.driver.title.startswith("(1) ")
    other.find("#private-list button").click()
    other.until(lambda: private(other, "alice") == ["for your eyes"], "shown")
    other.until(lambda: unread(other) == [["alice", ""]], "and read")
    other.say("and for yours")
    browser.until(lambda: private(browser, "bob") == ["for your eyes", "and for yours"], "the answer")
    browser.until(lambda: not browser.all(".private-log .pending"), "acked")
    assert unread(browser) == [["bob", ""]]
    # Back in the room the field writes to the room.
    browser.find("#private-back").click()
    browser.until(lambda: not browser.visible("#private-head"), "the room")
    browser.say("for everybody")
    other.until_shown("for everybody")
    assert [each["content"] for each in gateway.history("lobby")] == ["for everybody"]


def test_what_came_while_away_is_unread_until_it_is_looked_at(gateway, browser):
    browser.enter(gateway.address, "lobby", "alice")
    browser.open("about:blank")
    write(gateway, "bob", "alice", "one")
    write(gateway, "carol", "alice", "two")
    write(gateway, "bob", "alice", "three")
    browser.enter(gateway.address, "lobby", "alice")
    browser.until(lambda: unread(browser) == [["bob", "2"], ["carol", "1"]], "the newest first")
    # What was not looked at stays unread, although this device has it.
    browser.until(lambda: gateway.request("GET", "/api/users/alice")[1]["inbox_pending"] == 0, "acked")
    browser.enter(gateway.address, "lobby", "alice")
    browser.until(lambda: unread(browser) == [["bob", "2"], ["carol", "1"]], "from the inbox's history")
    browser.find("#private-list [data-peer=bob] button").click()
    browser.until(lambda: private(browser, "bob") == ["one", "three"], "shown")
    browser.until(lambda: unread(browser) == [["bob", ""], ["carol", "1"]], "read")
    # The address says what is shown, also over a reload; the way back leads to the room.
    browser.driver.refresh()
    browser.connected()
    browser.until(lambda: private(browser, "bob") == ["one", "three"], "again")
    assert browser.visible("#private-head")
    browser.until(lambda: unread(browser) == [["bob", ""], ["carol", "1"]], "still")
    browser.driver.back()
    browser.until(lambda: not browser.visible("#private-head"), "the room")


def test_my_other_device_sees_what_i_write(gateway, browser, other):
    browser.enter(gateway.address, "lobby", "alice")
    other.enter(gateway.address, "lobby", "alice")
    browser.open(f"{gateway.address}/chat/lobby?user=alice#with=bob")
    browser.connected()
    browser.until(lambda: browser.visible("#private-head"), "a conversation with somebody who is away")
    browser.say("are you there?")
    other.until(lambda: private(other, "bob") == ["are you there?"], "the copy")
    assert unread(other) == [["bob", ""]]
    assert other.js("return document.querySelector('.private-log .msg').classList.contains('own')")
    write(gateway, "bob", "alice", "now I am")
    for page in (browser, other):
        page.until(lambda page=page: private(page, "bob") == ["are you there?", "now I am"], "in order, each once")
    # The sending device reads its own copy from the inbox, too, and shows it once.
    browser.driver.refresh()
    browser.connected()
    browser.until(lambda: private(browser, "bob") == ["are you there?", "now I am"], "after a reload")


def test_text_of_private_messages_stays_text(gateway, browser):
    evil = "<img src=x onerror='window.pwned=1'>"
    write(gateway, evil, "alice", evil)
    browser.enter(gateway.address, "lobby", "alice")
    browser.until(lambda: unread(browser) == [[evil, "1"]], "listed")
    browser.find("#private-list button").click()
    browser.until(lambda: browser.text("#private-peer") == evil, "open")
    browser.until(lambda: browser.text(".private-log .body") == evil, "shown")
    assert browser.all(".private-log img, #private-head img, #private-list img") == []
    assert browser.js("return window.pwned === undefined")


def test_a_node_without_the_history_of_inboxes_is_borne(gateway, browser):
    """As one of a former version: it answers with the history of the room. What comes live is shown all the same."""
    browser.driver.switch_to.new_window("tab")
    browser.driver.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument",
        {
            "source": """
                const send = WebSocket.prototype.send;
                WebSocket.prototype.send = function (text) {
                  const frame = JSON.parse(text);
                  delete frame.inbox;
                  send.call(this, JSON.stringify(frame));
                };"""
        },
    )
    gateway.publish("lobby", "bob", "of the room")
    browser.open(f"{gateway.address}/chat/lobby?user=alice#with=bob")
    browser.connected()
    browser.until(lambda: "can’t be read" in browser.text(".private-log .history-line"), "said")
    write(gateway, "bob", "alice", "live")
    browser.until(lambda: private(browser, "bob") == ["live"], "shown")
