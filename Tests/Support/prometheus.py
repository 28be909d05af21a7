"""A Prometheus of a test's own on a free port of 127.0.0.1, with the project's rules; and promtool."""

import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import urllib.parse
import urllib.request

from node import ROOT, free_port, seconds, until

FOLDER = ROOT / "monitoring"


def program(name):
    path = shutil.which(name)
    assert path, f"{name} is not there: apt-get install prometheus"
    return path


def promtool(*arguments, **more):
    """What promtool says: the exit code and the text."""
    command = [program("promtool"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds(60), **more)
    return done.returncode, done.stdout + done.stderr


class Prometheus:
    """Scrapes these nodes each second, as the job of monitoring/prometheus.yml."""

    def __init__(self, nodes):
        self.folder = tempfile.TemporaryDirectory(prefix="sluice-prometheus-")
        self.port = free_port()
        folder = pathlib.Path(self.folder.name)
        sample = (FOLDER / "prometheus.yml").read_text()
        targets = ", ".join(f'"127.0.0.1:{node.port}"' for node in nodes)
        config, replaced = re.subn(r'\["127\.0\.0\.1:8000"\]', f"[{targets}]", sample)
        assert replaced == 1
        config = re.sub(r"(scrape|evaluation)_interval: \w+", r"\1_interval: 1s", config)
        (folder / "prometheus.yml").write_text(config)
        shutil.copy(FOLDER / "prometheus-rules.yml", folder)
        self.log_path = folder / "log"
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [
                    program("prometheus"),
                    f"--config.file={folder}/prometheus.yml",
                    f"--storage.tsdb.path={folder}/data",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def __enter__(self):
        until(self._is_ready, 30, "Prometheus")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(seconds(20))
        self.folder.cleanup()

    def _is_ready(self):
        assert self.process.poll() is None, self.log_path.read_text()[-2000:]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=5):
                return True
        except OSError:
            return False

    def ask(self, path, **query):
        """`data` of an answer of its API."""
        address = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(address, timeout=seconds(10)) as answer:
            body = json.load(answer)
        assert body["status"] == "success", body
        return body["data"]

    def query(self, expression):
        """The series that an expression gives now: (labels, value)."""
        result = self.ask("query", query=expression)["result"]
        return [(each["metric"], float(each["value"][1])) for each in result]

    def rules(self):
        """The alert rules by name."""
        return {rule["name"]: rule for group in self.ask("rules")["groups"] for rule in group["rules"]}
