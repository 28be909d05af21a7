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


if __name__ == "__main__":
    unittest.main()
