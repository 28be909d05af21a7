"""What axe-core finds on each page in each state: nothing."""

import pathlib

import axe_core_python
import pytest

AXE = (pathlib.Path(axe_core_python.__file__).parent / "axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]


def violations(browser):
    browser.js(AXE)
    run = "const [tags, done] = arguments; axe.run(document, { runOnly: tags }).then(done, (e) => done(String(e)))"
    found = browser.driver.execute_async_script(run, RULES)
    return [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]]


PAGES = {"/": "[data-room]", "/status": "#workers tr", "/chat/lobby": "#join-user", "/nothing": "h1"}


def test_pages(gateway, browser, expected_complaints):
    expected_complaints.append("status of 404")
    gateway.publish("lobby", "bob", "one")
    for path, ready in PAGES.items():
        for language in ("en", "zh"):
            browser.open(f"{gateway.address}{path}?lang={language}")
            browser.until(lambda ready=ready: browser.visible(ready), "loaded")
            assert violations(browser) == [], (path, language)


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_chat(gateway, browser, phone):
    for number in range(60):
        gateway.publish("lobby", "bob", f"number {number}, https://example.org")
    direct = {"from": "bob", "content": "psst"}
    assert gateway.request("POST", "/api/users/alice/messages", direct)[0] == 201
    if phone:
        browser.phone()
    browser.enter(gateway.address, "lobby", "alice")
    browser.say("mine")
    browser.until(lambda: browser.all("#messages .own[data-seq]"), "acked")
    browser.until(lambda: browser.all("#private-list .badge"), "unread")
    assert violations(browser) == []
    if phone:
        browser.find("#people-toggle").click()
        assert violations(browser) == []
    browser.find("#private-list button").click()
    browser.until(lambda: browser.visible("#private-head"), "the conversation")
    assert violations(browser) == []
