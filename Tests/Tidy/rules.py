"""The rules. Each takes the files and gives its findings; `allowed.json` says which of them are not mended yet."""

import re
from collections import defaultdict
from dataclasses import dataclass, field

COLUMNS_MAX = 120
TYPE_MAX = {"lines": 500, "functions": 40, "stored": 20}


@dataclass
class Finding:
    """A figure that a rule objects to, and the places where it comes from."""

    rule: str
    subject: str
    figure: str
    count: int
    places: list = field(default_factory=list)

    @property
    def key(self):
        return (self.rule, self.subject, self.figure)


def counted(rule, figure, places_by_subject):
    return [
        Finding(rule, subject, figure, len(places), places) for subject, places in sorted(places_by_subject.items())
    ]


# Types: over all their extensions in a module

def types(files):
    """Types of a module with more lines, functions or stored properties than `TYPE_MAX`."""
    sums = defaultdict(lambda: dict.fromkeys(TYPE_MAX, 0))
    places = defaultdict(list)
    for file in files:
        for type in file.swift.types if file.module else []:
            subject = type_subject(file, type)
            for figure in TYPE_MAX:
                sums[subject][figure] += getattr(type, figure)
            places[subject].append(f"{file.path}:{type.first_line}: {type.functions} functions, {type.lines} lines")
    return [
        Finding("types", subject, figure, sums[subject][figure], places[subject])
        for subject in sorted(sums)
        for figure, most in TYPE_MAX.items()
        if sums[subject][figure] > most
    ]


def type_subject(file, type):
    """A type's name in the findings. Types that only one file can see may share a name."""
    name = type.name.removeprefix(f"{file.module}.")
    own = {one.name for one in file.swift.types if (one.is_private or one.is_local) and one.word != "extension"}
    return f"{file.module}/{name}" + (f" in {file.path}" if name in own else "")


# Cycles: the folders of a module name each other's types in one direction

def cycles(files):
    """Folders of a module that name each other's types in a circle: how many, and in how many pairs."""
    findings = []
    for module in sorted({file.module for file in files if file.module}):
        names = references([file for file in files if file.module == module])
        circles = [circle for circle in components(names) if len(circle) > 1]
        inside = {pair for pair in names for circle in circles if set(pair) <= circle}
        if circles:
            places = [place for circle in circles for place in closing(names, circle)]
            findings.append(Finding("cycles", module, "folders", sum(map(len, circles)), places))
            findings.append(Finding("cycles", module, "pairs", len(inside), places))
    return findings


def references(files):
    """(folder that names, folder that declares) → the places `type in file`."""
    declared, ambiguous = {}, set()
    for file in files:
        for type in file.swift.types:
            name = type.name.split(".")[-1]
            if type.word == "extension" or type.is_local:
                continue
            if name in declared or "." in type.name or type.is_private:
                ambiguous.add(name)
            declared[name] = file.folder
    found = defaultdict(set)
    for file in files:
        before = ""
        for token in file.swift.tokens:
            home = declared.get(token.text)
            if home and home != file.folder and token.text not in ambiguous and before != ".":
                found[file.folder, home].add(f"{token.text} in {file.path}")
            before = token.text
    return found


def components(pairs):
    """The strongly connected components of a graph (Tarjan, 1972)."""
    following = defaultdict(list)
    for one, other in sorted(pairs):
        following[one].append(other)
    order, low, stack, found = {}, {}, [], []

    def visit(node):
        order[node] = low[node] = len(order)
        stack.append(node)
        for other in following[node]:
            if other not in order:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], order[other])
        if low[node] == order[node]:
            place = stack.index(node)
            found.append(set(stack[place:]))
            del stack[place:]

    for node in sorted({node for pair in pairs for node in pair}):
        if node not in order:
            visit(node)
    return found


def closing(names, circle):
    """The references to cut: few that go against an order of the folders (Eades, Lin and Smyth, 1993)."""
    inside = {pair: found for pair, found in names.items() if set(pair) <= circle}
    left, order = set(circle), []

    def surplus(folder):
        weight = {pair: len(found) for pair, found in inside.items() if set(pair) <= left}
        return sum(n if one == folder else -n for (one, _), n in weight.items() if folder in (one, _))

    while left:
        order.append(max(sorted(left), key=surplus))
        left.remove(order[-1])
    back = [pair for pair in inside if order.index(pair[0]) > order.index(pair[1])]
    return [
        f"{one} → {other}: {place}"
        for one, other in sorted(back, key=lambda pair: (len(inside[pair]), pair))
        for place in sorted(inside[one, other])
    ]


