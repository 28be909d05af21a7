"""RFC 6455 and RFC 7692 by Autobahn|Testsuite: its fuzzing client against /echo, by ws and through a tunnel by wss.

Sections 1 to 7, 9 and 10 (301 cases), and with the compression of sections 12 and 13 (216 cases, of 20 messages each).
"""

import contextlib
import json
import pathlib
import subprocess
import sys

import pytest
from authority import Authority
from node import Node, seconds
from tunnel import tunnel

HERE = pathlib.Path(__file__).resolve().parent
SECTIONS = ["1", "2", "3", "4", "5", "6", "7", "9", "10", "12", "13"]
COUNT = 301 + 216
# The cases that set their own verdict to INFORMATIONAL whatever happens, since RFC 6455 leaves their outcome open:
# a message, a close and a ping back to back; close codes 5000 and 65536.
INFORMATIONAL = {"7.1.6", "7.13.1", "7.13.2"}


@pytest.fixture(scope="module", params=["ws", "wss"])
def report(request, tmp_path_factory):
    """The verdicts by case, of one run of all cases."""
    folder = tmp_path_factory.mktemp("autobahn")
    with contextlib.ExitStack() as stack:
        settings = {"ECHO_ENDPOINT": 1, "COMPRESSION": "on"}
        if request.param == "wss":
            authority = Authority(folder / "authority")
            settings |= {"trust": authority.trust()} | authority.issue().settings
        gateway = Node(**settings)
        stack.callback(gateway.stop)
        gateway.start()
        port = stack.enter_context(tunnel(gateway.port, gateway.trust)) if gateway.trust else gateway.port
        spec = {
            "outdir": str(folder / "report"),
            "servers": [{"agent": "sluice", "url": f"ws://127.0.0.1:{port}/echo"}],
            "cases": [section + ".*" for section in SECTIONS],
        }
        (folder / "spec.json").write_text(json.dumps(spec))
        run = subprocess.run(
            [sys.executable, str(HERE / "fuzzing_client.py"), str(folder / "spec.json")],
            capture_output=True,
            text=True,
            timeout=seconds(240),
        )
        assert run.returncode == 0 and "Unhandled Error" not in run.stdout + run.stderr, (
            run.stdout[-4000:] + run.stderr[-4000:]
        )
        verdicts = json.loads((folder / "report/index.json").read_text())["sluice"]
        for verdict in verdicts.values():
            verdict["details"] = json.loads((folder / "report" / verdict["reportfile"]).read_text())
    return verdicts


def test_all_cases_ran(report):
    assert len(report) == COUNT


@pytest.mark.parametrize("section", SECTIONS)
def test_section(report, section):
    """Every case is OK and closed OK; NON-STRICT is a failure."""
    cases = {name: verdict for name, verdict in report.items() if name.split(".")[0] == section}
    assert cases
    bad = []
    for name, verdict in cases.items():
        got = (verdict["behavior"], verdict["behaviorClose"])
        if got == ("OK", "OK") or (name in INFORMATIONAL and got == ("INFORMATIONAL", "INFORMATIONAL")):
            continue
        details = verdict["details"]
        bad.append(
            f"{name}: {got}, close code {verdict['remoteCloseCode']}: {details['result']} {details['resultClose']}"
        )
    assert not bad, "\n".join(bad)
