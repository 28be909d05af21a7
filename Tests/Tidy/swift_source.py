"""Reads Swift source as far as the rules need it: comments, code without texts, declarations of types.

It is no parser. It knows comments, string and regex literals, brackets, and the words that begin a declaration.
"""

import re
from dataclasses import dataclass, field

TYPE_WORDS = {"struct", "class", "enum", "protocol", "actor", "extension"}
MODIFIERS = {
    "private", "fileprivate", "internal", "package", "public", "open", "final", "lazy", "weak", "unowned", "override",
    "mutating", "nonmutating", "nonisolated", "borrowing", "consuming", "dynamic", "optional", "required",
    "convenience", "indirect", "set", "unsafe", "safe",
}
TOKEN = re.compile(r"`\w+`|[A-Za-z_]\w*|->|==|[^\s\w]|\d[\w.]*")
NAME = re.compile(r"`?[A-Za-z_]\w*`?$")
REGEX = re.compile(r"/(?![ \t/*)\n])(?:\\.|\[(?:\\.|[^\]\n])*\]|[^/\n\\\[])+(?<![ \t])/")


class Unreadable(Exception):
    """The source has brackets or literals that do not end."""


@dataclass
class Comment:
    line: int
    text: str


@dataclass
class Token:
    text: str
    line: int


@dataclass
class TypeDeclaration:
    """One declaration or extension of a type; members of nested types are not counted for it."""

    name: str
    word: str
    first_line: int
    is_private: bool
    is_local: bool = False
    last_line: int = 0
    nested_lines: int = 0
    functions: int = 0
    stored: int = 0

    @property
    def lines(self):
        return self.last_line - self.first_line + 1 - self.nested_lines


@dataclass
class SwiftSource:
    comments: list = field(default_factory=list)
    tokens: list = field(default_factory=list)
    types: list = field(default_factory=list)


def read(text):
    """The comments, the tokens of the code and the types of a source. Throws `Unreadable`."""
    code, comments = Blanker(text).blank()
    source = SwiftSource(comments, tokens_of(code))
    source.types = TypeReader(source.tokens).read()
    return source


def tokens_of(code):
    tokens, line, place = [], 1, 0
    for match in TOKEN.finditer(code):
        line += code.count("\n", place, match.start())
        place = match.start()
        tokens.append(Token(match.group(), line))
    return tokens


class Blanker:
    """Replaces comments and the texts of literals by spaces. Code within `\\( )` stays."""

    def __init__(self, text):
        self.text = text
        self.place = 0
        self.out = []
        self.comments = []
        self.line = 1
        self.last = ""

    def blank(self):
        self.code(until=None)
        return "".join(self.out), self.comments

    def take(self, count, keep):
        """Passes `count` characters: as they are, or as spaces."""
        piece = self.text[self.place : self.place + count]
        self.place += count
        self.line += piece.count("\n")
        self.out.append(piece if keep else re.sub(r"[^\n]", " ", piece))
        if keep and piece.strip():
            self.last = piece.strip()[-1]

    def code(self, until):
        """Passes code, to the end or to the bracket that ends an interpolation."""
        depth = 0
        while self.place < len(self.text):
            literal = re.compile(r'#*"').match(self.text, self.place)
            character = self.text[self.place]
            if self.text.startswith("//", self.place):
                self.line_comment()
            elif self.text.startswith("/*", self.place):
                self.block_comment()
            elif literal:
                self.string(literal.group())
            elif character == "/" and self.is_regex():
                self.take(len(REGEX.match(self.text, self.place).group()), keep=False)
                self.last = "/"
            else:
                depth += {"(": 1, ")": -1}.get(character, 0)
                self.take(1, keep=True)
                if until and depth < 0:
                    return
        if until:
            raise Unreadable(f"line {self.line}: an interpolation does not end")

    def is_regex(self):
        return (self.last == "" or self.last in "=(,:[{") and REGEX.match(self.text, self.place)

    def line_comment(self):
        end = self.text.find("\n", self.place)
        end = len(self.text) if end < 0 else end
        self.comments.append(Comment(self.line, self.text[self.place : end]))
        self.take(end - self.place, keep=False)

    def block_comment(self):
        depth, start, first = 0, self.place, self.line
        for match in re.compile(r"/\*|\*/").finditer(self.text, self.place):
            depth += 1 if match.group() == "/*" else -1
            if depth == 0:
                self.take(match.end() - self.place, keep=False)
                lines = self.text[start : match.end()].split("\n")
                self.comments += [Comment(first + index, line) for index, line in enumerate(lines)]
                return
        raise Unreadable(f"line {first}: a comment does not end")

    def string(self, opening):
        """Passes a literal that begins with `#`s and a quote; a quote stands for it in the code."""
        hashes, first = opening[:-1], self.line
        is_long = self.text.startswith('"""', self.place + len(hashes))
        quotes = '"""' if is_long else '"'
        escape, end = "\\" + hashes, quotes + hashes
        self.take(len(hashes) + len(quotes) - 1, keep=False)
        self.take(1, keep=True)
        while not self.text.startswith(end, self.place):
            if self.place >= len(self.text) or (self.text[self.place] == "\n" and not is_long):
                raise Unreadable(f"line {first}: a string does not end")
            if self.text.startswith(escape + "(", self.place):
                self.take(len(escape), keep=False)
                self.take(1, keep=True)
                self.code(until=")")
            elif self.text.startswith(escape, self.place):
                self.take(len(escape) + 1, keep=False)
            else:
                self.take(1, keep=False)
        self.take(len(end), keep=False)


