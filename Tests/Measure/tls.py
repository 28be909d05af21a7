"""What TLS costs a node: memory of an idle connection, handshakes and deliveries per second of processor time.

    SLUICE_BIN=… LOAD_TEST_BIN=… .build/test-venv/bin/python Tests/Measure/tls.py [--connections 1000] [--seconds 10]

Counts the processor's time and memory of the server alone, which the load of other processes hardly changes. Full
handshakes are compared with `openssl s_server` with the same certificate (P-256), the rest with the same node without
TLS. Nodes have one worker.
"""

import argparse
import contextlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "Support"))
from authority import Authority  # noqa: E402
from client import path  # noqa: E402
from node import ROOT, Node, elapse, free_port, until  # noqa: E402

LOAD_TEST = os.environ.get("LOAD_TEST_BIN", str(ROOT / ".build/release/load_test"))
UPGRADE = (
    "GET {} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def processor_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid):
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def idle_bytes(node, connections):
    """Memory per connection that is in a room of 100 and silent."""
    with contextlib.ExitStack() as links:
        before = resident_bytes(node.process.pid)
        for number in range(connections):
            link = node.connect()
            if node.trust:
                link = node.trust.wrap_socket(link, server_hostname="127.0.0.1")
            links.enter_context(link)
            link.sendall(UPGRADE.format(path(f"r{number // 100}", f"u{number}")).encode())
            answer = b""
            while b"joined_room" not in answer:
                answer += link.recv(65536)
        return (resident_bytes(node.process.pid) - before) / connections


def handshakes_per_second(pid, port, seconds):
    """Full handshakes per second of the server's processor time."""
    before = processor_seconds(pid)
    command = ["openssl", "s_time", "-connect", f"127.0.0.1:{port}", "-new", "-time", str(seconds)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 30, check=True).stdout
    count = int(re.search(r"(\d+) connections in \d+ real seconds", said)[1])
    return count / (processor_seconds(pid) - before)


def deliveries_per_second(node, members, seconds):
    """Messages that members of one room get, per second of the server's processor time; 32 are under way."""
    scheme = "wss" if node.trust else "ws"
    command = [LOAD_TEST, "--scenario", "broadcast", "--connections", members, "--rooms", 1, "--senders", 1]
    command += ["--window", 32, "--duration", seconds + 5, "--url", f"{scheme}://127.0.0.1:{node.port}"]
    command += ["--insecure"] if node.trust else []
    load = subprocess.Popen([*map(str, command)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def so_far():
        return counter(node, "sluice_messages_delivered_total"), processor_seconds(node.process.pid)

    # Behind the handshakes.
    until(lambda: so_far()[0] > 100 * members, 60, "load")
    before = so_far()
    elapse(seconds)
    after = so_far()
    assert load.wait(60) == 0
    return (after[0] - before[0]) / (after[1] - before[1])


def counter(node, name):
    text = node.get("/metrics").body.decode()
    return sum(float(value) for value in re.findall(rf"(?m)^{name}(?:{{.*}})? (\S+)$", text))


@contextlib.contextmanager
def openssl_server(certificate):
    port = free_port()
    files = ["-cert", certificate.cert, "-key", certificate.key]
    command = ["openssl", "s_server", "-accept", str(port), *files, "-quiet"]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        probe = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}"]
        until(lambda: subprocess.run(probe, capture_output=True, input=b"").returncode == 0, what="openssl s_server")
        yield server.pid, port
    finally:
        server.kill()
        server.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=10)
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        authority = Authority(stack.enter_context(tempfile.TemporaryDirectory()))
        certificate = authority.issue()

        def started(is_secure):
            secured = {"trust": authority.trust()} | certificate.settings if is_secure else {}
            node = Node(WORKERS=1, MESSAGES_PER_SECOND=1_000_000, **secured)
            stack.callback(node.stop)
            return node.start()

        idle = [idle_bytes(started(is_secure), options.connections) for is_secure in (False, True)]
        print(f"an idle connection: {idle[0]:.0f} bytes, with TLS {idle[1]:.0f}: {idle[1] - idle[0]:.0f} more")
        plain, secure = started(False), started(True)
        own = handshakes_per_second(secure.process.pid, secure.port, options.seconds)
        with openssl_server(certificate) as (pid, port):
            other = handshakes_per_second(pid, port, options.seconds)
        print(f"full handshakes per processor second: {own:.0f}, s_server {other:.0f}: {own / other:.2f} of it")
        rates = [deliveries_per_second(node, options.connections, options.seconds) for node in (plain, secure)]
        share = rates[1] / rates[0]
        print(f"deliveries per processor second: {rates[0]:.0f}, with TLS {rates[1]:.0f}: {share:.2f} of it")


if __name__ == "__main__":
    main()
