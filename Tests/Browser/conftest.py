"""A gateway of its own for each test, two browsers for the whole run, and a network that can be cut.

SLUICE_BIN names the built binary (default: .build/release/sluice of this checkout). Each test's gateway listens on a
free port, so each test also has an origin, and with it a browser storage, of its own.
"""

import base64
import hashlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "Tests/Support"))
from authority import Authority  # noqa: E402

DEADLINE = 20  # seconds that anything may take before a test fails

# What a browser itself writes when the node is away; tests that take it away expect these and nothing else.
NETWORK_NOISE = re.compile(r"net::ERR_|WebSocket connection to .* failed|status of 503")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(check, what, deadline=DEADLINE):
    """Polls `check` until it returns something true, which it returns."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        value = check()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {deadline} s: {what}")


class Gateway:
    """One node, started and stopped by its process id."""

    def __init__(self, log_path, trust=None, **settings):
        """`trust`: a context for clients of TLS, when the settings have a certificate."""
        self.port = free_port()
        self.log_path = log_path
        self.trust = trust
        # The machine is busy with the tests themselves: what they see must not depend on the node's tier.
        calm = {"GOVERNOR_DRY_RUN": "1", "GOVERNOR_ENTER_MARKS": "0.98,0.99,1"}
        self.settings = {"WORKERS": "2", "DRAIN_SECONDS": "2", "PRESENCE_GRACE_SECONDS": "1", **calm, **settings}
        self.process = None

    @property
    def address(self):
        return f"{'https' if self.trust else 'http'}://127.0.0.1:{self.port}"

    def start(self):
        binary = os.environ.get("SLUICE_BIN", str(ROOT / ".build/release/sluice"))
        environment = {**os.environ, "HOST": "127.0.0.1", "PORT": str(self.port), **self.settings}
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [binary, "serve"], env=environment, stdout=log, stderr=log, cwd=self.log_path.parent
            )
        wait_until(self._ready, f"the gateway is ready, see {self.log_path}")
        return self

    def _ready(self):
        assert self.process.poll() is None, f"the gateway ended: {self.log_path.read_text()}"
        try:
            return self.request("GET", "/ready")[0] == 200
        except OSError:
            return False

    def request(self, method, path, body=None, headers=None):
        """(status, parsed body or None)."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data=data, method=method)
        request.add_header("Content-Type", "application/json")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=5, context=self.trust) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text.startswith((b"{", b"[")) else None
        except urllib.error.HTTPError as error:
            with error:
                return error.code, None

    def publish(self, room, user, content, **more):
        status, ack = self.request("POST", f"/api/rooms/{room}/messages", {"user": user, "content": content, **more})
        assert status in (200, 201), status
        return ack

    def history(self, room):
        return self.request("GET", f"/api/rooms/{room}/messages?limit=500")[1]["messages"]

    def terminate(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.process.wait(DEADLINE)

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(DEADLINE)


class Proxy:
    """A TCP relay to the gateway whose connections can be cut or made silent."""

    def __init__(self, target_port):
        self.target_port = target_port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.refusing = False
        self.silent = threading.Event()
        self.relayed = 0  # bytes, both ways
        self.pairs = []
        self.lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}"

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return  # closed
            if self.refusing:
                self._reset(client)
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.target_port), timeout=DEADLINE)
            except OSError:
                self._reset(client)
                continue
            server.settimeout(None)
            with self.lock:
                self.pairs.append((client, server))
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=self._relay, args=(source, target), daemon=True).start()

    def _relay(self, source, target):
        try:
            while data := source.recv(65536):
                with self.lock:
                    self.relayed += len(data)
                if not self.silent.is_set():
                    target.sendall(data)  # while silent it goes nowhere, as on a dead link
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # cut

    @staticmethod
    def _reset(connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()

    def cut(self):
        """Resets every connection and refuses new ones until `restore`."""
        self.refusing = True
        with self.lock:
            pairs, self.pairs = self.pairs, []
        for client, server in pairs:
            for connection in (client, server):
                try:
                    connection.shutdown(socket.SHUT_RDWR)  # wakes the relaying thread
                except OSError:
                    pass  # closed by its peer already
                self._reset(connection)

    def restore(self):
        self.silent.clear()
        self.refusing = False

    def close(self):
        self.listener.close()
        self.cut()


class Browser:
    """A Chromium with the few verbs that the tests need."""

    def __init__(self, key):
        """`key`: the hash of the one public key that it takes without an authority that it knows."""
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for argument in (
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--window-size=1200,800",
            "--lang=en-GB",
            f"--ignore-certificate-errors-spki-list={key}",
        ):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))
        self.driver.set_script_timeout(DEADLINE)
        self.driver.set_page_load_timeout(DEADLINE)

    def open(self, address):
        self.driver.get(address)

    def enter(self, origin, room, user):
        """Opens the chat page and waits until it is connected."""
        self.open(f"{origin}/chat/{room}?user={user}")
        self.connected()

    def connected(self):
        self.until(lambda: self.state() == "online", "connected")

    def state(self):
        return self.find("#connection-state").get_attribute("data-state")

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def visible(self, selector):
        return any(element.is_displayed() for element in self.all(selector))

    def text(self, selector):
        return self.js("return document.querySelector(arguments[0])?.textContent ?? null", selector)

    def js(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def say(self, text):
        """Types into the field that has the focus' place in the contract, and presses Enter."""
        self.find("#message").send_keys(text + "\n")

    def bodies(self):
        """The texts of all messages, in the order shown."""
        return self.js(
            "return [...document.querySelectorAll('#messages [data-id] .body')].map((each) => each.textContent)"
        )

    def seqs(self):
        """The places of all messages, in the order shown; None where there is none yet."""
        messages = "[...document.querySelectorAll('#messages [data-id]')]"
        return self.js(f"return {messages}.map((e) => (e.dataset.seq ? Number(e.dataset.seq) : null))")

    def people(self):
        return self.js("return [...document.querySelectorAll('#users [data-user]')].map((each) => each.dataset.user)")

    def until(self, check, what, deadline=DEADLINE):
        return WebDriverWait(self.driver, deadline, poll_frequency=0.05).until(
            lambda _: check(), f"{what}; log shows {self.bodies()[-5:]}"
        )

    def until_shown(self, *texts):
        self.until(lambda: set(texts) <= set(self.bodies()), f"shown: {texts}")

    def phone(self):
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride", {"width": 360, "height": 700, "deviceScaleFactor": 2, "mobile": True}
        )

    def take_complaints(self, expected):
        """Console errors, except those that match `expected` (a compiled pattern or None)."""
        return [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if entry["level"] == "SEVERE" and not (expected and expected.search(entry["message"]))
        ]

    def take_requests(self):
        """The addresses of everything that was asked for since the last call."""
        addresses = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                addresses.append(message["params"]["request"]["url"])
            elif message["method"] == "Network.webSocketCreated":
                addresses.append(message["params"]["url"])
        return addresses

    def reset(self):
        """Back to one window at an empty page, as a desktop screen."""
        for handle in self.driver.window_handles[1:]:
            self.driver.switch_to.window(handle)
            self.driver.close()
        self.driver.switch_to.window(self.driver.window_handles[0])
        self.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        self.open("about:blank")
        self.take_complaints(None)
        self.take_requests()


