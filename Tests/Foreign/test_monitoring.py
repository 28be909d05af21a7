"""Contract, section 3: /metrics, as Prometheus itself reads it; and what monitoring/ makes of it."""

import json
import re

from client import Client
from node import until
from prometheus import FOLDER, Prometheus, promtool

SERIES = re.compile(r"\b(?:sluice|process)_[a-z_]+\b")


def samples(text):
    """Each sample's value, by its name and labels as they stand."""
    found = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            assert name not in found, f"{name} is there twice"
            found[name] = float(value)
    return found


def metrics(node, **more):
    answer = node.get("/metrics", **more)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return samples(answer.body.decode())


def test_promtool_takes_the_answer(make_node):
    node = make_node(NODE_ID='a "quoted" \\ name')
    assert promtool("check", "metrics", input=node.get("/metrics").body.decode()) == (0, "")
    assert promtool("check", "metrics", input="# TYPE a gauge\n# TYPE a gauge\n")[0] != 0, "it can complain"
    assert 'sluice_build_info{version="0.2.0",node="a \\"quoted\\" \\\\ name"}' in metrics(node)


def test_counters_count(make_node, room):
    node = make_node()
    assert metrics(node)["sluice_connections"] == 0
    with Client(node, room, "ann") as ann, Client(node, room, "ben") as ben:
        ben.say("1")
        ann.seek("message")
        ben.send("nothing")
        ben.error("unknown_type")
        now = until(lambda: (found := metrics(node))["sluice_connections"] == 2 and found, what="two connections")
        assert now["sluice_messages_committed_total"] == 1
        assert now["sluice_messages_delivered_total"] == 1
        assert now["sluice_messages_received_total"] == 2
        assert now['sluice_messages_refused_total{reason="bad_frame"}'] == 1
        assert now['sluice_messages_refused_total{reason="rate_limited"}'] == 0
        until(lambda: metrics(node)["sluice_rooms"] == 1, what="the room")
        for name in ["sluice_delivery_latency_seconds", "sluice_queue_delay_seconds"]:
            until(lambda name=name: metrics(node)[name + "_count"] > 0, what=name)
    until(lambda: metrics(node)["sluice_connections"] == 0, what="nobody")
    assert metrics(node)["sluice_connections_accepted_total"] >= 2


def test_the_process_is_described(gateway):
    now = metrics(gateway)
    proc = f"/proc/{gateway.process.pid}"
    assert now["process_resident_memory_bytes"] > 2**20
    assert 0 < now["process_open_fds"] < now["process_max_fds"]
    with open(f"{proc}/limits") as limits:
        assert now["process_max_fds"] == int(re.search(r"Max open files +(\d+)", limits.read())[1])
    cpu = "process_cpu_seconds_total"
    later = until(lambda: (found := metrics(gateway))[cpu] > now[cpu] and found, what="processor time")
    assert later["process_start_time_seconds"] == now["process_start_time_seconds"] > 1.6e9


def test_histograms_are_cumulated(nodes, room):
    """Redis' round trip and commits, on a node of a cluster."""
    node = nodes[0]
    with Client(node, room, "ann") as ann:
        for number in range(20):
            ann.say(number)
    now = until(lambda: (found := metrics(node))["sluice_redis_roundtrip_seconds_count"] > 0 and found, what="a trip")
    for name in ["sluice_redis_roundtrip_seconds", "sluice_commit_latency_seconds"]:
        buckets = [value for key, value in now.items() if key.startswith(name + "_bucket{")]
        assert buckets == sorted(buckets) and buckets[-1] == now[name + "_count"] > 0
        assert 0 < now[name + "_sum"] < 10 * now[name + "_count"]
    assert sum(metrics(each)["sluice_commit_latency_seconds_count"] for each in nodes) >= 20
    assert now['sluice_redis_state{state="online"}'] == 1 and now['sluice_mode{mode="cluster"}'] == 1
    assert now["sluice_cluster_nodes"] == 3


def test_a_lost_redis_shows(nodes, redis, room):
    node = nodes[0]
    with Client(node, room, "ann") as ann:
        ann.say("before")
        redis.kill()
        until(lambda: metrics(node)['sluice_redis_state{state="degraded"}'] == 1, 20, "the loss")
        ann.send("message", content="while it is away")
        ann.seek("ack", durable="local")
        until(lambda: metrics(node)["sluice_outbox_messages"] == 1, what="what is kept")
        assert metrics(node)["sluice_messages_provisional_total"] == 1
        redis.start()
        until(lambda: metrics(node)["sluice_outbox_messages"] == 0, 20, "the resync")
    assert metrics(node)["sluice_redis_reconnects_total"] > 0


