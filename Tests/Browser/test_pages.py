"""Home, status and docs; what holds for every page."""

import contextlib
import json
import pathlib
import re
import signal
import socket
import subprocess
import urllib.parse

import pytest
from conftest import free_port, wait_until

CHECKS = (pathlib.Path(__file__).parent / "page_checks.js").read_text()
# Every page, and what is visible once it has loaded.
PAGES = {
    "/": "[data-room]",
    "/chat/lobby?user=alice": "#messages [data-id]",
    "/chat/lobby": "#join-user",
    "/status": "#workers tr",
    "/links": "#no-links",
    "/docs": ".operation",
}


def test_home_lists_live_counts(gateway, browser, other):
    gateway.request("POST", "/api/rooms", {"id": "planning", "name": "Planning"})
    browser.open(gateway.address + "/")
    browser.until(lambda: browser.all("#rooms [data-room=planning]"), "listed")
    assert browser.text("[data-room=planning] .room-name") == "Planning"
    assert browser.text("[data-room=planning] .room-count strong") == "0"
    other.enter(gateway.address, "planning", "bob")
    browser.until(lambda: browser.text("[data-room=planning] .room-count strong") == "1", "one is there")


def test_home_sets_live_rooms_apart(gateway, browser, other):
    for id in ("a", "b", "c"):
        gateway.request("POST", "/api/rooms", {"id": id})
    rooms = "document.querySelectorAll(`#${arguments[0]} [data-room]`)"
    part = f"return [...{rooms}].map((each) => each.dataset.room)"
    browser.open(gateway.address + "/")
    browser.until(lambda: browser.js(part, "rooms-quiet") == ["a", "b", "c"], "all are empty")
    assert browser.visible("#nobody")
    other.enter(gateway.address, "b", "bob")
    browser.until(lambda: browser.js(part, "rooms-live") == ["b"], "one is live")
    assert browser.js(part, "rooms-quiet") == ["a", "c"] and not browser.visible("#nobody")


def test_home_makes_an_identifier_of_the_title(gateway, browser):
    browser.open(gateway.address + "/")
    for title, id in [("  Große Café-Runde, 2. Teil! ", "große-cafe-runde-2-teil"), ("发布 计划", "发布-计划")]:
        browser.find("#create-name").clear()
        browser.find("#create-name").send_keys(title)
        assert browser.find("#create-id").get_attribute("placeholder") == id
        browser.find("#create-form button").click()
        path = "/api/rooms/" + urllib.parse.quote(id)
        wait_until(lambda path=path: gateway.request("GET", path)[0] == 200, "made")
        assert gateway.request("GET", path)[1]["name"] == title.strip()
    browser.find("#create-name").send_keys("😀 !")
    assert "made for you" in browser.find("#create-id").get_attribute("placeholder")


def test_home_pages_through_many_rooms(gateway, browser):
    for number in range(130):
        gateway.request("POST", "/api/rooms", {"id": f"room-{number:03}"})
    browser.open(gateway.address + "/")
    browser.until(lambda: len(browser.all("#rooms [data-room]")) == 100, "the first page")
    browser.find("#more").click()
    browser.until(lambda: len(browser.all("#rooms [data-room]")) == 130, "the second page")
    assert not browser.visible("#more")
    browser.find("#filter").send_keys("room-12")
    browser.until(lambda: sum(each.is_displayed() for each in browser.all("#rooms [data-room]")) == 10, "filtered")


def test_home_creates_and_joins(gateway, browser):
    browser.open(gateway.address + "/")
    browser.find("#join-user").send_keys("alice")
    browser.find("#create-name").send_keys("Tea room")
    browser.find("#create-id").send_keys("tea")
    browser.find("#create-form summary").click()
    browser.find("#create-max").send_keys("7")
    browser.find("#create-form button").click()
    browser.until(lambda: "Enter Tea room" in browser.text("#create-note"), "made")
    room = gateway.request("GET", "/api/rooms/tea")[1]
    assert (room["name"], room["max_users"]) == ("Tea room", 7)
    browser.until(lambda: browser.all("[data-room=tea]"), "listed")
    browser.find("#create-note a").click()
    browser.connected()
    assert browser.driver.current_url.endswith("/chat/tea?user=alice")
    browser.open(gateway.address + "/")
    assert browser.find("#join-user").get_attribute("value") == "alice"
    browser.find("#join-room").send_keys("fresh one\n")
    browser.connected()
    assert browser.text("#room-title") == "fresh one"


