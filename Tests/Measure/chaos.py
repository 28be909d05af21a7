"""Breaks a cluster for some minutes while clients talk on it, and holds what they saw to the contract.

    .build/test-venv/bin/python Tests/Measure/chaos.py [--minutes 3] [--seed N] [--clients 60] [--rooms 10] [--nodes 3]

Nodes are killed, stopped and frozen, Redis is restarted, wiped and frozen, connections between them are cut, refused and
swallowed: what and when comes from the seed. Prints a table, and exits with 1 and the trace of the first offence when a
message was lost, doubled or reordered, or a frame broke the contract.
"""

import argparse
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Support"))
from chaos_report import offences, table  # noqa: E402
from chaos_run import Options, Run  # noqa: E402
from chaos_script import KINDS  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    parser.add_argument("--clients", type=int, default=60)
    parser.add_argument("--rooms", type=int, default=10)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--rate", type=float, default=2, help="messages per second of each client")
    parser.add_argument("--repeats", type=float, default=0.03, help="share of messages that are said a second time")
    parser.add_argument("--only", nargs="*", choices=list(KINDS), default=[], help="kinds of faults")
    parser.add_argument("--show", type=int, default=1, help="offences of each rule whose traces are shown")
    parser.add_argument("--logs", help="a folder for the logs of the processes when something is wrong")
    options = parser.parse_args()
    print(f"seed {options.seed}: --seed {options.seed} to run it again", flush=True)
    run = Run(
        Options(
            seed=options.seed,
            length=options.minutes * 60,
            members=options.clients,
            rooms=options.rooms,
            nodes=options.nodes,
            rate=options.rate,
            repeats=options.repeats,
            kinds=tuple(options.only),
        ),
        out=lambda text: print(text, flush=True),
    ).go(options.logs)
    print("\n".join(table(run)))
    for text in offences(run, options.show):
        print(f"\n{text}")
    print(f"\nseed {options.seed}: {len(run.checker.violations)} violations")
    return 1 if run.checker.violations else 0


if __name__ == "__main__":
    sys.exit(main())