@dataclass
class Scope:
    """What stands between two braces: a type's body, or anything else (None)."""

    type: object = None
    depth: int = 0


class TypeReader:
    """Finds the types in a list of tokens and counts their members."""

    def __init__(self, tokens):
        self.tokens = tokens
        self.scopes = [Scope()]
        self.types = []

    def text(self, index):
        return self.tokens[index].text if 0 <= index < len(self.tokens) else ""

    def read(self):
        header = None
        for index, token in enumerate(self.tokens):
            scope = self.scopes[-1]
            if token.text == "{":
                self.scopes.append(Scope(header if scope.depth == 0 else None))
                header = None if scope.depth == 0 else header
            elif token.text == "}":
                self.close(token)
            elif token.text in "([":
                scope.depth += 1
            elif token.text in ")]":
                scope.depth -= 1
            elif scope.depth == 0 and self.text(index - 1) != ".":
                header = self.declared_type(index) or header
                if scope.type and not header:
                    self.count_member(scope.type, index)
        if len(self.scopes) != 1:
            raise Unreadable(f"{len(self.scopes) - 1} braces do not end")
        return self.types

    def close(self, token):
        scope = self.scopes.pop()
        if not self.scopes or scope.depth != 0:
            raise Unreadable(f"line {token.line}: brackets do not match")
        if scope.type:
            scope.type.last_line = token.line
            self.types.append(scope.type)
            outer = next((one.type for one in reversed(self.scopes) if one.type), None)
            if outer:
                outer.nested_lines += scope.type.lines + scope.type.nested_lines

    def declared_type(self, index):
        """The type whose header begins at a token, if one does."""
        word, name = self.text(index), self.text(index + 1)
        if word not in TYPE_WORDS or not NAME.match(name) or name in MODIFIERS | {"func", "var", "let", "subscript"}:
            return None
        place = index + 2
        while word == "extension" and self.text(place) == "." and NAME.match(self.text(place + 1)):
            name += "." + self.text(place + 1)
            place += 2
        outer = next((one.type for one in reversed(self.scopes) if one.type), None)
        is_private = any(text in ("private", "fileprivate") for text in self.modifiers(index))
        return TypeDeclaration(
            f"{outer.name}.{name}" if outer else name, word, self.tokens[index].line,
            is_private or bool(outer and outer.is_private), is_local=len(self.scopes) > 1 and not self.scopes[-1].type,
        )

    def modifiers(self, index):
        """The modifiers before a declaration, the nearest first."""
        found = []
        index -= 1
        while self.text(index) in MODIFIERS | {"(", ")", "static", "class"} and self.text(index):
            found.append(self.text(index))
            index -= 1
        return found

    def count_member(self, type, index):
        word, following = self.text(index), self.text(index + 1)
        if self.text(index - 1) == "case":
            return
        if word == "func" or word in ("init", "subscript") and following in ("(", "?", "!", "<"):
            type.functions += 1
        elif word in ("var", "let") and not {"static", "class"} & set(self.modifiers(index)):
            type.stored += self.stored_names(index + 1)

    def stored_names(self, index):
        """How many stored properties a `var` or `let` declares whose first name is at a token."""
        names, depth, is_stored = 1, 0, True
        while index < len(self.tokens):
            text = self.text(index)
            if depth == 0 and text == "{":
                return names if self.text(index + 1) in ("didSet", "willSet") else 0
            if depth == 0 and (text in ("=", "}", ";") or self.ends_declaration(index)):
                break
            if depth == 0 and text == "," and self.text(index + 2) in (":", "="):
                names += 1
            depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(text, 0)
            index += 1
        if self.text(index) == "=":
            names += self.further_names(index + 1)
        return names

    def ends_declaration(self, index):
        """Whether the line before a token ended the declaration of a property."""
        if self.tokens[index].line == self.tokens[index - 1].line:
            return False
        return self.text(index) not in ("{", "=", ":", ",", "&", "->", ".", "<", ">") and self.text(
            index - 1
        ) not in ("=", ":", ",", "&", "->", ".", "<")

    def further_names(self, index):
        """How many names follow the first value in `let a = 1, b = 2`."""
        names, depth = 0, 0
        while index < len(self.tokens):
            text = self.text(index)
            if depth == 0 and text in ("}", "var", "let", "func", "init", "case", "@") or depth < 0:
                break
            if depth == 0 and text == "," and NAME.match(self.text(index + 1)) and self.text(index + 2) in (":", "="):
                names += 1
            depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(text, 0)
            index += 1
        return names
