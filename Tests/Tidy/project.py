"""The files of the project that the rules look at, each read once."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

import swift_source

SKIPPED = {".build", ".git", ".swiftpm", "node_modules", "__pycache__"}
ENDINGS = {".swift", ".py", ".sh", ".md"}


@dataclass
class File:
    path: str
    text: str

    @property
    def ending(self):
        return PurePosixPath(self.path).suffix

    @property
    def lines(self):
        return self.text.split("\n")

    @cached_property
    def swift(self):
        try:
            return swift_source.read(self.text)
        except swift_source.Unreadable as error:
            raise SystemExit(f"tidy.py can't read {self.path}: {error}") from error

    @property
    def module(self):
        """The module that a source belongs to; None for tests and documents."""
        parts = self.path.split("/")
        if self.ending != ".swift" or len(parts) < 2:
            return None
        if parts[0] == "Sources":
            return parts[1]
        return parts[0] if parts[0] == "LoadTest" else None

    @property
    def folder(self):
        """The folder within its module: two levels at most, `.` for the module's own files."""
        parts = self.path.split("/")
        inner = parts[2:-1] if parts[0] == "Sources" else parts[1:-1]
        return "/".join(inner[:2]) or "."

    @property
    def area(self):
        """The part of the project whose figures a file counts for."""
        parts = self.path.split("/")
        if len(parts) == 1:
            return "."
        return "/".join(parts[: 2 if parts[0] in ("Sources", "Tests") and len(parts) > 2 else 1])


def read(root):
    """All files under a folder that the rules look at, by path."""
    files = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(set(folders) - SKIPPED)
        for name in sorted(names):
            path = os.path.join(folder, name)
            if os.path.splitext(name)[1] in ENDINGS and not os.path.islink(path):
                with open(path, encoding="utf-8") as file:
                    files.append(File(os.path.relpath(path, root), file.read()))
    return files