def test_the_governor_shows(make_node):
    node = make_node(GOVERNOR_DRY_RUN=1)
    now = metrics(node)
    assert now["sluice_governor_pinned"] == 0 and now["sluice_governor_dry_run"] == 1
    assert node.put("/api/system/tier", {"tier": "moderate"}).status == 200
    now = until(lambda: (found := metrics(node))["sluice_tier"] == 2 and found, what="the tier")
    assert now["sluice_governor_pinned"] == 1
    assert now['sluice_tier_transitions_total{to="moderate"}'] == 1
    assert now['sluice_tier_transitions_total{to="heavy"}'] == 0

    def signals():
        """Those with a pressure; what is found by differences comes with the second sample."""
        names = [f'sluice_pressure{{signal="{name}"}}' for name in ("loop_lag", "memory", "connections", "host_cpu")]
        found = metrics(node)
        return all(name in found for name in names) and found

    now = until(signals, what="the signals")
    assert all(0 <= value <= 1 for name, value in now.items() if name.startswith("sluice_pressure{"))
    status = node.get("/api/system/status").json["governor"]["signals"]
    assert set(status) == {name[24:-2] for name in now if name.startswith("sluice_pressure{")}
    assert now["sluice_governor_sampling_seconds_total"] > 0


def test_only_who_may_sees_them(make_node):
    node = make_node(API_KEY="a-key")
    assert node.get("/metrics").code == "unauthorized"
    assert metrics(node, headers={"Authorization": "Bearer a-key"})["sluice_draining"] == 0
    assert node.post("/metrics", {}, headers={"X-API-Key": "a-key"}).status == 405
    head = node.request("HEAD", "/metrics", headers={"X-API-Key": "a-key"})
    assert head.status == 200 and head.body == b"" and int(head.headers["content-length"]) > 1000


# monitoring/


def expressions():
    """What the dashboard and the rules ask, with the dashboard's variables filled in."""
    dashboard = json.loads((FOLDER / "grafana-dashboard.json").read_text())
    targets = [target for panel in dashboard["panels"] for target in panel.get("targets", [])]
    asked = [target["expr"] for target in targets] + [each["expr"] for each in dashboard["annotations"]["list"]]
    for variable, value in {"$job": "sluice", "$instance": ".*", "$__rate_interval": "5s"}.items():
        asked = [expression.replace(variable, value) for expression in asked]
    assert not any("$" in expression for expression in asked)
    return asked


def test_the_rules_are_in_order():
    code, text = promtool("check", "rules", FOLDER / "prometheus-rules.yml")
    assert code == 0, text
    code, text = promtool("check", "config", FOLDER / "prometheus.yml")
    assert code == 0, text
    code, text = promtool("test", "rules", FOLDER.parent / "Tests/Support/rules_test.yml")
    assert code == 0, text


def test_every_metric_that_is_asked_for_is_there(nodes):
    """And the other way round: what a node says is shown or judged somewhere."""
    text = nodes[0].get("/metrics").body.decode()
    there = set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))
    # Comments and summaries do not ask.
    rules = re.sub(r"#.*|summary:.*", "", (FOLDER / "prometheus-rules.yml").read_text())
    asked = {re.sub(r"_(bucket|sum|count)$", "", name) for name in SERIES.findall("\n".join([rules, *expressions()]))}
    assert asked <= there, asked - there
    assert there - asked <= {"sluice_mode", "sluice_draining"}, there - asked
    # Label values that are named, too.
    for name, value in re.findall(r'(sluice_\w+)\{[^}]*\bname="(\w+)"', rules):
        assert f'{name}{{name="{value}"}}' in text
    alerts = set(re.findall(r'sluice_alert_active\{name="(\w+)"\}', text))
    assert alerts == set(re.findall(r'name="(\w+)"', rules)), "each of the node's alerts has a rule"


def test_a_prometheus_scrapes_and_judges(nodes, redis, room):
    with Prometheus(nodes) as prometheus, Client(nodes[0], room, "ann") as ann:
        ann.say("counted")

        def are_up():
            found = prometheus.query("up")
            return len(found) == 3 and all(value == 1 for _, value in found)

        until(are_up, 20, "all nodes")
        until(lambda: prometheus.query("sum(sluice_connections)") == [({}, 1.0)], what="the connection")
        until(lambda: prometheus.query("sum(sluice_messages_committed_total)") == [({}, 1.0)], what="the message")
        # Rates need two samples.
        until(lambda: prometheus.query("rate(process_cpu_seconds_total[5s])"), what="a rate")
        for expression in expressions():
            found = prometheus.query(expression)
            # What compares shows only what is unusual.
            assert found or re.search(r"[=>] [01]$", expression), expression
        until(lambda: {rule["health"] for rule in prometheus.rules().values()} == {"ok"}, 20, "the rules")
        rules = prometheus.rules()
        assert all(rule["type"] == "alerting" for rule in rules.values())
        firing = [name for name, rule in rules.items() if rule["state"] == "firing"]
        assert firing == [], firing
        redis.kill()
        until(lambda: prometheus.rules()["SluiceRedisLost"]["state"] == "firing", 30, "the alert of the loss")
        nodes[2].stop()
        until(lambda: prometheus.rules()["SluiceNodeDown"]["state"] == "firing", 40, "the alert of the node")
