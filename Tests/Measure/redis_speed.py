"""Commands per second through our connection to Redis, in turns with redis-benchmark on the same server.

    swift build -c release --product benchmarks
    .build/test-venv/bin/python Tests/Measure/redis_speed.py [--rounds 5] [--count 1000000]

One connection each, values of 100 bytes. Prints each round and the medians: the server, the load and the noise of the
machine are the same for both.
"""

import argparse
import pathlib
import re
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Support"))
from node import ROOT  # noqa: E402
from redis import Redis  # noqa: E402

SCRIPT = "return redis.call('SET', KEYS[1], ARGV[1])"


def ours(redis, command, window, count):
    arguments = ["redis", "--port", redis.port, "--command", command, "--window", window, "--count", count]
    output = subprocess.run(
        [ROOT / ".build/release/benchmarks", *map(str, arguments)], check=True, capture_output=True, text=True
    ).stdout
    return float(re.match(r"(\d+) per second", output)[1]), float(re.search(r"([\d.]+) us", output)[1])


def theirs(redis, command, window, count):
    digest = redis.command("SCRIPT", "LOAD", SCRIPT).decode()
    words = {"set": ["SET", "key", "x" * 100], "evalsha": ["EVALSHA", digest, "1", "key", "x" * 100]}[command]
    output = subprocess.run(
        ["redis-benchmark", "-p", str(redis.port), "-c", "1", "-P", str(window), "-n", str(count), "--csv", *words],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return float(output.strip().splitlines()[-1].split('","')[1].strip('"'))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=1_000_000)
    options = parser.parse_args()
    with Redis() as redis:
        for command in ("set", "evalsha"):
            for window in (1, 64, 1000):
                count = options.count if window > 1 else options.count // 10
                rounds = []
                for _ in range(options.rounds):
                    rate, cpu = ours(redis, command, window, count)
                    rounds.append((rate, theirs(redis, command, window, count), cpu))
                    print(f"  {command} {window}: {rounds[-1][0]:,.0f} and {rounds[-1][1]:,.0f}", flush=True)
                rate, other, cpu = (statistics.median(column) for column in zip(*rounds))
                print(
                    f"{command}, {window} under way: {rate:,.0f} per second at {cpu:.2f} us of CPU each; "
                    f"redis-benchmark {other:,.0f}; ratio {rate / other:.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
