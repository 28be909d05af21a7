"""Pictures of the pages in the states that a reader meets, to be looked at: `screenshots.py [FOLDER [NAME…]]`.

As for the tests, SLUICE_BIN names the built binary; redis-server is needed for the states of a cluster. Without names
all pictures are made. Those in docs/images come from here. Chinese ones need a font that has its characters.
"""

import contextlib
import pathlib
import re
import subprocess
import sys
import tempfile
import time

from conftest import ROOT, Browser, Gateway, free_port, wait_until

PHONE = {"width": 390, "height": 780, "deviceScaleFactor": 2, "mobile": True}
DESKTOP = {"width": 1200, "height": 750, "deviceScaleFactor": 1, "mobile": False}
TALK = [
    ("maya", "Morning! The new build is on two of the three nodes."),
    ("jonas", "Saw it. Delivery went from 11 ms to 4 ms at the 99th percentile."),
    ("jonas", "Numbers are at https://example.org/runs/4711 (the second table)."),
    ("ann", "Nice. I’ll move the last node over lunch, nobody should notice."),
    ("maya", "The clients reconnect by themselves and go on from their position, so: go ahead."),
    ("lin", "我在上海这边看着，一切正常。"),
    ("ann", "Thanks! Draining now."),
]
ROOMS = {"release": "Release planning", "tea": "Tea kitchen", "ops": "Operations", "zh": "中文角"}