def test_home_says_that_a_room_exists(gateway, browser, expected_complaints):
    expected_complaints.append("status of 409")
    gateway.request("POST", "/api/rooms", {"id": "tea"})
    browser.open(gateway.address + "/")
    browser.find("#create-id").send_keys("tea\n")
    browser.until(lambda: "there already" in browser.text("#create-note"), "said")


def test_pages_ask_for_the_api_key_once(make_gateway, browser, expected_complaints):
    expected_complaints.append("status of 401")
    gateway = make_gateway(API_KEY="a-secret-for-this-test")
    key = {"X-API-Key": "a-secret-for-this-test"}
    assert gateway.request("POST", "/api/rooms", {"id": "tea"}, key)[0] == 201
    browser.open(gateway.address + "/")
    browser.until(lambda: browser.visible("#api-key"), "asked")
    assert browser.all("[data-room]") == []
    browser.find("#api-key").send_keys("wrong\n")
    browser.until(lambda: "not the right one" in browser.text("#key-note"), "a wrong key is said")
    browser.find("#api-key").clear()
    browser.find("#api-key").send_keys("a-secret-for-this-test\n")
    browser.until(lambda: browser.all("[data-room=tea]") and not browser.visible("#api-key"), "listed")
    browser.open(gateway.address + "/status")
    browser.until(lambda: browser.text("#live") == "Live", "the same tab is not asked again")


def test_links_are_shown_and_switched(make_gateway, browser, expected_complaints):
    expected_complaints.append("status of 401")
    gateway = make_gateway(LINK_ALLOWED_HOSTS="127.0.0.1", API_KEY="a-secret-for-this-test")
    key = {"X-API-Key": "a-secret-for-this-test"}
    url = gateway.address.replace("http", "ws") + "/ws/far/bot"
    link = {"id": "a b", "name": "Far", "url": url, "room": "near"}
    assert gateway.request("POST", "/api/links", link, key)[0] == 201
    browser.open(gateway.address + "/links")
    browser.until(lambda: browser.visible("#api-key"), "asked")
    browser.find("#api-key").send_keys("a-secret-for-this-test\n")
    line = '[data-link="a b"] '

    def is_in(state):
        return browser.all(line) and browser.text(line + "td:nth-child(2)") == state

    browser.until(lambda: is_in("connected"), "connected")
    assert browser.text(line + "td") == "Far (a b)" and browser.text(line + "a") == "near"
    assert browser.text("#summary") == "1 of 1 connected"
    browser.find(line + "button").click()
    browser.until(lambda: is_in("disabled"), "disabled")
    assert gateway.request("GET", "/api/links/a%20b", None, key)[1]["enabled"] is False
    browser.find(line + "button").click()
    browser.until(lambda: is_in("connected"), "enabled")
    assert gateway.request("DELETE", "/api/links/a%20b", None, key)[0] == 204
    browser.until(lambda: browser.visible("#no-links"), "gone")


def test_status_shows_live_numbers(gateway, browser, other):
    browser.open(gateway.address + "/status")
    browser.until(lambda: browser.text("#connections") == "0", "no connection yet")
    assert len(browser.all("#workers tr")) == 2
    # The tests keep the machine busy.
    assert browser.text("#governor-tier") in {"normal", "light"}
    other.enter(gateway.address, "lobby", "bob")
    browser.until(
        lambda: browser.text("#connections") == "1" and browser.text("#rooms") == "1", "one connection, one room"
    )
    other.say("counted")
    browser.until(lambda: browser.text("#messages-in-sub").startswith("1 kept"), "one message")
    browser.until(lambda: len(browser.all("svg.chart polyline")) >= 5, "charts are drawn")
    points = browser.js("return document.querySelector('svg.chart polyline').getAttribute('points').split(' ').length")
    browser.until(
        lambda: browser.js(
            "return document.querySelector('svg.chart polyline').getAttribute('points').split(' ').length"
        )
        > points,
        "and move on",
    )


def test_status_says_how_the_node_is_in_a_sentence(make_gateway, browser):
    gateway = make_gateway(GOVERNOR_DRY_RUN="0")
    browser.open(gateway.address + "/status")
    browser.until(lambda: browser.text("#sentence").startswith("All is well"), "normal")
    assert not browser.visible("#nodes-card")
    for tier, text in [("light", "nobody is refused"), ("moderate", "some features are paused")]:
        gateway.request("PUT", "/api/system/tier", {"tier": tier})
        browser.until(lambda text=text: text in browser.text("#sentence"), tier)


