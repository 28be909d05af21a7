"""Runs the fuzzing client of Autobahn|Testsuite (PyPI: autobahntestsuite) on Python 3.

The testsuite is written in Python 2, where a string is a string of bytes. Its sources are loaded here through
an importer that reads them as Latin-1, so that every character of a literal stands for one byte, and translates the
syntax with fissix (lib2to3). What is a byte string for a case is so a str with characters up to U+00FF; the
class `ByteStrings` below is the border to autobahn-python, which wants and gives bytes. Nothing of a case
changes: what it sends, what it expects, and how it judges is the code of the testsuite.

    python fuzzing_client.py SPEC.json

SPEC is the specification of `wstest -m fuzzingclient`: `servers`, `cases`, `exclude-cases`, `outdir`. The JSON reports
are written to `outdir`; the HTML reports are left out.
"""

import binascii
import importlib.abc
import importlib.util
import json
import pathlib
import re
import sys

from fissix import refactor

SUITE = pathlib.Path(importlib.util.find_spec("autobahntestsuite").submodule_search_locations[0])

FIXERS = ["dict", "except", "has_key", "idioms", "numliterals", "print", "raise", "unicode", "xrange"]

# Text that translation alone does not mend: (file, what stands there, what has to stand there).
EDITS = [
    # Implicit relative imports.
    ("case/*", r"(?m)^from (case\d*\w*) import", r"from .\1 import"),
    ("fuzzing.py", r"(?m)^from (case|caseset) import", r"from autobahntestsuite.\1 import"),
    # TLS and the web server of the other modes.
    ("fuzzing.py", r"(?m)^from twisted\.internet import reactor, ssl$", "from twisted.internet import reactor"),
    ("fuzzing.py", r"ssl\.ClientContextFactory\(\)", "None"),
    ("fuzzing.py", r"(?m)^(import .*), pkg_resources$", r"\1"),
    # Section 9.9 is not in the list of cases.
    ("case/__init__.py", r"(?m)^from \.?case9_9_1 import \*$", ""),
    # Sections 12 and 13 send 20 messages of each size instead of 1,000: 11 GB would take an hour in plain Python.
    ("case/case12_x_x.py", r"(?m)^( *\(\d+, +)1000,", r"\g<1>20,"),
    # Their payloads come from files, and are compared by digests of bytes.
    ("case/case12_x_x.py", r"(?m)^(import .*)pkg_resources, ", r"\1"),
    ("case/case12_x_x.py", r"\bpkg_resources\.resource_filename\(", "resource_filename("),
    ("case/case12_x_x.py", r"\bm\.update\(msg\)", "m.update(to_bytes(msg))"),
    ("case/case12_x_x.py", r"\bmsg\.decode\(", "to_bytes(msg).decode("),
    # Equality of the lists is what is meant; pickles of equal lists differ in Python 3 when objects are shared.
    ("case/case.py", r"pickle\.dumps\(obj1\) == pickle\.dumps\(obj2\)", "obj1 == obj2"),
    # Bases in an order that only Python 2's old-style classes allow.
    ("case/*", r"\(object, Case,? *\)", "(Case, )"),
    # Division of integers.
    ("case/case10_1_1.py", r"/ self\.p\.autoFragmentSize", "// self.p.autoFragmentSize"),
    # The style sheets of the HTML reports, which are not written.
    ("fuzzing.py", r"(?s)from report import CSS_COMMON,.*?JS_MASTER_REPORT\n", ""),
    # The only uses of the hexadecimal view take byte strings, and its result goes into text.
    ("*", r"\bbinascii\.b2a_hex\(", "b2a_hex_text("),
]


def b2a_hex_text(data):
    """The hexadecimal view of a byte string (of either kind) as text."""
    return binascii.b2a_hex(to_bytes(data)).decode("ascii")


def to_bytes(data):
    """From the testsuite's byte string to bytes. Raises UnicodeEncodeError for what never was a byte string."""
    return data.encode("latin-1") if isinstance(data, str) else bytes(data)


def to_text(data):
    """From bytes (or a list of them) to the testsuite's byte string; anything else stays what it is."""
    if isinstance(data, (bytes, bytearray)):
        return data.decode("latin-1")
    if isinstance(data, list):
        return [to_text(part) for part in data]
    return data


