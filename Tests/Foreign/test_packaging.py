"""Images, manifests, the unit and the package agree with each other and with the settings that a node knows."""

import os
import re
import shutil
import subprocess

import pytest
import yaml
from node import BINARY, ROOT, free_port, seconds

KUBERNETES = ROOT / "packaging/kubernetes"
# What a node needs beyond its drain: `stopReserveMilliseconds` of Node.swift.
STOP_RESERVE = 15


def text(path):
    return (ROOT / path).read_text()


def load(path):
    return yaml.safe_load(text(path))


SETTINGS = dict(re.findall(r"^#([A-Z_]+)=(.*)$", text(".env.example"), re.MULTILINE))
PORT = int(SETTINGS["PORT"])
COMPOSE = load("compose.yaml")
NODES = {name: service for name, service in COMPOSE["services"].items() if name.startswith("node-")}
MANIFESTS = [load(KUBERNETES / name) for name in load(KUBERNETES / "kustomization.yaml")["resources"]]


def manifest(kind):
    (one,) = [one for one in MANIFESTS if one["kind"] == kind]
    return one


def pod():
    return manifest("Deployment")["spec"]["template"]["spec"]


def container():
    (one,) = pod()["containers"]
    return one


def refusal(variables):
    """A node's words about these settings; empty when it takes them."""
    assert set(variables) <= set(SETTINGS), f"no settings: {set(variables) - set(SETTINGS)}"
    # Only settings that are right let it ask the node, which is not there.
    environment = {"PATH": os.environ["PATH"]} | {name: str(value) for name, value in variables.items()}
    done = subprocess.run(
        [BINARY, "health"], env=environment | {"PORT": str(free_port())}, cwd="/", capture_output=True, text=True,
        timeout=seconds(20),
    )
    return "" if done.returncode == 69 else f"{done.returncode}: {done.stderr}"


def drain_seconds(variables):
    return float(variables.get("DRAIN_SECONDS", SETTINGS["DRAIN_SECONDS"]))


# Docker


