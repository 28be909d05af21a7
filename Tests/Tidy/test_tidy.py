#!/usr/bin/env python3
"""Tests of the rules: for each a source that breaks it and one that does not."""

import json
import sys
import unittest

sys.dont_write_bytecode = True

import rules
import swift_source
import tidy
from project import File

HEAD = "Sources/Gateway/"


def files(**texts):
    """Sources of the module Gateway by path, with `__` for `/`."""
    return [File(f"{HEAD}{path.replace('__', '/')}.swift", text) for path, text in texts.items()]


def figures(findings):
    return {(finding.subject, finding.figure): finding.count for finding in findings}


class ScannerTests(unittest.TestCase):
    def names(self, text):
        return [token.text for token in swift_source.read(text).tokens if token.text[0].isalpha()]

    def test_comments_hide_code(self):
        self.assertEqual(self.names("a // struct B {\n/* c { /* d */ e */ f"), ["a", "f"])

    def test_strings_hide_text_and_braces(self):
        self.assertEqual(self.names(r'a("{ struct \" \\") b'), ["a", "b"])
        self.assertEqual(self.names('a = """\n  { " \\""" } \n  """ ; b'), ["a", "b"])
        self.assertEqual(self.names('a = #"\\" { "# ; b = ##"x"#"##'), ["a", "b"])

    def test_interpolations_are_code(self):
        self.assertEqual(self.names(r'a("x \(Room(b)) \(c { "}" }) y") d'), ["a", "Room", "b", "c", "d"])
        self.assertEqual(self.names(r'a(#"x \(y) \#(b)"#)'), ["a", "b"])

    def test_regex_literals_hide_text_and_division_does_not(self):
        self.assertEqual(self.names("let a = /[{/]\\/{/ ; b"), ["let", "a", "b"])
        self.assertEqual(self.names("a = b / c / d ; reduce(1, /)"), ["a", "b", "c", "d", "reduce"])

    def test_lines_of_comments_are_known(self):
        comments = swift_source.read('a\n/* b\nc */ "x\\n" // d').comments
        self.assertEqual([(one.line, one.text) for one in comments], [(2, "/* b"), (3, "c */"), (3, "// d")])

    def test_what_does_not_end_is_refused(self):
        for text in ("{", "}", "struct A {\n(}", '"a\n"', "/* /* */", '"\\(a"', '"""\na'):
            with self.assertRaises(swift_source.Unreadable, msg=text):
                swift_source.read(text)


class MemberTests(unittest.TestCase):
    def counts(self, text):
        return {one.name: (one.lines, one.functions, one.stored) for one in swift_source.read(text).types}

    def test_functions_are_func_init_and_subscript(self):
        body = "init?(a: Int) { let b = 1 }\nstatic func == (a: A, b: A) -> Bool { func c() {} }\n"
        body += "subscript(i: Int) -> Int { i }\ndeinit {}\nvar d: Int { e.init() }\n"
        self.assertEqual(self.counts("class A {\n" + body + "}"), {"A": (7, 3, 0)})

    def test_stored_properties_are_those_of_instances_with_a_place(self):
        stored = "private(set) var a = 1, b = 2\nweak var c: A?\nlet d: [Int: (e: A, f: A)]\nvar g = 1 { didSet {} }\n"
        stored += "lazy var h: A = { let i = 1; return A() }()\n"
        other = "static let j = 1\nclass var k: A { A() }\nvar l: A { A() }\nvar m: A\n{ get { n } }\n"
        self.assertEqual(self.counts("class A {\n" + stored + other + "}")["A"][2], 6)

    def test_nested_types_count_for_themselves(self):
        text = "extension A.B {\nfunc a() {}\nstruct C {\nlet d: Int\nenum E {\ncase f\n}\n}\n}"
        wanted = {"A.B": (3, 1, 0), "A.B.C": (3, 0, 1), "A.B.C.E": (3, 0, 0)}
        self.assertEqual(self.counts(text), wanted)

    def test_words_in_other_places_declare_nothing(self):
        text = "final class A: B {\nclass func a(class: Int, extension b: C) {}\n"
        text += "class override func d() { struct E {} }\n}"
        self.assertEqual(self.counts(text)["A"][1], 2)
        self.assertEqual(set(self.counts(text)), {"A", "A.E"})


