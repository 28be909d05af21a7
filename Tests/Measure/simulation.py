"""Runs the simulation of clients, nodes and a store that fails, with as many seeds as are wanted.

    Tests/Measure/simulation.py --seeds 10000 --seconds 900
    Tests/Measure/simulation.py --seed 4711

Build the tests before: swift build --build-tests. It prints what broke and how fast it goes, and exits with 1 when
something broke. One seed alone is shown with all that happened in it; it is the same in each run.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import time


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds", type=int, default=10_000, help="how many seeds")
    parser.add_argument("--seed", type=int, help="one seed, with its whole trace")
    parser.add_argument("--seconds", type=float, default=900, help="no seed begins after so many seconds")
    return parser.parse_args()


def tests():
    """The program of the debug build's tests."""
    folder = subprocess.run(["swift", "build", "--show-bin-path"], check=True, capture_output=True, text=True).stdout
    return str(next(pathlib.Path(folder.strip()).glob("*PackageTests.xctest")))


def main():
    options = arguments()
    first = options.seed or options.first
    last = options.seed or options.first + options.seeds - 1
    environment = os.environ | {
        "SIMULATION_SEEDS": f"{first}-{last}",
        "SIMULATION_SECONDS": str(options.seconds),
        # Without it the order of what Swift keeps in dictionaries differs from run to run.
        "SWIFT_DETERMINISTIC_HASHING": "1",
    }
    # `swift test` would keep back what is printed until the end.
    command = [tests(), "--testing-library", "swift-testing", "--filter", "SimulationTests.measured"]
    began, done, rest = time.monotonic(), 0, []
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as run:
        for line in run.stdout:
            if options.seed or line.startswith(("SIMULATION failed", "SIMULATION again")):
                print(line, end="", flush=True)
            elif line.startswith("SIMULATION at "):
                words = line.split()
                done, seconds = int(words[2]) - first + 1, time.monotonic() - began
                print(f"{done} seeds in {seconds:.0f} s: {' '.join(words[3:])}", flush=True)
            else:
                rest = [*rest[-40:], line]
    is_short = done < last - first + 1 and time.monotonic() - began < options.seconds
    if is_short and not options.seed:
        print(f"it ended after {done} seeds, and said:", "".join(rest), sep="\n")
    return 1 if run.returncode or is_short and not options.seed else 0


if __name__ == "__main__":
    sys.exit(main())
