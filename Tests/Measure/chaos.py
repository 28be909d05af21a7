"""Breaks a cluster for some minutes while clients talk on it, and holds what they saw to the contract.

    .build/test-venv/bin/python Tests/Measure/chaos.py [--minutes 3] [--seed N] [--seeds 1] [--only KIND|MIX …]

Nodes are killed, stopped, frozen and held at tiers; Redis is restarted, wiped, frozen, put back in time, replaced by a
lagging replica, split in two, and made to refuse writes; connections between them are cut, refused and swallowed. What
and when comes from the seed. Prints a table for each seed and one line for each at the end. Exits with 1 when a client
was given something that the contract does not allow, and shows the shortest trace of each rule that was broken: what
the client saw, on which node, when, and what was done meanwhile.
"""

import argparse
import collections
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Support"))
from chaos_report import offences, summary, table  # noqa: E402
from chaos_run import Options, Run  # noqa: E402
from chaos_script import KINDS, MIXES, kinds_of  # noqa: E402


def say(text):
    print(text, flush=True)


def parse():
    names = ", ".join(f"{mix} ({' '.join(kinds)})" for mix, kinds in MIXES.items())
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=f"mixes: {names}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=3, help="of faults, for each seed")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds, one after the other")
    parser.add_argument("--only", nargs="*", choices=[*KINDS, *MIXES], default=[], help="kinds of faults, or mixes")
    parser.add_argument("--clients", type=int, default=60)
    parser.add_argument("--rooms", type=int, default=10)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--rate", type=float, default=2, help="messages per second of each client")
    parser.add_argument("--repeats", type=float, default=0.03, help="share of messages that are said a second time")
    parser.add_argument("--show", type=int, default=1, help="traces that are shown of each rule and seed")
    parser.add_argument("--logs", help="a folder for the logs of the processes when something is wrong")
    return parser.parse_args()


def main():
    options = parse()
    # Whoever ends this early ends what it started, too.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    done = []
    for seed in range(options.seed, options.seed + options.seeds):
        words = f" --only {' '.join(options.only)}" if options.only else ""
        say(f"seed {seed}: --minutes {options.minutes:g} --seed {seed}{words} to run it again")
        run = Run(
            Options(
                seed=seed,
                length=options.minutes * 60,
                members=options.clients,
                rooms=options.rooms,
                nodes=options.nodes,
                rate=options.rate,
                repeats=options.repeats,
                kinds=kinds_of(options.only),
            ),
            out=say,
        ).go(options.logs and os.path.join(options.logs, str(seed)))
        say("\n".join(table(run)))
        for text in offences(run, options.show):
            say(f"\n{text}")
        say("")
        rules = collections.Counter(violation.rule for violation in run.checker.violations)
        done.append((seed, sum(len(member.first_sent) for member in run.members), rules))
    say("\n".join(summary(done)))
    return 1 if any(rules for _, _, rules in done) else 0


if __name__ == "__main__":
    sys.exit(main())
