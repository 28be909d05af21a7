#!/usr/bin/env python3
"""Records the governor's trace of ten incidents, each made on a live node, for Tests/OverloadTests/Traces/Recorded.

    SLUICE_BIN=.build/release/sluice LOAD_TEST_BIN=.build/release/load_test \\
        Tests/Measure/record_incidents.py FOLDER [--only NAME …]

Each incident has a node of its own, with one worker. A file has the lines of `GET /api/system/governor/trace` as CSV,
without the pressures, which follow from the values; lines with # before them say what was done and when the strain
began and ended, by the same clock as `now_ms`. Nothing else is changed. `quota` needs root and a control group of the
first version with a processor quota; `clock_jump` needs a C compiler. An incident that can't be made here is left out,
and said so. All takes some ten minutes, on 127.0.0.0/8.
"""

import argparse
import contextlib
import csv
import io
import multiprocessing
import os
import pathlib
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Support"))
import node as nodes  # noqa: E402
from client import Client  # noqa: E402
from fault_proxy import FaultProxy  # noqa: E402
from redis import Redis  # noqa: E402

LOAD_TEST = os.environ.get("LOAD_TEST_BIN", str(nodes.ROOT / ".build/release/load_test"))
BYTES_MAX = 50_000
BEFORE, AFTER, SETTLE = 3.0, 2.0, 50.0
SETTINGS = {"WORKERS": 1, "GOVERNOR_DRY_RUN": 0, "MESSAGES_PER_SECOND": 100_000}
GROUPS = pathlib.Path("/sys/fs/cgroup")

# Adds the number of seconds in the file SHIFT_FILE to the wall clock, and leaves the monotonic one alone.
SHIFT = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
static volatile long *shift;
__attribute__((constructor)) static void begin(void) {
    int file = open(getenv("SHIFT_FILE"), O_RDONLY);
    shift = mmap(0, sizeof(long), PROT_READ, MAP_SHARED, file, 0);
}
int clock_gettime(clockid_t clock, struct timespec *time) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int status = real(clock, time);
    if (!status && shift && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) time->tv_sec += *shift;
    return status;
}
int gettimeofday(struct timeval *time, void *zone) {
    struct timespec now;
    int status = clock_gettime(CLOCK_REALTIME, &now);
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return status;
}
"""


class NotHere(Exception):
    """An incident can't be made on this machine."""


def burn(end):
    while time.monotonic() < end:
        pass


def neighbour(record):
    """Six busy loops of others on the same processors."""
    with record(WORKERS=1) as strain:
        with strain(15):
            end = time.monotonic() + 15
            loops = [multiprocessing.Process(target=burn, args=(end,)) for _ in range(6)]
            for loop in loops:
                loop.start()
            for loop in loops:
                loop.join()