def test_every_yaml_is_one():
    files = [path for path in (ROOT / "packaging").rglob("*.y*ml")] + [ROOT / "compose.yaml"]
    assert len(files) > 10
    for path in files:
        assert isinstance(yaml.safe_load(path.read_text()), dict), path
    listed = {path.name for path in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml", "adapter-rules.yaml"}
    assert set(load(KUBERNETES / "kustomization.yaml")["resources"]) == listed


def test_images_have_a_version():
    images = [service["image"] for service in COMPOSE["services"].values()]
    images += re.findall(r"^FROM (\S+)", text("Dockerfile"), re.MULTILINE)
    for image in images:
        assert re.search(r":(v?\d|\$)", image), image


def test_dockerfile():
    lines = text("Dockerfile")
    assert f"EXPOSE {PORT}\n" in lines and 'HEALTHCHECK' in lines and '["sluice", "health"]' in lines
    assert re.search(r"^USER \d+:\d+$", lines, re.MULTILINE)
    libraries = re.search(r'LIBRARIES="(.*)"', text("release.sh"))[1]
    assert libraries in " ".join(lines.split()), "other packages than release.sh asks for"
    ignored = set(text(".dockerignore").split("\n"))
    for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", lines, re.MULTILINE):
        for source in sources.split():
            assert (ROOT / source).exists() and source not in ignored, source
    # All of these belong to the description of the package: without them nothing is built.
    named = re.findall(r'path: "(.*?)"', text("Package.swift")) + ["Sources", "release.sh"]
    named += [f"Tests/{name}" for name in re.findall(r'testTarget\(\s*name: "(\w+)"', text("Package.swift"))]
    assert len(named) > 15
    # What a link in the sources leads to.
    links = [path for path in (ROOT / "Sources").rglob("*") if path.is_symlink()]
    named += [str(path.resolve().relative_to(ROOT.resolve())) for path in links]
    assert links
    for path in named:
        assert not any(path == one or path.startswith(one + "/") for one in ignored if one), path


def test_compose_settings():
    assert len(NODES) == 3
    for name, service in NODES.items():
        assert service["environment"]["NODE_ID"] == name
        assert refusal(service["environment"]) == ""
        grace = float(service["stop_grace_period"].removesuffix("s"))
        assert grace > drain_seconds(service["environment"])
        (subnet,) = COMPOSE["networks"]["cluster"]["ipam"]["config"]
        assert service["environment"]["TRUSTED_PROXIES"] == subnet["subnet"]


def test_compose_files_and_ports():
    for service in COMPOSE["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (ROOT / source).exists(), source
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), port
    places = [f"{name}:{PORT}" for name in NODES]
    assert re.findall(r"^server (\S+)", text("packaging/compose/sluice-nodes.conf"), re.MULTILINE) == places
    (job,) = load("packaging/compose/prometheus.yml")["scrape_configs"]
    assert job["job_name"] == "sluice" and job["static_configs"][0]["targets"] == places
    shipped = load("monitoring/prometheus.yml")
    assert shipped["rule_files"] == load("packaging/compose/prometheus.yml")["rule_files"]
    assert shipped["scrape_configs"][0]["job_name"] == job["job_name"]


def test_compose_nginx(tmp_path):
    """The shipped configuration with Compose's nodes, as far as it can be read where these have no addresses."""
    binary = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    for folder in ("conf.d", "snippets"):
        shutil.copytree(ROOT / "nginx" / folder, tmp_path / folder)
    nodes = re.sub(r"server node-(\d)", r"server 127.0.0.\1", text("packaging/compose/sluice-nodes.conf"))
    (tmp_path / "snippets/sluice-nodes.conf").write_text(nodes)
    main = text("nginx/nginx.conf").replace("user www-data;", "").replace("/run/nginx.pid", f"{tmp_path}/pid")
    (tmp_path / "nginx.conf").write_text(main.replace("/var/log/nginx", str(tmp_path)))
    server = tmp_path / "conf.d/sluice.conf"
    server.write_text(server.read_text().replace("listen 80 ", f"listen 127.0.0.1:{free_port()} "))
    for path in tmp_path.rglob("*.conf"):
        path.write_text(path.read_text().replace("/var/log/nginx", str(tmp_path)))
    done = subprocess.run(
        [binary, "-t", "-p", tmp_path, "-c", tmp_path / "nginx.conf"], capture_output=True, text=True,
        timeout=seconds(20),
    )
    assert done.returncode == 0, done.stderr


def test_compose_prometheus(tmp_path):
    shutil.copy(ROOT / "packaging/compose/prometheus.yml", tmp_path)
    shutil.copy(ROOT / "monitoring/prometheus-rules.yml", tmp_path)
    done = subprocess.run(
        ["promtool", "check", "config", tmp_path / "prometheus.yml"], capture_output=True, text=True,
        timeout=seconds(20),
    )
    assert done.returncode == 0, done.stderr


# Kubernetes


def test_kubernetes_settings():
    variables = manifest("ConfigMap")["data"] | manifest("Secret")["stringData"]
    assert all(isinstance(value, str) for value in variables.values())
    assert refusal(variables) == ""
    assert {one["name"] for one in container()["env"]} <= set(SETTINGS) - set(variables)
    assert {one[kind]["name"] for one in container()["envFrom"] for kind in one} == {
        manifest("ConfigMap")["metadata"]["name"], manifest("Secret")["metadata"]["name"]
    }
    assert int(variables["PORT"]) == container()["ports"][0]["containerPort"]


def test_kubernetes_life():
    assert container()["readinessProbe"]["httpGet"] == {"path": "/ready", "port": "http"}
    assert container()["livenessProbe"]["httpGet"] == {"path": "/health", "port": "http"}
    pause = int(container()["lifecycle"]["preStop"]["exec"]["command"][1])
    needed = pause + drain_seconds(manifest("ConfigMap")["data"]) + STOP_RESERVE
    assert pod()["terminationGracePeriodSeconds"] >= needed
    user = int(re.search(r"^USER (\d+)", text("Dockerfile"), re.MULTILINE)[1])
    assert pod()["securityContext"]["runAsUser"] == user


def test_kubernetes_names():
    labels = manifest("Deployment")["spec"]["template"]["metadata"]["labels"]
    selectors = [
        manifest("Deployment")["spec"]["selector"]["matchLabels"], manifest("Service")["spec"]["selector"],
        manifest("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
    ]
    assert all(selector == labels for selector in selectors)
    assert manifest("Service")["spec"]["ports"][0]["targetPort"] == container()["ports"][0]["name"]
    target = manifest("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", manifest("Deployment")["metadata"]["name"])
    (image,) = load(KUBERNETES / "kustomization.yaml")["images"]
    assert image["name"] == container()["image"]
    assert manifest("Namespace")["metadata"]["name"] == load(KUBERNETES / "kustomization.yaml")["namespace"]


def test_autoscaler_goes_by_the_highest_signal():
    (metric,) = manifest("HorizontalPodAutoscaler")["spec"]["metrics"]
    (rule,) = load(KUBERNETES / "adapter-rules.yaml")["rules"]["custom"]
    assert metric["pods"]["metric"]["name"] == rule["name"]["as"]
    series = rule["seriesQuery"].split("{")[0]
    assert f"`{series}{{signal}}`" in text("docs/monitoring.md")
    assert rule["metricsQuery"].startswith("max(") and "by (<<.GroupBy>>)" in rule["metricsQuery"]
    # Below the mark of the first tier.
    share = int(metric["pods"]["target"]["averageValue"].removesuffix("m")) / 1000
    assert share < float(SETTINGS["GOVERNOR_ENTER_MARKS"].split(",")[0])


# systemd and the package


def test_unit(tmp_path):
    unit = text("packaging/systemd/sluice.service")
    keys = re.findall(r"^([A-Za-z]+)=(.*)$", unit, re.MULTILINE)
    values = dict(keys)
    assert values["Type"] == "notify" and values["User"] == "sluice" and int(values["LimitNOFILE"]) >= 65536
    build = text("packaging/deb/build.sh")
    assert f'$root{values["ExecStart"].split()[0]}"' in build
    assert f'$root{values["EnvironmentFile"].removeprefix("-")}"' in build
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not there")
    # It looks whether the program is there.
    copy = tmp_path / "sluice.service"
    copy.write_text(unit.replace("/usr/bin/sluice", BINARY))
    done = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True, timeout=seconds(30))
    assert done.returncode == 0 and not done.stderr, done.stderr


def test_scripts_of_the_package():
    for name in ("postinst", "prerm", "postrm"):
        script = ROOT / "packaging/deb" / name
        assert os.access(script, os.X_OK) and script.read_text().startswith("#!/bin/sh\n")
        assert "set -e\n" in script.read_text()
        assert subprocess.run(["sh", "-n", script]).returncode == 0
    control = text("packaging/deb/control")
    assert set(re.findall(r"@([A-Z]+)@", control)) == set(re.findall(r"s/@([A-Z]+)@/", text("packaging/deb/build.sh")))
