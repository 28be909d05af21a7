#!/usr/bin/env python3
"""Checks what no compiler does: sizes of types, directions between folders, columns, words, comments, and documents.

usage: Tests/Tidy/tidy.py [--lower] [--list RULE]

`allowed.json` has what is not mended yet. A figure above its allowed one fails; so does one below it, until the allowed
one is lowered, which `--lower` does. `--list` shows every place of a rule.
"""

import argparse
import json
import os
import signal
import subprocess
import sys

sys.dont_write_bytecode = True

import project
import rules

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
ALLOWED = os.path.join(HERE, "allowed.json")
WORDS = os.path.join(HERE, "words.txt")
PLACES_MAX = 8
ADVICE = {
    "types": "split the type: one owner per concept",
    "cycles": "name types in one direction: move the type, or hand in a value or a protocol",
    "columns": "break the lines",
    "words": "use the new word",
    "names": "give each meaning a name of its own",
    "comments": "say what it is (without What), and must for is to",
    "walks": "let the rows follow the code",
}
# Names of types that stood for several things.
NAMES_ONCE = {"Answer", "Arrival", "Departure", "Figures", "NodeStatus", "NodeWatch", "Opening", "Tally"}


def findings_of(files, words):
    return [
        *rules.types(files), *rules.cycles(files), *rules.columns(files), *rules.words(files, words),
        *rules.names_once(files, NAMES_ONCE), *rules.comments(files), *rules.walks(files),
    ]


def split_exempt(findings, exempt):
    """The findings that count, and complaints about exemptions that nothing needs or that give no reason."""
    seen = {finding.subject for finding in findings if finding.rule == "types"}
    complaints = [f"allowed.json: {name} is exempt and need not be" for name in exempt if name not in seen]
    complaints += [f"allowed.json: why is {name} exempt?" for name, why in exempt.items() if not why.strip()]
    return [one for one in findings if one.rule != "types" or one.subject not in exempt], complaints


def flat(allowed):
    """{(rule, subject, figure): count} of the allowed figures."""
    return {
        (rule, subject, figure): count
        for rule, subjects in allowed.items()
        if rule != "exempt"
        for subject, figures in subjects.items()
        for figure, count in figures.items()
    }


def compare(findings, allowed):
    """The findings above their allowed figures, and the keys whose allowed figures are too high, with today's."""
    today = {finding.key: finding.count for finding in findings}
    above = [finding for finding in findings if finding.count > allowed.get(finding.key, 0)]
    return above, {key: today.get(key, 0) for key, count in allowed.items() if today.get(key, 0) < count}


def lowered(allowed, below):
    """The allowed figures with some of them lowered; those that reach nothing go."""
    result = {"exempt": allowed.get("exempt", {})}
    for (rule, subject, figure), count in flat(allowed).items():
        count = min(count, below.get((rule, subject, figure), count))
        if count > 0:
            result.setdefault(rule, {}).setdefault(subject, {})[figure] = count
    return result


def as_text(allowed):
    """The JSON of `allowed.json`: a line per subject, so that changes of two branches merge."""
    def line(key, value):
        return f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False, sort_keys=True)}"

    rules_text = [
        f"  {json.dumps(rule)}: {{\n" + ",\n".join(f"    {line(*item)}" for item in sorted(subjects.items())) + "\n  }"
        for rule, subjects in sorted(allowed.items())
        if subjects
    ]
    return "{\n" + ",\n".join(rules_text) + "\n}\n"


def changed_files():
    """Files that differ from the last commit; none where there is no git."""
    try:
        command = ["git", "-C", ROOT, "status", "--porcelain", "--no-renames", "-uall"]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        return []
    return [line[3:] for line in lines]


def report(above, below, complaints, allowed):
    changed = changed_files() if above else []
    for finding in above:
        most = allowed.get(finding.key, 0)
        print(f"{finding.rule}: {finding.subject}: {finding.figure}: {finding.count}, allowed {most}")
        # Places in changed files first: among many old ones, the new one is there.
        places = sorted(finding.places, key=lambda place: not any(path in place for path in changed))
        for place in places[:PLACES_MAX]:
            print(f"    {place}")
        if len(finding.places) > PLACES_MAX:
            print(f"    and {len(finding.places) - PLACES_MAX} more: Tests/Tidy/tidy.py --list {finding.rule}")
        print(f"    → {ADVICE[finding.rule]}")
    for (rule, subject, figure), count in below.items():
        print(f"{rule}: {subject}: {figure}: {count}, allowed {allowed[rule, subject, figure]}")
    if below:
        print("    → lower the figure in allowed.json (or run Tests/Tidy/tidy.py --lower)")
    for complaint in complaints:
        print(complaint)


def summary(findings):
    print("\nleft to mend:")
    for rule in ADVICE:
        own = [finding for finding in findings if finding.rule == rule]
        figures = {}
        for finding in own:
            figures[finding.figure] = figures.get(finding.figure, 0) + finding.count
        amounts = ", ".join(f"{count} {figure}" for figure, count in figures.items())
        print(f"  {rule:9} {len({finding.subject for finding in own}):4}  {amounts}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lower", action="store_true", help="lower the allowed figures to today's")
    parser.add_argument("--list", metavar="RULE", choices=ADVICE, help="show every place of a rule")
    options = parser.parse_args()
    with open(ALLOWED, encoding="utf-8") as file:
        allowed = json.load(file)
    with open(WORDS, encoding="utf-8") as file:
        words = rules.read_words(file.read())
    findings, complaints = split_exempt(findings_of(project.read(ROOT), words), allowed.get("exempt", {}))
    if options.list:
        places = [place for finding in findings if finding.rule == options.list for place in finding.places]
        print("\n".join(dict.fromkeys(places)))
        return 0
    above, below = compare(findings, flat(allowed))
    if options.lower:
        allowed, below = lowered(allowed, below), {}
        with open(ALLOWED, "w", encoding="utf-8") as file:
            file.write(as_text(allowed))
    report(above, below, complaints, flat(allowed))
    summary(findings)
    return 1 if above or below or complaints else 0


if __name__ == "__main__":
    # Piped into `head`, it ends with it.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(main())