def test_status_shows_all_nodes(make_gateway, browser, tmp_path):
    port = free_port()
    command = ["redis-server", "--port", str(port), "--save", "", "--dir", str(tmp_path), "--bind", "127.0.0.1"]
    store = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        settings = {"REDIS_URL": f"redis://127.0.0.1:{port}", "NODE_HEARTBEAT_SECONDS": "1"}
        here = make_gateway(NODE_ID="here", **settings)
        there = make_gateway(NODE_ID="there", **settings)
        row = "const e = document.querySelector(`#nodes [data-node=${arguments[0]}]`);"
        cells = f"{row} return e && [...e.cells].map((each) => each.textContent)"
        browser.open(here.address + "/status")
        browser.until(lambda: browser.js(cells, "there"), "both are listed")
        assert browser.js(cells, "here")[:2] == ["here this node", "up"]
        assert browser.js(cells, "there")[:2] == ["there", "up"]
        assert browser.js(cells, "there")[3] == f"127.0.0.1:{there.port}"
        there.terminate(signal.SIGKILL)
        browser.until(lambda: (browser.js(cells, "there") or ["", "suspect"])[1] == "suspect", "its loss is shown")
    finally:
        store.kill()
        store.wait()


def test_status_shows_what_the_governor_does(make_gateway, browser):
    gateway = make_gateway(GOVERNOR_DRY_RUN="0")
    browser.open(gateway.address + "/status")
    for id, some in {"signals": {"loop lag", "memory"}, "causes": {"host cpu"}}.items():
        rows = f"[...document.querySelectorAll('#{id} tr')]"
        first = f"return {rows}.map((row) => row.cells[0].textContent)"
        browser.until(lambda first=first, some=some: some <= set(browser.js(first)), id)
        assert browser.js(f"return {rows}.every((row) => row.querySelector('svg.bar'))")
    assert not browser.visible("#governor-note") and browser.visible("#shed-none")
    for tier in ("heavy", "moderate"):
        assert gateway.request("PUT", "/api/system/tier", {"tier": tier})[0] == 200
    browser.until(lambda: browser.text("#governor-tier") == "moderate", "the tier")
    assert browser.text("#tier-sub").startswith("pinned")
    assert browser.visible("#governor-note") and "pinned" in browser.text("#governor-note")
    # The tier comes by an event, the list with the next status.
    last = "return document.querySelector('#transitions tr').innerText.split('\\t').slice(1)"
    wanted = ["heavy", "moderate", "An operator held the node at moderate."]
    browser.until(lambda: browser.js(last) == wanted, "the last change in the list")
    assert browser.js(CHECKS + "return poorContrast()") == []
    gateway.request("PUT", "/api/system/tier", {"tier": "auto"})
    browser.until(lambda: not browser.visible("#governor-note"), "no longer pinned")


def test_status_says_that_it_is_a_dry_run(make_gateway, browser):
    gateway = make_gateway(GOVERNOR_DRY_RUN="1")
    browser.open(gateway.address + "/status")
    browser.until(lambda: browser.visible("#governor-note"), "the note")
    assert "Dry run" in browser.text("#governor-note")


def test_status_listens_and_shows_alerts(make_gateway, browser):
    gateway = make_gateway(MAX_CONNECTIONS="30", PRESENCE_GRACE_SECONDS="0")
    browser.open(gateway.address + "/status")
    browser.until(lambda: any(each.endswith("/api/system/events") for each in browser.take_requests()), "it listens")
    assert not browser.visible("#alerts")
    # The page has some of its own; sockets without a word count, too.
    with contextlib.ExitStack() as stack:
        for _ in range(27):
            stack.enter_context(socket.create_connection(("127.0.0.1", gateway.port)))
        browser.until(lambda: "connections near cap" in browser.text("#alerts"), "the alert")
        assert browser.visible("#alerts")
    browser.until(lambda: not browser.visible("#alerts"), "it is over")