class TypeTests(unittest.TestCase):
    def test_functions_are_summed_over_extensions(self):
        def found(count):
            body, extension = "class A {\n" + "func a() {}\n" * 30, "extension A {\n" + "init() {}\n" * (count - 30)
            return figures(rules.types(files(A=body + "}", B=extension + "}")))

        self.assertEqual(found(40), {})
        self.assertEqual(found(41), {("Gateway/A", "functions"): 41})

    def test_stored_properties(self):
        self.assertEqual(rules.types(files(A="struct A {\n" + "let a: Int\n" * 20 + "}")), [])
        self.assertEqual(
            figures(rules.types(files(A="struct A {\n" + "let a: Int\n" * 21 + "}"))), {("Gateway/A", "stored"): 21}
        )

    def test_lines(self):
        self.assertEqual(rules.types(files(A="enum A {" + "\n" * 499 + "}")), [])
        self.assertEqual(figures(rules.types(files(A="enum A {" + "\n" * 500 + "}"))), {("Gateway/A", "lines"): 501})

    def test_types_of_one_name_in_two_modules_are_two(self):
        text = "class A {\n" + "func a() {}\n" * 40 + "}"
        self.assertEqual(rules.types([File("Sources/Rooms/A.swift", text), File("LoadTest/A.swift", text)]), [])

    def test_private_types_of_one_name_are_two(self):
        text = "private class A {\n" + "func a() {}\n" * 40 + "}"
        self.assertEqual(rules.types(files(B=text, C=text)), [])


class CycleTests(unittest.TestCase):
    def test_one_direction_is_fine(self):
        self.assertEqual(rules.cycles(files(Rooms__A="struct A {}", Users__B="struct B { let a: A }")), [])

    def test_a_circle_is_found_with_what_closes_it(self):
        core = "struct C { let b: (B, D) }\nstruct E {}"
        rooms, users = "struct A { let c: (C, E) }", "struct B { let a: A; let b: A }\nstruct D {}"
        found = rules.cycles(files(Rooms__A=rooms, Users__B=users, Core__C=core))
        self.assertEqual(figures(found), {("Gateway", "folders"): 3, ("Gateway", "pairs"): 3})
        self.assertEqual(found[0].places, [f"Users → Rooms: A in {HEAD}Users/B.swift"])

    def test_names_in_comments_and_strings_and_members_are_none(self):
        texts = ["// B", 'let x = "B"', "let x = y.B", "/// B\nlet b = 1"]
        for text in texts:
            self.assertEqual(rules.cycles(files(Rooms__A="struct A {}\n" + text, Users__B="struct B { let a: A }")), [])

    def test_a_name_declared_twice_is_skipped(self):
        circle = {"Rooms__A": "struct A { let b: B }", "Users__B": "struct B { let a: A }"}
        self.assertEqual(len(rules.cycles(files(**circle))), 2)
        self.assertEqual(rules.cycles(files(**circle, Push__C="enum C { struct B {} }")), [])

    def test_folders_have_two_levels_and_files_of_a_module_are_a_folder(self):
        self.assertEqual(File("Sources/Gateway/A.swift", "").folder, ".")
        self.assertEqual(File("Sources/Gateway/Rooms/A.swift", "").folder, "Rooms")
        self.assertEqual(File("Sources/Gateway/Rooms/Log/Old/A.swift", "").folder, "Rooms/Log")
        self.assertEqual(File("LoadTest/Report/HTML/A.swift", "").folder, "Report/HTML")

    def test_modules_are_apart(self):
        room = File("Sources/Rooms/X/A.swift", "struct A { let b: B }")
        user = File("Sources/Gateway/Y/B.swift", "struct B { let a: A }")
        self.assertEqual(rules.cycles([room, user]), [])