class Python2Importer(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports the modules of the testsuite that are needed, translated in memory."""

    def __init__(self):
        self.tool = refactor.RefactoringTool(["fissix.fixes.fix_" + name for name in FIXERS])

    def find_spec(self, name, path=None, target=None):
        parts = name.split(".")
        if parts[0] != SUITE.name:
            return None
        file = SUITE.joinpath(*parts[1:])
        package = file.is_dir()
        file = file / "__init__.py" if package else file.with_suffix(".py")
        if not file.exists():
            return None
        spec = importlib.util.spec_from_file_location(name, file, loader=self)
        spec.submodule_search_locations = [str(file.parent)] if package else None
        return spec

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        file = pathlib.Path(module.__spec__.origin)
        if file.parent == SUITE and file.name == "__init__.py":
            module.version = "25.10.1"
            return  # The package's own initialiser imports every tool of the testsuite.
        source = file.read_text(encoding="latin-1").expandtabs(8)
        # The declaration of the encoding has done its work.
        source = re.sub(r"(?m)\A((?:#.*\n)*?)#.*coding[:=].*\n", r"\1#\n", source)
        place = file.relative_to(SUITE)
        for pattern, old, new in EDITS:
            if place.match(pattern):
                source = re.sub(old, new, source)
        tree = self.tool.refactor_string(source.rstrip() + "\n", str(place))
        module.b2a_hex_text = b2a_hex_text
        module.to_bytes = to_bytes
        module.resource_filename = lambda package, path: str(SUITE / path)
        exec(compile(str(tree), str(file), "exec"), module.__dict__)


class FastMasker:
    """RFC 6455, section 5.3, in one operation on whole numbers instead of a step per byte."""

    def __init__(self, mask):
        self.mask = mask
        self.position = 0

    def pointer(self):
        return self.position

    def reset(self):
        self.position = 0

    def process(self, data):
        shift = self.position & 3
        pattern = (self.mask[shift:] + self.mask[:shift]) * (len(data) // 4 + 1)
        self.position += len(data)
        number = int.from_bytes(data, "little") ^ int.from_bytes(pattern[: len(data)], "little")
        return number.to_bytes(len(data), "little")


def prepare_autobahn():
    """Puts the border into autobahn-python and replaces what is slow in plain Python. Before the testsuite's import."""
    import txaio

    txaio.use_twisted()
    import autobahn.twisted.websocket as twisted_websocket
    from autobahn.websocket import protocol, utf8validator

    class FastUtf8Validator(protocol.Utf8Validator):
        """Takes whole valid chunks in one step; whatever else is left to the automaton of autobahn-python."""

        def validate(self, chunk):
            chunk = to_bytes(chunk)
            if self.state == 0:
                try:
                    chunk.decode("utf-8")
                except UnicodeDecodeError:
                    pass
                else:
                    self.i += len(chunk)
                    return True, True, len(chunk), self.i
            return super().validate(chunk)

    protocol.Utf8Validator = utf8validator.Utf8Validator = FastUtf8Validator
    protocol.createXorMasker = lambda mask, length=None: FastMasker(mask)

    class ByteStrings(twisted_websocket.WebSocketClientProtocol):
        """The border: byte strings of the testsuite on the upper side, bytes on the lower one."""

        def sendFrame(
            self, opcode, payload=b"", fin=True, rsv=0, mask=None, payload_len=None, chopsize=None, sync=False
        ):
            payload = to_bytes(payload)
            if payload_len is not None:
                payload = (payload * (payload_len // len(payload) + 1))[:payload_len]
            super().sendFrame(opcode, payload, fin, rsv, mask and to_bytes(mask), None, chopsize, sync)

        def sendMessage(self, payload, isBinary=False, fragmentSize=None, sync=False, doNotCompress=False):
            super().sendMessage(to_bytes(payload), isBinary, fragmentSize, sync, doNotCompress)

        def sendMessageFrameData(self, payload, sync=False):
            return super().sendMessageFrameData(to_bytes(payload), sync)

        def sendCloseFrame(self, code=None, reasonUtf8=None, isReply=False):
            super().sendCloseFrame(code, None if reasonUtf8 is None else to_bytes(reasonUtf8), isReply)
            self.localCloseReason = to_text(self.localCloseReason)

        def connectionLost(self, reason):
            super().connectionLost(reason)
            self.http_request_data = to_text(getattr(self, "http_request_data", "?"))
            self.http_response_data = to_text(getattr(self, "http_response_data", "?"))

        def _onMessage(self, payload, isBinary):
            super()._onMessage(to_text(payload), isBinary)

        def _onPing(self, payload):
            super()._onPing(to_text(payload))

        def _onPong(self, payload):
            super()._onPong(to_text(payload))

    twisted_websocket.WebSocketClientProtocol = ByteStrings


def prepare_logs(fuzzing):
    """The wire log of the reports: shows bytes, whichever side of the border they come from."""
    limit = 64

    def binary_view(data, maxlen=limit):
        data = to_bytes(data)
        return b2a_hex_text(data[:maxlen]) + (" ..." if len(data) > maxlen - 4 else "")

    def text_view(data, maxlen=limit, replace=False):
        data = to_bytes(data)
        try:
            shown = data[:maxlen].decode("utf-8", "replace" if replace else "strict")
        except UnicodeDecodeError:
            return "0x" + binary_view(data, maxlen)
        return shown + (" ..." if len(data) > maxlen - 4 else "")

    fuzzing.binLogData = binary_view
    fuzzing.asciiLogData = text_view

    def crossing(method):
        def log(self, *arguments):
            return method(self, *[to_text(argument) for argument in arguments])

        return log

    for name in ["logRxOctets", "logTxOctets", "logRxFrame", "logTxFrame"]:
        setattr(fuzzing.FuzzingProtocol, name, crossing(getattr(fuzzing.FuzzingProtocol, name)))


def main():
    with open(sys.argv[1]) as file:
        spec = json.load(file)
    sys.meta_path.insert(0, Python2Importer())
    prepare_autobahn()
    import autobahntestsuite.fuzzing as fuzzing
    from twisted.internet import reactor

    prepare_logs(fuzzing)
    create_reports = fuzzing.FuzzingFactory.createReports
    fuzzing.FuzzingFactory.createReports = lambda self: create_reports(self, produceHtml=False)
    fuzzing.startClient(spec)
    reactor.run()


if __name__ == "__main__":
    main()