def test_events_are_read_however_they_are_cut(gateway, browser):
    """A stream in pieces of any length gives the same events; comments and other fields give none."""
    browser.open(gateway.address + "/status")
    stream = (
        'retry: 500\n\n:\n\nid: b-7\nevent: tier\ndata: {"to":"lïght"}\n\n'
        "id: b-8\ndata: a\ndata: b\n\nid: b-9\n\ndata: cut"
    )
    script = """
        const [stream, done] = arguments;
        import("/assets/events.js").then(({ EventReader }) => done([1, 2, 3, 7, 1000].map((size) => {
          const reader = new EventReader();
          const events = [];
          for (let at = 0; at < stream.length; at += size) events.push(...reader.read(stream.slice(at, at + size)));
          reader.restart();
          events.push(...reader.read("data: whole\\n\\n"));
          return [events, reader.lastId, reader.retryMs];
        })));
    """
    events = [["tier", '{"to":"lïght"}'], ["message", "a\nb"], ["message", "whole"]]
    for found in browser.driver.execute_async_script(script, stream):
        assert found == [events, "b-9", 500]


def test_docs_show_the_tiers(gateway, browser):
    table = gateway.request("GET", "/assets/tiers.json")[1]
    assert table["tiers"] == ["normal", "light", "moderate", "heavy"]
    browser.open(gateway.address + "/docs")
    browser.until(lambda: browser.visible("#tier-table table"), "shown")
    rows = "[...document.querySelectorAll('#tier-table tr')]"
    cells = f"{rows}.map((row) => [...row.cells].map((each) => each.textContent))"
    shown = browser.js(f"return {cells}")
    assert shown == [
        ["Feature", "Mitigates", *table["tiers"]],
        *[[row["feature"], row["mitigates"], *row["tiers"]] for row in table["rows"]],
    ]
    assert len(shown) > 10 and "1/10" in " ".join(next(row for row in shown if row[0] == "messages per connection"))


def test_docs_render_every_operation(gateway, browser):
    document = gateway.request("GET", "/openapi.json")[1]
    expected = {(path, method) for path, item in document["paths"].items() for method in item if method != "parameters"}
    browser.open(gateway.address + "/docs")
    browser.until(lambda: browser.all(".operation"), "rendered")
    cards = "[...document.querySelectorAll('.operation')]"
    shown = {tuple(each) for each in browser.js(f"return {cards}.map((e) => [e.dataset.path, e.dataset.method])")}
    assert shown == expected
    schemas = {f"schema-{name.lower()}" for name in document["components"]["schemas"]}
    assert schemas <= set(browser.js("return [...document.querySelectorAll('#schemas [id]')].map((each) => each.id)"))
    assert browser.js(CHECKS + "return danglingLinks()") == []
    for word in ("inbox_ack", "joined_room", "feature_suspended", "4102"):
        assert word in browser.text("#websocket")


def test_a_link_into_the_docs_opens_its_operation(gateway, browser):
    browser.open(gateway.address + "/docs#post-api-rooms")
    browser.until(lambda: browser.js("return document.getElementById('post-api-rooms')?.open"), "opened")


@pytest.mark.parametrize("page", PAGES)
def test_no_page_scrolls_sideways_on_a_phone(gateway, browser, page):
    gateway.request("POST", "/api/rooms", {"id": "w" * 128, "name": "long " * 40})
    gateway.publish("lobby", "bob" * 20, "https://example.org/" + "unbroken" * 60)
    browser.phone()
    browser.open(gateway.address + page)
    browser.until(lambda: browser.visible(PAGES[page]), "loaded")
    width, inner = browser.js("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert width <= inner == 360
    if page.endswith("alice"):
        browser.find("#people-toggle").click()
        browser.until(lambda: browser.visible("#users [data-user=alice]"), "people open on a tap")


@pytest.mark.parametrize("page", PAGES)
def test_every_control_has_a_name_and_every_id_is_one(gateway, browser, page):
    browser.open(gateway.address + page)
    assert browser.js(CHECKS + "return nameless()") == []
    ids = browser.js("return [...document.querySelectorAll('[id]')].map((each) => each.id)")
    assert len(ids) == len(set(ids))
    assert browser.js("return document.documentElement.lang") == "en"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("page", PAGES)
def test_text_is_legible_in_light_and_dark(gateway, browser, page, scheme):
    """Contrast of every visible text against what lies behind it: 4.5 to 1 (WCAG 2.2, 1.4.3)."""
    gateway.publish("lobby", "bob", "from another")
    gateway.publish("lobby", "alice", "from me")
    browser.driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {
            "features": [
                {"name": "prefers-color-scheme", "value": scheme},
                {"name": "prefers-reduced-motion", "value": "reduce"},
            ]
        },
    )
    try:
        browser.open(gateway.address + page)
        browser.until(lambda: browser.visible(PAGES[page]), "loaded")
        assert browser.js(CHECKS + "return poorContrast()") == []
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_nothing_inline_is_in_any_page(gateway, browser):
    """The content security policy forbids it; this names the element."""
    for page in PAGES:
        browser.open(gateway.address + page)
        assert browser.js(CHECKS + "return inline()") == []