class Pictures:
    def __init__(self, folder, wanted):
        self.folder, self.wanted = pathlib.Path(folder), wanted
        self.browser, self.other = Browser(""), Browser("")
        self.folder.mkdir(parents=True, exist_ok=True)

    def close(self):
        for each in (self.browser, self.other):
            each.driver.quit()

    @contextlib.contextmanager
    def state(self, name, screen=DESKTOP, scheme="light", **settings):
        """Runs a node for one picture, which is taken at the end."""
        if self.wanted and name not in self.wanted:
            yield None
            return
        features = [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        with tempfile.TemporaryDirectory() as scratch:
            gateway = Gateway(pathlib.Path(scratch) / "gateway.log", **{"GOVERNOR_DRY_RUN": "0", **settings}).start()
            try:
                self.browser.open("about:blank")
                self.browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
                self.browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
                self.browser.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": screen["mobile"]})
                yield gateway
                time.sleep(0.4)  # for the eye alone: what fades in has done so
                (self.folder / f"{name}.png").write_bytes(self.browser.driver.get_screenshot_as_png())
                print(name, flush=True)
            finally:
                self.other.open("about:blank")
                gateway.close()

    def talk(self, gateway, language=""):
        """A room with people, other rooms beside it, and ann in it."""
        for id, title in ROOMS.items():
            gateway.request("POST", "/api/rooms", {"id": id, "name": title})
        for user, text in TALK:
            gateway.publish("release", user, text)
        self.other.enter(gateway.address, "release", "jonas")
        self.browser.open(f"{gateway.address}/chat/release?user=ann{language}")
        self.browser.connected()
        self.browser.until_shown(TALK[-1][1])
        self.browser.until(lambda: self.browser.all("#room-list li"), "the rooms are listed")

    def private(self, gateway):
        self.talk(gateway)
        for text in ("Do you have a minute?", "The third node has an odd certificate.", "I can look at 11:00."):
            direct = {"from": "jonas", "content": text}
            assert gateway.request("POST", "/api/users/ann/messages", direct)[0] == 201
        self.browser.until(lambda: self.browser.text("#private-list .badge") == "3", "three unread")


@contextlib.contextmanager
def redis():
    port = free_port()
    with tempfile.TemporaryDirectory() as scratch:
        command = ["redis-server", "--port", str(port), "--save", "", "--dir", scratch, "--bind", "127.0.0.1"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            yield f"redis://127.0.0.1:{port}", process
        finally:
            process.kill()
            process.wait()


def chat(pictures):
    browser = pictures.browser
    with pictures.state("chat") as gateway:
        if gateway:
            pictures.talk(gateway)
            pictures.other.find("#message").send_keys("On ")
            browser.until(lambda: browser.text("#typing"), "typing")
    with pictures.state("chat-dark", scheme="dark") as gateway:
        if gateway:
            pictures.talk(gateway)
    with pictures.state("chat-chinese") as gateway:
        if gateway:
            pictures.talk(gateway, "&lang=zh")
    with pictures.state("chat-phone", PHONE) as gateway:
        if gateway:
            pictures.talk(gateway)
    with pictures.state("chat-phone-people", PHONE) as gateway:
        if gateway:
            pictures.private(gateway)
            browser.find("#people-toggle").click()
    with pictures.state("private") as gateway:
        if gateway:
            pictures.private(gateway)
            browser.find("#private-list button").click()
            browser.say("Yes, come by.")
            browser.until(lambda: not browser.all(".private-log .pending"), "acked")
    with pictures.state("private-unread", scheme="dark") as gateway:
        if gateway:
            pictures.private(gateway)


def notices(pictures):
    browser = pictures.browser
    with pictures.state("tier") as gateway:
        if gateway:
            pictures.talk(gateway)
            gateway.request("PUT", "/api/system/tier", {"tier": "moderate"})
            browser.until(lambda: browser.visible("#tier"), "the notice")
    with pictures.state("full") as gateway:
        if gateway:
            gateway.request("POST", "/api/rooms", {"id": "small", "name": "Small room", "max_users": 1})
            pictures.other.enter(gateway.address, "small", "jonas")
            browser.open(f"{gateway.address}/chat/small?user=ann")
            browser.until(lambda: "full" in browser.text("#banner-text"), "refused")
    with pictures.state("error-chinese") as gateway:
        if gateway:
            browser.open(f"{gateway.address}/nothing?lang=zh")
    with pictures.state("join", PHONE) as gateway:
        if gateway:
            browser.open(f"{gateway.address}/chat/release")
    with redis() as (url, store), pictures.state("degraded", REDIS_URL=url, REDIS_TIMEOUT="0.5") as gateway:
        if gateway:
            pictures.talk(gateway)
            store.terminate()
            browser.until(lambda: browser.visible("#mode"), "the mode")
            browser.say("Is anybody there?")
            browser.until_shown("Is anybody there?")


def others(pictures):
    browser = pictures.browser
    for name, screen, scheme, query in [
        ("home", DESKTOP, "light", ""),
        ("home-chinese", DESKTOP, "dark", "?lang=zh"),
        ("home-phone", PHONE, "light", ""),
    ]:
        with pictures.state(name, screen, scheme) as gateway:
            if gateway:
                pictures.talk(gateway)
                browser.open(f"{gateway.address}/{query}")
                browser.until(lambda: browser.all("#rooms-live li"), "listed")
    for name, query in [("status", ""), ("status-chinese", "?lang=zh")]:
        with redis() as (url, _), pictures.state(name, {**DESKTOP, "height": 1100}, REDIS_URL=url) as gateway:
            if not gateway:
                continue
            with tempfile.TemporaryDirectory() as scratch:
                more = Gateway(pathlib.Path(scratch) / "more.log", REDIS_URL=url).start()
                try:
                    wait_until(lambda g=gateway: len(g.request("GET", "/api/nodes")[1]["nodes"]) == 2, "both are up")
                    pictures.talk(gateway)
                    browser.open(f"{gateway.address}/status{query}")
                    browser.until(lambda: len(browser.all("#nodes tr")) == 2, "both are shown")
                    time.sleep(6)  # for the eye alone: the charts have a course
                finally:
                    more.close()


def main():
    folder, *wanted = sys.argv[1:] or [str(ROOT / ".build/pictures")]
    assert all(re.fullmatch(r"[a-z-]+", name) for name in wanted), "names of pictures"
    pictures = Pictures(folder, wanted)
    try:
        for part in (chat, notices, others):
            part(pictures)
    finally:
        pictures.close()


if __name__ == "__main__":
    main()
