/**
 * The live dashboard: asks `/api/system/status` each second, at once when an event tells of a change, and survives the
 * node's going away.
 */

import { LineChart, bar } from "/assets/charts.js";
import { api, byId, bytes, count, duration, el, keyForm, poll, timeElement } from "/assets/common.js";
import { listen } from "/assets/events.js";
import { locale, t, translate } from "/assets/texts.js";

translate();
const percent = (value) => `${count(value)} %`;
const rate = (value) => `${count(value)}/s`;
const milliseconds = (value) => `${value >= 100 ? count(value) : Number(value).toFixed(value >= 10 ? 1 : 2)} ms`;

const compact = new Intl.NumberFormat(locale, { notation: "compact", maximumSignificantDigits: 3 });
const axis = (unit) => (value) => `${compact.format(value)}${unit}`;

const charts = {
  messages: new LineChart(t("messages"), [t("chart_in"), t("chart_out")], { format: rate, axis: axis("/s"), least: 2 }),
  connections: new LineChart(t("connections"), [t("chart_open")], { format: count, axis: axis(""), least: 2 }),
  lag: new LineChart(t("loop_lag"), [t("chart_slowest")], { format: milliseconds, axis: axis(" ms"), least: 0.1 }),
  processor: new LineChart(t("processor"), [t("chart_core")], { format: percent, axis: axis(" %"), least: 10 }),
};
byId("grid").prepend(...Object.values(charts).map((chart) => chart.element));

let lastGoodAt = null;
let lastUptime = 0;
let isLive = false;

const askedForKey = keyForm(() => refresh());
const refresh = poll(async () => {
  try {
    const status = await api("/api/system/status", { timeoutMs: 4000 });
    byId("key-form").hidden = true;
    show(status);
    live("good", t(status.uptime_seconds < lastUptime ? "live_restarted" : "live"));
    lastGoodAt = Date.now();
    lastUptime = status.uptime_seconds;
  } catch (error) {
    if (askedForKey(error)) return live("warn", t("key_needed"));
    const time = lastGoodAt === null ? "" : duration((Date.now() - lastGoodAt) / 1000);
    live("bad", t(`${error.status === 0 ? "no_answer" : "no_status"}${time && "_for"}`, { code: error.status, time }));
    charts.messages.push([null, null]);
    for (const name of ["connections", "lag", "processor"]) charts[name].push([null]);
  }
}, 1000);

listen((type, event) => {
  if (type !== "lock" && event.from !== event.to) refresh();
  if (type === "alert" || type === "node") refresh();
}, () => isLive);

function live(kind, text) {
  isLive = kind === "good";
  byId("numbers").classList.toggle("stale", kind !== "good");
  const pill = byId("live");
  pill.className = `pill dot ${kind}`;
  if (pill.textContent !== text) pill.textContent = text;
}

// ---- the cluster: every node as the store lists it, less often -----------------------------------------------------

let isCluster = false;
let thisNode = "";

poll(async () => {
  if (!isLive || !isCluster) return void (byId("nodes-card").hidden = true);
  const nodes = await api("/api/nodes").then((answer) => answer.nodes, () => null);
  if (nodes) showNodes(nodes);
}, 3000);

function showNodes(nodes) {
  byId("nodes-card").hidden = false;
  const pill = ({ state }) => el("span", {
    className: `pill dot ${{ up: "good", suspect: "bad" }[state] ?? "warn"}`, textContent: t(`node_${state}`),
  });
  const tier = ({ tier: name }) => el("span", { className: "tier", "data-tier": name, textContent: t(`tier_${name}`) });
  byId("nodes").replaceChildren(...nodes.map((node) => el("tr", { "data-node": node.node },
    el("td", {}, el("span", { className: "mono", textContent: node.node }),
      node.node === thisNode ? el("span", { className: "muted small", textContent: ` ${t("this_node")}` }) : null),
    el("td", {}, pill(node)), el("td", {}, tier(node)),
    el("td", {}, el("span", { className: "mono", textContent: node.address })),
    el("td", {}, timeElement(node.started_at)),
    el("td", { className: "right number", textContent: count(node.connections) }))));
}

