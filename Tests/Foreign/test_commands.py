"""Contract, section 8: what the commands say of themselves, `sluice health`, and notices to a service manager."""

import os
import re
import signal
import socket
import subprocess

import pytest
from node import BINARY, ROOT, free_port, seconds, until


def run(*command, **variables):
    """A finished command: with the variables, and without those of a node that this machine may have."""
    known = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return subprocess.run(
        [str(part) for part in command], cwd="/", env=known | variables, capture_output=True, text=True,
        timeout=seconds(20),
    )


def test_help_of_start_sh():
    for option in ("--help", "-h"):
        done = run(ROOT / "start.sh", option)
        assert done.returncode == 0 and not done.stderr
        assert done.stdout.startswith("usage: ./start.sh [PORT] [HOST] [WORKERS]\n")


@pytest.mark.parametrize(
    "arguments, word",
    [
        (["--port"], "--port"), (["0"], "PORT"), (["65536"], "PORT"), (["8000", "a b"], "HOST"),
        (["8000", "::1", "257"], "WORKERS"), (["8000", "::1", "2", "3"], "too many"),
    ],
)
def test_start_sh_refuses(arguments, word):
    done = run(ROOT / "start.sh", *arguments)
    assert done.returncode == 78 and not done.stdout
    assert len(done.stderr.splitlines()) == 1 and word in done.stderr


def test_help_names_every_variable():
    names = re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert len(names) > 40
    done = run(BINARY, "serve", "--help")
    assert done.returncode == 0
    table = done.stdout.split("VARIABLES", 1)[1].split("\nUSAGE:")[0]
    assert re.findall(r"^([A-Z_]+): ", table, re.MULTILINE) == names
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "sluice serve --help" in run(BINARY, "--help").stdout


def test_wrong_usage():
    for arguments in (["fly"], ["serve", "--fast"], ["health", "ws://127.0.0.1:1"], ["health", "http://a/b"]):
        done = run(BINARY, *arguments)
        assert done.returncode == 64 and not done.stdout, done


def test_health(gateway):
    by_url = run(BINARY, "health", f"http://127.0.0.1:{gateway.port}")
    assert by_url.returncode == 0 and '"status":"ok"' in by_url.stdout.replace(" ", "")
    by_setting = run(BINARY, "health", "--ready", PORT=str(gateway.port))
    assert by_setting.returncode == 0 and not by_setting.stderr
    gone = run(BINARY, "health", PORT=str(free_port()), HOST="::")
    assert gone.returncode == 69 and "no answer of [::1]:" in gone.stderr
    assert run(BINARY, "health", PORT="many").returncode == 78


def test_health_by_tls(served, authority):
    """One's own node is known by its place; another one by its certificate."""
    settings = {name: str(value) for name, value in authority.issue().settings.items()}
    assert run(BINARY, "health", PORT=str(served.port), **settings).returncode == 0
    stranger = run(BINARY, "health", f"https://127.0.0.1:{served.port}")
    assert stranger.returncode == 69
    plain = run(BINARY, "health", f"http://127.0.0.1:{served.port}")
    assert plain.returncode == 1 and "400" in plain.stderr


class ServiceManager:
    """As systemd: a datagram socket, and what came to it."""

    def __init__(self, name):
        self.name = name
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(seconds(10))
        self.socket.bind(name.replace("@", "\0", 1) if name.startswith("@") else name)

    def take(self):
        return dict(line.split("=") for line in self.socket.recv(4096).decode().splitlines())


@pytest.mark.parametrize("is_abstract", [False, True])
def test_service_manager(make_node, is_abstract):
    node = make_node(start=False, DRAIN_SECONDS=7)
    manager = ServiceManager(f"@sluice-test-{node.port}" if is_abstract else f"{node.folder.name}/notify")
    node.environment["NOTIFY_SOCKET"] = manager.name
    node.launch()
    assert manager.take() == {"READY": "1"}
    # It serves from that moment on.
    assert node.get("/health").status == 200
    node.process.send_signal(signal.SIGHUP)
    reloading = manager.take()
    assert reloading.pop("RELOADING") == "1" and int(reloading.pop("MONOTONIC_USEC")) > 0 and not reloading
    assert manager.take() == {"READY": "1"}
    # Somebody who says hello and no more: the drain waits for nobody else.
    with node.connect():
        node.process.send_signal(signal.SIGTERM)
        stopping = manager.take()
    assert stopping == {"STOPPING": "1", "EXTEND_TIMEOUT_USEC": str(22_000_000)}
    assert node.wait(15) == 0
    manager.socket.settimeout(0)
    with pytest.raises(BlockingIOError):
        manager.take()


def test_no_service_manager(make_node):
    """A name that nobody listens at, or that is none, is a line of the log."""
    for name, words in [("/nowhere/at/all", "got no notice"), ("nowhere", "gets no notices")]:
        node = make_node(NOTIFY_SOCKET=name)
        until(lambda: words in node.log, what="the warning")
        assert node.get("/health").status == 200