def load(node, scenario, seconds, **options):
    words = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    return subprocess.Popen(
        [LOAD_TEST, "--url", f"ws://127.0.0.1:{node.port}", "--scenario", scenario, f"--duration={seconds}", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def ended(run):
    """What it did counts, not whether all that it wanted came true."""
    run.wait(timeout=120)


def quota(record):
    """A control group gives the node a tenth of a processor, while 200 clients send more than that carries."""
    place = GROUPS / "cpu" / f"sluice-record-{os.getpid()}"
    try:
        place.mkdir()
        (place / "cpu.cfs_period_us").write_text("20000")
        (place / "cpu.cfs_quota_us").write_text("2000")
    except OSError as error:
        raise NotHere(f"no processor quota: {error}") from error

    def enter():
        (place / "cgroup.procs").write_text(str(os.getpid()))

    try:
        with record(enter=enter) as strain:
            with strain(15):
                ended(load(strain.node, "small-rooms", 10, connections=200, rooms=20, message_rate=4000))
    finally:
        with contextlib.suppress(OSError):
            place.rmdir()


def memory_hog(record):
    """`sluice drill memory`: histories fill the memory up to 95 % of a limit of 300 MB."""
    drill(record, "memory", seconds=40, GOVERNOR_MEMORY_LIMIT_BYTES=300_000_000, STORED_BYTES_MAX=10_000_000_000)


def slow_readers(record):
    """`sluice drill slow-readers`: 200 members do not read what is published."""
    drill(record, "slow-readers", GOVERNOR_MEMORY_LIMIT_BYTES=400_000_000)


def drill(record, name, seconds=15, **settings):
    with record(**settings) as strain:
        with strain(seconds):
            url = f"ws://127.0.0.1:{strain.node.port}"
            subprocess.run(
                [nodes.BINARY, "drill", name, "--url", url, f"--seconds={seconds}", "--settle=1"],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
            )


def storm(record):
    """3,000 clients connect, join and leave again and again without a pause."""
    with record() as strain:
        with strain(15):
            ended(load(strain.node, "churn", 12, connections=3000))


def slow_redis(record):
    """Redis answers each request half a second late, while 20 messages per second are sent."""
    with Redis() as redis, FaultProxy(redis.port) as proxy:
        with record(REDIS_URL=f"redis://127.0.0.1:{proxy.port}") as strain:
            sender = load(strain.node, "small-rooms", 25, connections=20, rooms=2, message_rate=20)
            time.sleep(3)
            with strain(15):
                proxy.delay = 0.5
                time.sleep(15)
                proxy.delay = 0.0
            ended(sender)


def hot_room(record):
    """100 senders of one room of 200 ask for several times what the worker can deliver, beside 20 quiet rooms."""
    with record() as strain:
        quiet = load(strain.node, "small-rooms", 22, connections=100, rooms=20, message_rate=40)
        time.sleep(5)
        with strain(12):
            ended(load(strain.node, "broadcast", 8, connections=200, rooms=1, senders=100, message_rate=5000))
        ended(quiet)


def out_of_descriptors(record):
    """The limit of open files of the running node falls below what it needs for those who come."""
    with record() as strain:
        process = strain.node.process.pid
        with strain(10):
            most = len(os.listdir(f"/proc/{process}/fd")) + 10
            limit = resource.prlimit(process, resource.RLIMIT_NOFILE)[1]
            resource.prlimit(process, resource.RLIMIT_NOFILE, (most, limit))
            end = time.monotonic() + 10
            held = []
            while time.monotonic() < end:
                with contextlib.suppress(OSError):
                    held.append(socket.create_connection(("127.0.0.1", strain.node.port), timeout=1))
                time.sleep(0.05)
            for link in held:
                link.close()
            resource.prlimit(process, resource.RLIMIT_NOFILE, (limit, limit))


def stall(record):
    """The whole process stands still for 0.8 s, ten times, as in the pauses of a collector or of a hypervisor."""
    with record() as strain:
        sender = load(strain.node, "small-rooms", 25, connections=100, rooms=10, message_rate=500)
        time.sleep(3)
        with strain(15):
            for _ in range(10):
                strain.node.process.send_signal(signal.SIGSTOP)
                time.sleep(0.8)
                strain.node.process.send_signal(signal.SIGCONT)
                time.sleep(0.7)
        ended(sender)


def clock_jump(record):
    """The wall clock jumps an hour ahead, and ten seconds later two hours back; 500 messages a second are sent."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "shift.c").write_text(SHIFT)
        file = folder / "seconds"
        file.write_bytes(bytes(8))
        library = folder / "shift.so"
        try:
            subprocess.run(
                ["cc", "-shared", "-fPIC", "-O1", "-o", library, folder / "shift.c", "-ldl"],
                check=True,
                capture_output=True,
            )
        except (OSError, subprocess.CalledProcessError) as error:
            raise NotHere(f"no C compiler: {error}") from error

        def shift(seconds):
            with open(file, "r+b") as place:
                place.write(seconds.to_bytes(8, sys.byteorder, signed=True))

        with record(LD_PRELOAD=library, SHIFT_FILE=file) as strain:
            sender = load(strain.node, "small-rooms", 30, connections=100, rooms=10, message_rate=500)
            time.sleep(3)
            with strain(20):
                shift(3600)
                time.sleep(10)
                shift(-3600)
                time.sleep(10)
            ended(sender)


INCIDENTS = [
    neighbour,
    quota,
    memory_hog,
    slow_readers,
    storm,
    slow_redis,
    hot_room,
    out_of_descriptors,
    stall,
    clock_jump,
]


class Strain:
    """One incident's node, and when its strain began and ended."""

    def __init__(self, node):
        self.node = node
        self.began = self.ended = None

    @contextlib.contextmanager
    def __call__(self, seconds):
        time.sleep(BEFORE)
        self.began = now()
        yield
        self.ended = now()


def now():
    return int(time.monotonic() * 1000)


@contextlib.contextmanager
def recording(incident, folder, enter=None, **settings):
    node = nodes.Node(**{**SETTINGS, **settings})
    if enter:
        node.launch = lambda stderr=None: launched(node, enter)
    node.start()
    begun = time.monotonic()
    try:
        strain = Strain(node)
        yield strain
        end = time.monotonic() + SETTLE
        while time.monotonic() < end and tier(node) != "normal":
            time.sleep(0.5)
        time.sleep(AFTER)
        lasted = int(time.monotonic() - begun) + 2
        write(incident, strain, folder, node, lasted)
    finally:
        node.stop()


def launched(node, enter):
    with open(node.log_path, "ab") as log:
        node.process = subprocess.Popen(
            [nodes.BINARY, "serve"],
            env=node.environment,
            cwd=node.cwd,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=enter,
        )
    return node


def tier(node):
    with contextlib.suppress(OSError, AssertionError):
        return node.get("/health").json["tier"]
    return None


def write(incident, strain, folder, node, lasted):
    answer = node.get(f"/api/system/governor/trace?seconds={min(lasted, 600)}", headers={"Accept": "text/csv"})
    assert answer.status == 200, answer
    rows = list(csv.reader(io.StringIO(answer.body.decode())))
    kept = [place for place, name in enumerate(rows[0]) if not name.startswith("pressure")]
    text = io.StringIO()
    text.write(f"# {incident.__name__}: {incident.__doc__}\n# begins {strain.began}\n# ends {strain.ended}\n")
    out = csv.writer(text, lineterminator="\n")
    for row in rows:
        out.writerow([row[place] for place in kept])
    path = folder / f"{incident.__name__}.csv"
    path.write_text(text.getvalue())
    tiers = [row[rows[0].index("tier")] for row in rows[1:] if row[1] == "sample"]
    changes = [tier for place, tier in enumerate(tiers) if place == 0 or tier != tiers[place - 1]]
    size = path.stat().st_size
    print(f"{path}: {len(rows) - 1} lines, {size} bytes, {' → '.join(changes)}", flush=True)
    if size > BYTES_MAX:
        print(f"{path}: more than {BYTES_MAX} bytes", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--only", nargs="+", choices=[incident.__name__ for incident in INCIDENTS])
    wanted = parser.parse_args()
    wanted.folder.mkdir(parents=True, exist_ok=True)
    for incident in INCIDENTS:
        if wanted.only and incident.__name__ not in wanted.only:
            continue
        try:
            incident(lambda incident=incident, **settings: recording(incident, wanted.folder, **settings))
        except NotHere as reason:
            print(f"{incident.__name__}: can't be made here: {reason}", flush=True)


if __name__ == "__main__":
    main()