class TextTests(unittest.TestCase):
    def columns(self, path, line):
        return len(rules.columns([File(path, line)]))

    def test_columns(self):
        heads = {"docs/a.md": "", "test.sh": "", "Tests/Foreign/a.py": "a = ", f"{HEAD}A.swift": "// "}
        for path, head in heads.items():
            line = (head + "a " * 60)[:119] + "b"
            self.assertEqual(self.columns(path, line), 0)
            self.assertEqual(self.columns(path, line + "c"), 1, path)

    def test_columns_of_what_cannot_break(self):
        self.assertEqual(self.columns("docs/a.md", "| a | " + "b " * 90), 0)
        self.assertEqual(self.columns("docs/a.md", "- https://" + "b" * 150), 0)
        self.assertEqual(self.columns(f"{HEAD}A.swift", 'let a = "' + "b " * 90 + '"'), 0)

    def test_words_are_whole_identifiers(self):
        table = rules.read_words("# a comment\nmake(r|st)?Name\\w*  makeID\n")
        text = "makeNames(makerName) // makeName\nremakeName makeID"
        found = rules.words([File(f"{HEAD}A.swift", text), File("Other/A.swift", text)], table)
        self.assertEqual(figures(found), {("make(r|st)?Name\\w*", "uses"): 3})
        self.assertIn("makeNames → makeID", found[0].places[0])

    def test_a_property_of_css_is_no_word(self):
        text = "h1 { letter-spacing: 0; }\na letter-box or a letter: one"
        found = rules.words([File(f"{HEAD}A.swift", text)], rules.read_words("[Ll]etters?  message\n"))
        self.assertEqual(figures(found), {("[Ll]etters?", "uses"): 2})

    def test_words_need_two_columns(self):
        with self.assertRaises(SystemExit):
            rules.read_words("makeName")

    def test_names_are_declared_once(self):
        once = files(A="struct Tally {}\nextension Tally {}")
        self.assertEqual(rules.names_once(once, {"Tally"}), [])
        twice = once + [File("LoadTest/T.swift", "enum A { enum Tally {} }\nstruct B {}\nstruct B {}")]
        self.assertEqual(figures(rules.names_once(twice, {"Tally"})), {("Tally", "declarations"): 2})

    def test_doc_comments_that_begin_with_what(self):
        text = "/// What a room is.\nlet a = 1\n/// A room.\n/// What else?\nlet b = 1\n// What?"
        found = rules.comments(files(A=text))
        self.assertEqual(figures(found), {("Sources/Gateway", "begin with What"): 1})

    def test_is_to_for_must(self):
        swift = files(A='// It is to wait.\nlet a = "it is to wait" // they are to wait; is too; this to')
        script = [File("test.sh", "echo it is to wait\n# It is to wait."), File("docs/a.md", "It is to wait.")]
        self.assertEqual(
            figures(rules.comments(swift + script)), {("Sources/Gateway", "is to"): 2, (".", "is to"): 1}
        )


class WalkTests(unittest.TestCase):
    def places(self, *rows):
        lines = ["| other | table | of three |", rules.WALK, "|---|---|---|", *rows, "", "| `No/Walk` | `a` | b |"]
        source = files(Rooms__RoomOwner="struct A {\nfunc flush() {}\nfunc join() {} // func left\n}")
        findings = rules.walks([*source, File("docs/a.md", "\n".join(lines))])
        return [place for finding in findings for place in finding.places]

    def test_rows_name_files_and_functions_that_are_there(self):
        self.assertEqual(self.places("| `Gateway/Rooms/RoomOwner` | `flush`, `join` | … |"), [])

    def test_rows_that_do_not(self):
        where, name = "Gateway/Rooms/RoomOwner", "docs/a.md:4: Gateway/Rooms/RoomOwner"
        self.assertEqual(self.places(f"| `{where}` | `flush`, `left` | … |"), [f"{name}: left"])
        self.assertEqual(self.places(f"| `{where}s` | `flush` | … |"), [f"{name}s: no such file"])
        self.assertEqual(self.places(f"| `{where}` | flush | … |"), [f"{name}: no function"])


class AllowedTests(unittest.TestCase):
    def finding(self, count, rule="words"):
        return rules.Finding(rule, "told", "uses", count)

    def test_figures_may_not_rise_and_must_be_lowered(self):
        allowed = tidy.flat({"exempt": {"A": "why"}, "words": {"told": {"uses": 3}}})
        self.assertEqual(tidy.compare([self.finding(3)], allowed), ([], {}))
        self.assertEqual(tidy.compare([self.finding(4)], allowed), ([self.finding(4)], {}))
        self.assertEqual(tidy.compare([self.finding(2)], allowed), ([], {("words", "told", "uses"): 2}))
        self.assertEqual(tidy.compare([], allowed), ([], {("words", "told", "uses"): 0}))
        self.assertEqual(tidy.compare([self.finding(1)], {}), ([self.finding(1)], {}))

    def test_lowering_only_lowers(self):
        allowed = {"exempt": {}, "words": {"a": {"uses": 3}, "b": {"uses": 3}, "c": {"uses": 3}}}
        below = {("words", "a", "uses"): 2, ("words", "b", "uses"): 0, ("words", "c", "uses"): 9}
        self.assertEqual(tidy.lowered(allowed, below), {"exempt": {}, "words": {"a": {"uses": 2}, "c": {"uses": 3}}})

    def test_exempt_types_need_a_reason_and_a_need(self):
        finding = self.finding(3, "types")
        self.assertEqual(tidy.split_exempt([finding], {"told": "a table"}), ([], []))
        self.assertEqual(len(tidy.split_exempt([finding], {"told": " "})[1]), 1)
        self.assertEqual(len(tidy.split_exempt([], {"told": "a table"})[1]), 1)

    def test_the_file_is_read_as_it_was_written(self):
        allowed = {"exempt": {"é": 'a "table"'}, "words": {"a\\w": {"uses": 3}, "b": {"uses": 4, "lines": 1}}}
        self.assertEqual(json.loads(tidy.as_text(allowed)), allowed)


if __name__ == "__main__":
    unittest.main()