# Columns, words and comments

def columns(files):
    """Lines of documents and scripts, and comment lines of Swift, that are longer than `COLUMNS_MAX`."""
    found = defaultdict(list)
    for file in files:
        comments = {comment.line for comment in file.swift.comments} if file.ending == ".swift" else None
        for number, line in enumerate(file.lines, 1):
            if len(line) > COLUMNS_MAX and (comments is None or number in comments) and can_break(file, line):
                found[file.area].append(f"{file.path}:{number}: {len(line)} columns")
    return counted("columns", "lines", found)


def can_break(file, line):
    """Rows of a table, and what has no space within the columns, stay as they are."""
    if file.ending == ".md" and line.lstrip().startswith("|"):
        return False
    return " " in line[:COLUMNS_MAX].lstrip(" #/-*>")


def words(files, table):
    """Words that the glossary replaced, where they are still used. A property of CSS, `letter-spacing:`, is no word."""
    found = defaultdict(list)
    for file in files:
        top = file.path.split("/")[0]
        if top not in ("Sources", "LoadTest", "Tests", "docs", "README.md") or file.path.startswith("Tests/Tidy/"):
            continue
        for number, line in enumerate(file.lines, 1):
            for name in re.findall(r"[A-Za-z_]\w*(?!\w*-\w+:)", line):
                for old, new, pattern in table:
                    if pattern.fullmatch(name):
                        found[old].append(f"{file.path}:{number}: {name} → {new}")
    return counted("words", "uses", found)


def read_words(text):
    """The table of `words.txt`: old name, new one and the pattern of whole identifiers, between tabs or two spaces."""
    rows = [re.split(r"\t+| {2,}", line.strip()) for line in text.split("\n") if line.strip() and line[0] != "#"]
    for row in rows:
        if len(row) != 2:
            raise SystemExit(f"words.txt: a pattern and a word, please, with two spaces between them: {row}")
    return [(pattern, new, re.compile(pattern)) for pattern, new in rows]


def names_once(files, names):
    """Names of types that had several meanings: each is declared at most once."""
    found = defaultdict(list)
    for file in files:
        for type in file.swift.types if file.module else []:
            name = type.name.split(".")[-1]
            if name in names and type.word != "extension":
                found[name].append(f"{file.path}:{type.first_line}: {type.word} {type.name}")
    return [finding for finding in counted("names", "declarations", found) if finding.count > 1]


def comments(files):
    """Doc comments that begin with "What", and comments that say "is to" for "must"."""
    what, must = defaultdict(list), defaultdict(list)
    for file in files:
        before = None
        for number, comment in comments_of(file):
            begins = comment.startswith("///") and before != number - 1
            before = number if comment.startswith("///") else before
            if begins and re.match(r"///\s*What\b", comment):
                what[file.area].append(f"{file.path}:{number}: {comment}")
            if re.search(r"\b(is|are) to [a-z]", comment):
                must[file.area].append(f"{file.path}:{number}: {comment}")
    return counted("comments", "begin with What", what) + counted("comments", "is to", must)


WALK = "| file below `Sources` | function | what happens |"


def walks(files):
    """Rows of a document's walks through the code that name a file, or a function of it, which is not there."""
    sources = {file.path[8:-6]: file for file in files if file.path.startswith("Sources/") and file.ending == ".swift"}
    found = defaultdict(list)
    for file in files:
        is_walk = False
        for number, line in enumerate(file.lines if file.ending == ".md" else [], 1):
            is_walk = line == WALK or is_walk and line.startswith("|")
            if not is_walk or line == WALK or set(line) <= set("|- "):
                continue
            cells = [cell.strip() for cell in line.split("|")]
            path, names = cells[1].strip("`"), re.findall(r"`(\w+)`", cells[2])
            source = sources.get(path)
            missing = [name for name in names if source and name not in functions_of(source)]
            if not source or not names or missing:
                what = ", ".join(missing) if source and names else "no such file" if names else "no function"
                found[file.path].append(f"{file.path}:{number}: {path}: {what}")
    return counted("walks", "rows", found)


def functions_of(file):
    """The names behind `func` in a source."""
    tokens = [token.text for token in file.swift.tokens]
    return {name for word, name in zip(tokens, tokens[1:]) if word == "func"}


def comments_of(file):
    """(line, text) of the comments of a source; a document has none."""
    if file.ending == ".swift":
        return [(comment.line, comment.text) for comment in file.swift.comments]
    if file.ending == ".md":
        return []
    return [(number, line.strip()) for number, line in enumerate(file.lines, 1) if line.strip().startswith("#")]