/** How the node is, in one sentence. */
function howItIs({ mode, governor }) {
  if (mode === "degraded") return "well_degraded";
  if (governor.tier === "normal") return "well";
  return governor.dry_run ? "well_dry" : `well_${governor.tier}`;
}

const put = (id, text) => (byId(id).textContent = text);

function show(status) {
  byId("numbers").hidden = false;
  const { connections, messages, process, governor } = status;
  put("node", `${status.node} · ${status.version}`);
  put("connections", count(connections.current));
  put("connections-sub", t("of_so_far", { max: count(connections.max), total: count(connections.accepted_total) }));
  put("messages-in", rate(messages.per_second_in));
  const refusedCount = count(total(messages.refused_total));
  put("messages-in-sub", t("kept_refused", { kept: count(messages.committed_total), refused: refusedCount }));
  put("messages-out", rate(messages.per_second_out));
  put("messages-out-sub", t("delivered", { n: count(messages.delivered_total) }));
  put("rooms", count(status.rooms));
  showTier(governor);
  put("sentence", t(howItIs(status), { tier: t(`tier_${governor.tier}`) }));
  isCluster = status.mode !== "single";
  thisNode = status.node;
  put("mode", status.mode === "single" ? t("alone") : t("mode_is", { mode: status.mode }));
  put("uptime", duration(status.uptime_seconds));

  charts.messages.push([messages.per_second_in, messages.per_second_out]);
  charts.connections.push([connections.current]);
  charts.lag.push([Math.max(0, ...status.workers.map((worker) => worker.loop_lag_ms))]);
  charts.processor.push([process.cpu_percent ?? 0]);

  rows("workers", status.workers.map((worker, index) => [
    `#${index + 1}`, count(worker.connections), milliseconds(worker.loop_lag_ms), bytes(worker.queued_bytes),
    count(worker.messages_in), count(worker.messages_out),
  ]));
  const refused = [
    ...reasons("refused_connection", connections.refused_total),
    ...reasons("refused_message", messages.refused_total),
  ];
  byId("refused-none").hidden = refused.length > 0;
  rows("refused", refused);
  showProcess(process);
  showGovernor(governor);
  showAlerts(status.alerts);
  showRedis(status.redis);
  showLocks(status.locks);
}

/** The sum of a total that may be split by reason. */
const total = (value) => (typeof value === "object" ? Object.values(value).reduce((sum, each) => sum + each, 0) : value);

/** Table lines of a total that is split by reason, without the zeros. */
function reasons(what, totals) {
  if (typeof totals !== "object") return [];
  const some = Object.entries(totals).filter(([, number]) => number > 0);
  return some.map(([reason, number]) => [t(what, { reason: words(reason) }), count(number)]);
}

function showProcess(process) {
  const files = process.open_files / process.open_files_max;
  facts("process", [
    [t("memory"), bytes(process.rss_bytes)],
    [t("processor"), t("of_one_core", { n: Number(process.cpu_percent ?? 0).toFixed(1) })],
    [t("open_files"), t("people_of", { n: count(process.open_files), max: count(process.open_files_max) })],
    [null, bar(files, t("open_files"))],
  ]);
}

/** The tile, and above everything what an operator has changed. */
function showTier(governor) {
  put("governor-tier", t(`tier_${governor.tier}`));
  byId("governor-tier").dataset.tier = governor.tier;
  const time = duration((Date.now() - governor.since_at) / 1000);
  put("tier-sub", t(governor.pinned ? "pinned_for" : "for_time", { time }));
  const notes = [
    governor.dry_run && t("dry_run"),
    governor.pinned && t("pinned"),
  ].filter(Boolean);
  byId("governor-note").hidden = notes.length === 0;
  put("governor-note", notes.join(" "));
}

/** A signal's value in its unit. */
function valueOf({ value, unit }) {
  if (unit === "ratio") return percent(value * 100);
  if (unit === "percent") return percent(value);
  if (unit === "ms") return milliseconds(value);
  return unit === "bytes" ? bytes(value) : `${count(value)} ${unit}`;
}