@pytest.fixture
def make_gateway(tmp_path):
    made = []

    def make(**settings):
        made.append(Gateway(tmp_path / f"gateway-{len(made)}.log", **settings).start())
        return made[-1]

    yield make
    for gateway in made:
        gateway.close()


@pytest.fixture
def gateway(make_gateway):
    return make_gateway()


@pytest.fixture
def proxy(gateway):
    relay = Proxy(gateway.port)
    yield relay
    relay.close()


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def certificate(authority):
    """The one whose key browsers take."""
    return authority.issue()


@pytest.fixture(scope="session")
def _browsers(certificate):
    command = ["openssl", "pkey", "-in", str(certificate.key), "-pubout", "-outform", "DER"]
    public = subprocess.run(command, check=True, capture_output=True).stdout
    key = base64.b64encode(hashlib.sha256(public).digest()).decode()
    browsers = [Browser(key), Browser(key)]
    yield browsers
    for browser in browsers:
        browser.driver.quit()


@pytest.fixture
def expected_complaints():
    """Patterns of console errors that a test brings about on purpose."""
    return []


def _checked(browser, expected_complaints):
    browser.reset()
    yield browser
    pattern = re.compile("|".join(f"(?:{each})" for each in expected_complaints)) if expected_complaints else None
    complaints = browser.take_complaints(pattern)
    # A page's own favicon and the like count too: nothing at all may come from elsewhere.
    foreign = [
        each
        for each in browser.take_requests()
        if not re.match(r"(https?|wss?)://127\.0\.0\.1:|data:|about:|blob:", each)
    ]
    browser.reset()
    assert complaints == [], complaints
    assert foreign == [], foreign


@pytest.fixture
def browser(_browsers, expected_complaints):
    """Every test that uses it also says: no console error, and no request to another origin."""
    yield from _checked(_browsers[0], expected_complaints)


@pytest.fixture
def other(_browsers, expected_complaints):
    yield from _checked(_browsers[1], expected_complaints)


@pytest.fixture
def node_goes_away(expected_complaints):
    expected_complaints.append(NETWORK_NOISE.pattern)
