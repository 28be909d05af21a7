#!/usr/bin/env python3
"""What stands in several places of the project says the same everywhere: its version, and the Swift that it needs."""

import json
import pathlib
import re
import sys
import unittest

sys.dont_write_bytecode = True

ROOT = pathlib.Path(__file__).resolve().parents[2]


def text(path):
    return (ROOT / path).read_text(encoding="utf-8")


def found(pattern, path):
    """The one group of each match; at least one, or the check would hold nothing."""
    matches = re.findall(pattern, text(path), re.MULTILINE)
    assert matches, f"{path} has nothing like {pattern}"
    return matches


class Version(unittest.TestCase):
    """Sources/Core/Version.swift has the version; CONTRIBUTING.md says so."""

    version = found(r'number = "(.*)"', "Sources/Core/Version.swift")[0]

    def all_are_of_it(self, pattern, path):
        self.assertEqual(set(found(pattern, path)), {self.version}, path)

    def test_the_clients(self):
        self.all_are_of_it(r'^version = "(.*)"', "clients/python/pyproject.toml")
        self.assertEqual(json.loads(text("clients/js/package.json"))["version"], self.version)

    def test_the_api(self):
        path = "Sources/Gateway/Web/Resources/openapi.json"
        self.assertEqual(json.loads(text(path))["info"]["version"], self.version)
        self.all_are_of_it(r'"version": "(\d[^"]*)"', path)

    def test_the_tests(self):
        self.all_are_of_it(r'sluice_build_info\{version="([^"]*)"', "Tests/Foreign/test_monitoring.py")

    def test_the_images(self):
        self.all_are_of_it(r"image: sluice:(.*)", "compose.yaml")
        self.all_are_of_it(r"newTag: (.*)", "packaging/kubernetes/kustomization.yaml")

    def test_the_changelog(self):
        self.assertEqual(found(r"^## \[(\d.*)\] - \d{4}-\d\d-\d\d$", "CHANGELOG.md")[0], self.version)

    def test_the_page_on_packages(self):
        self.all_are_of_it(r"sluice[-_](\d+\.\d+\.\d+)", "docs/packaging.md")


class Swift(unittest.TestCase):
    """Package.swift's tools version is the oldest Swift that builds it."""

    version = found(r"^// swift-tools-version: (.*)$", "Package.swift")[0]

    def test_the_documents(self):
        for path in ("README.md", "CONTRIBUTING.md", "start.sh"):
            self.assertEqual(set(found(r"Swift\S* (\d+\.\d+) or newer", path)), {self.version}, path)

    def test_the_image(self):
        image = found(r"^ARG SWIFT_VERSION=(.*)$", "Dockerfile")[0]
        newer, oldest = ([int(part) for part in one.split(".")] for one in (image, self.version))
        self.assertGreaterEqual(newer, oldest)


class Translation(unittest.TestCase):
    """README.zh-CN.md is all of README.md: the same parts in the same order, and the same code."""

    original, translated = text("README.md"), text("README.zh-CN.md")

    def both(self, pattern):
        lists = [re.findall(pattern, one, re.MULTILINE | re.DOTALL) for one in (self.original, self.translated)]
        self.assertTrue(lists[0], pattern)
        return lists

    def test_code(self):
        self.assertEqual(*self.both(r"^```.*?^```$"))

    def without_code(self):
        return [re.sub(r"^```.*?^```$", "", one, flags=re.MULTILINE | re.DOTALL) for one in
                (self.original, self.translated)]

    def test_headings(self):
        original, translated = (re.findall(r"^(#+) ", one, re.MULTILINE) for one in self.without_code())
        self.assertGreater(len(original), 10)
        self.assertEqual(original, translated)

    def test_rows_of_tables(self):
        """The code in a row's first cell is what it is about; a table's head has none."""
        def rows(one):
            return [re.findall(r"`[^`]*`|\d{4}", line.split(" | ")[0]) for line in one.split("\n") if line[:2] == "| "]

        original, translated = map(rows, self.without_code())
        self.assertGreater(len(original), 70)
        self.assertEqual(original, translated)

    def test_values_of_the_settings(self):
        self.assertEqual(*self.both(r"^(\| `[A-Z_]+` \| [^\n]*) \| [^|\n]* \|$"))

    def test_entries_of_lists(self):
        original, translated = (len(re.findall(r"^- ", one, re.MULTILINE)) for one in self.without_code())
        self.assertEqual(original, translated)

    def test_links(self):
        """Each leads to the same place; the Chinese page has one to the English one, and the other way round."""
        original, translated = (set(re.findall(r"\]\(([^)]*)\)", one)) for one in self.without_code())
        self.assertEqual(original - {"README.zh-CN.md"}, translated - {"README.md"})
        self.assertIn("README.zh-CN.md", original)


if __name__ == "__main__":
    unittest.main()