function showGovernor(governor) {
  facts("governor", [
    [t("pressure"), governor.pressure.toFixed(2)],
    [null, bar(governor.pressure, t("pressure"))],
    [t("because"), governor.reason ? words(governor.reason) : t("nothing")],
    [t("probable_cause"), governor.cause ? words(governor.cause) : "–"],
    [t("suspended"), governor.suspended.map(words).join(", ") || t("nothing")],
  ]);
  const ofKind = (kind) => Object.entries(governor.signals).filter(([, signal]) => signal.kind === kind);
  const signalLine = ([name, signal]) => [
    words(name), valueOf(signal), bar(signal.pressure, `${t("pressure")}: ${words(name)}`),
  ];
  rows("signals", ofKind("own").map(signalLine));
  rows("causes", ofKind("cause").map(signalLine));
  const shed = Object.entries(governor.shed_total).filter(([, number]) => number > 0);
  byId("shed-none").hidden = shed.length > 0;
  rows("shed", shed.map(([kind, number]) => [words(kind), count(number)]));
  const transitions = [...governor.transitions].sort((a, b) => b.at - a.at).slice(0, 10);
  byId("transitions-card").hidden = transitions.length === 0;
  const line = (change) => [timeElement(change.at), t(`tier_${change.from}`), t(`tier_${change.to}`), sentence(change)];
  rows("transitions", transitions.map(line), false);
}

/** Why the tier changed, in a sentence. */
function sentence({ from, to, reason, cause }) {
  if (reason === "pinned") return t("why_pinned", { to: t(`tier_${to}`) });
  if (reason === "unpinned") return t("why_unpinned");
  if (reason === "recovered") return t("why_recovered");
  const order = ["normal", "light", "moderate", "heavy"];
  const rose = order.indexOf(to) > order.indexOf(from);
  return t(`why_${rose ? "rose" : "fell"}${cause ? "_cause" : ""}`, { reason: words(reason), cause: words(cause) });
}

function showAlerts(alerts) {
  byId("alerts").hidden = alerts.length === 0;
  const timeOf = (alert) => duration((Date.now() - alert.since_at) / 1000);
  const list = alerts.map((alert) => t("alert", { name: words(alert.name), time: timeOf(alert) }));
  put("alerts", list.length === 0 ? "" : t("alerts", { list: list.join(t("separator")) }));
}

function showRedis(redis) {
  byId("redis-card").hidden = !redis || redis.state === "off";
  if (byId("redis-card").hidden) return;
  facts("redis", [
    [t("state"), redis.state],
    [t("address"), redis.address ?? "–"],
    [t("round_trip"), redis.latency_ms === undefined ? "–" : milliseconds(redis.latency_ms)],
    [t("outbox"), t("outbox_is", { n: count(redis.outbox_messages), bytes: bytes(redis.outbox_bytes) })],
    [t("reconnects"), count(redis.reconnects_total)],
  ]);
}

function showLocks({ held, lost_total: lost } = { held: [], lost_total: 0 }) {
  byId("locks-card").hidden = held.length === 0 && lost === 0;
  rows("locks", held.map((lock) => [lock.name, String(lock.token), count(lock.holds), milliseconds(lock.expires_in_ms)]));
  put("locks-lost", lost === 0 ? "" : t("locks_lost", { n: count(lost) }));
}

const words = (name) => String(name ?? "").replaceAll("_", " ");

/** Fills a table body; with `numeric` all cells but the first stand at the right. */
function rows(id, lines, numeric = true) {
  const cellOf = (cell, index) => el("td", { className: numeric && index > 0 ? "right" : "" }, cell);
  byId(id).replaceChildren(...lines.map((cells) => el("tr", {}, cells.map(cellOf))));
}

function facts(id, pairs) {
  byId(id).replaceChildren(...pairs.flatMap(([name, value]) => (name === null
    ? [el("dd", { className: "across" }, value)] : [el("dt", { textContent: name }), el("dd", {}, value)])));
}