WORDS = {"/": "房间", "/chat/lobby": "你的名字", "/status": "状态", "/links": "外部链接"}


@pytest.mark.parametrize("page", WORDS)
def test_pages_speak_chinese(gateway, browser, page):
    gateway.publish("lobby", "bob", "one")
    browser.open(f"{gateway.address}{page}?lang=zh")
    browser.until(lambda: browser.visible(PAGES[page]), "loaded")
    assert browser.js("return document.documentElement.lang") == "zh-CN"
    assert WORDS[page] in browser.text("body")
    # Nothing of the page's own is left in English: each text is one that the table has.
    left = browser.js(
        "return [...document.querySelectorAll('[data-t]')].map((each) => each.textContent)"
        ".filter((text) => /[a-z]{4}/i.test(text.replace(/Sluice|lobby/, '')) && text !== 'English')"
    )
    assert left == []
    if page == "/":
        browser.until(lambda: "lang=zh" in browser.find("#rooms a").get_attribute("href"), "links stay in the language")
        browser.find("a.language").click()
        browser.until(lambda: browser.js("return document.documentElement.lang") == "en", "the other is a click away")


def test_both_languages_have_the_same_texts(gateway, browser):
    browser.open(gateway.address + "/")
    texts = browser.driver.execute_async_script(
        "const done = arguments[0]; import('/assets/texts.js').then((module) => done(module.TEXTS))"
    )

    def gaps(text):
        """What is put into a text; of several forms, into the last."""
        return set(re.findall(r"\{(\w+)\}", text if isinstance(text, str) else text["other"]))

    english, chinese = ({key: gaps(text) for key, text in texts[name].items()} for name in ("en", "zh"))
    assert len(english) > 200
    assert english == chinese


def test_a_browser_gets_its_errors_as_pages(make_gateway, browser, expected_complaints):
    expected_complaints.append("status of (400|401|404|503)")
    gateway = make_gateway(API_KEY="k", GOVERNOR_DRY_RUN="0")
    for path, status in [("/nothing", 404), ("/chat/a%01b", 400), ("/api/rooms", 401)]:
        browser.open(gateway.address + path)
        assert str(status) in browser.text(".detail") and browser.visible("h1"), path
    browser.open(gateway.address + "/nothing?lang=zh")
    assert browser.text("h1") == "这里什么也没有"
    assert gateway.request("PUT", "/api/system/tier", {"tier": "heavy"}, {"X-API-Key": "k"})[0] == 200
    wait_until(lambda: gateway.request("GET", "/docs")[0] == 503, "heavy")
    browser.open(gateway.address + "/chat/lobby")
    assert "503" in browser.text(".detail")
    # Its style is its own, as nothing else is served now.
    assert browser.js("return getComputedStyle(document.body).display") == "grid"
    assert browser.js(CHECKS + "return poorContrast()") == []


def test_the_chat_is_small_and_smaller_the_second_time(gateway, browser):
    """Bytes on the wire of the answers with the page and its files, heads included."""

    def files():
        found, paths = 0, {}
        for entry in browser.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            params = message["params"]
            if message["method"] == "Network.responseReceived":
                paths[params["requestId"]] = params["response"]["url"]
            elif message["method"] == "Network.loadingFinished":
                is_file = "/api/" not in paths.get(params["requestId"], "/api/")
                found += params["encodedDataLength"] if is_file else 0
        return found

    browser.driver.execute_cdp_cmd("Network.clearBrowserCache", {})
    browser.take_requests()
    browser.enter(gateway.address, "lobby", "alice")
    first = files()
    assert 10_000 < first <= 60_000
    browser.enter(gateway.address, "lobby", "alice")
    second = files()
    assert 100 < second <= 2_048
