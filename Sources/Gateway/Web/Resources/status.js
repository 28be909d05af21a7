/**
 * The live dashboard: asks `/api/system/status` each second, at once when an event tells of a change, and survives the node's
 * going away.
 */

import { LineChart, bar } from "/assets/charts.js";
import { api, byId, bytes, count, duration, el, keyForm, poll, timeElement } from "/assets/common.js";
import { listen } from "/assets/events.js";

const percent = (value) => `${count(value)} %`;
const rate = (value) => `${count(value)}/s`;
const milliseconds = (value) => `${value >= 100 ? count(value) : Number(value).toFixed(value >= 10 ? 1 : 2)} ms`;

const compact = new Intl.NumberFormat(undefined, { notation: "compact", maximumSignificantDigits: 3 });
const axis = (unit) => (value) => `${compact.format(value)}${unit}`;

const charts = {
  messages: new LineChart("Messages", ["in", "out"], { format: rate, axis: axis("/s"), least: 2 }),
  connections: new LineChart("Connections", ["open"], { format: count, axis: axis(""), least: 2 }),
  lag: new LineChart("Loop lag", ["slowest worker"], { format: milliseconds, axis: axis(" ms"), least: 0.1 }),
  processor: new LineChart("Processor", ["of one core"], { format: percent, axis: axis(" %"), least: 10 }),
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
    live("good", status.uptime_seconds < lastUptime ? "Live, after a restart" : "Live");
    lastGoodAt = Date.now();
    lastUptime = status.uptime_seconds;
  } catch (error) {
    if (askedForKey(error)) return live("warn", "Key needed");
    const since = lastGoodAt === null ? "" : ` for ${duration((Date.now() - lastGoodAt) / 1000)}`;
    live("bad", error.status === 0 ? `No answer${since}` : `No status (${error.status})${since}`);
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

const put = (id, text) => (byId(id).textContent = text);

function show(status) {
  byId("numbers").hidden = false;
  const { connections, messages, process, governor } = status;
  put("node", `${status.node} · ${status.version}`);
  put("connections", count(connections.current));
  put("connections-sub", `of ${count(connections.max)}, ${count(connections.accepted_total)} so far`);
  put("messages-in", rate(messages.per_second_in));
  put("messages-in-sub", `${count(messages.committed_total)} kept, ${count(total(messages.refused_total))} refused`);
  put("messages-out", rate(messages.per_second_out));
  put("messages-out-sub", `${count(messages.delivered_total)} delivered`);
  put("rooms", count(status.rooms));
  showTier(governor);
  put("mode", status.mode === "single" ? "on this node alone" : `mode: ${status.mode}`);
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
    ...reasons("connection", connections.refused_total),
    ...reasons("message", messages.refused_total),
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
  return some.map(([reason, number]) => [`${what}: ${words(reason)}`, count(number)]);
}

function showProcess(process) {
  const files = process.open_files / process.open_files_max;
  facts("process", [
    ["Memory (resident)", bytes(process.rss_bytes)],
    ["Processor", `${Number(process.cpu_percent ?? 0).toFixed(1)} % of one core`],
    ["Open files", `${count(process.open_files)} of ${count(process.open_files_max)}`],
    [null, bar(files, "Open files")],
  ]);
}

/** The tile, and above everything what an operator has changed. */
function showTier(governor) {
  put("governor-tier", governor.tier);
  byId("governor-tier").dataset.tier = governor.tier;
  put("tier-sub", `${governor.pinned ? "pinned, " : ""}for ${duration((Date.now() - governor.since_at) / 1000)}`);
  const notes = [
    governor.dry_run && "Dry run: tiers are decided and shown, nothing is shed.",
    governor.pinned && "The tier is pinned by an operator; the governor does not change it.",
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
    ["Pressure", governor.pressure.toFixed(2)],
    [null, bar(governor.pressure, "Pressure")],
    ["Because of", governor.reason ? words(governor.reason) : "nothing"],
    ["Probable cause", governor.cause ? words(governor.cause) : "–"],
    ["Suspended", governor.suspended.map(words).join(", ") || "nothing"],
  ]);
  const ofKind = (kind) => Object.entries(governor.signals).filter(([, signal]) => signal.kind === kind);
  const signalLine = ([name, signal]) => [
    words(name), valueOf(signal), bar(signal.pressure, `Pressure of ${words(name)}`),
  ];
  rows("signals", ofKind("own").map(signalLine));
  rows("causes", ofKind("cause").map(signalLine));
  const shed = Object.entries(governor.shed_total).filter(([, number]) => number > 0);
  byId("shed-none").hidden = shed.length > 0;
  rows("shed", shed.map(([kind, number]) => [words(kind), count(number)]));
  const transitions = [...governor.transitions].sort((a, b) => b.at - a.at).slice(0, 10);
  byId("transitions-card").hidden = transitions.length === 0;
  const line = (change) => [timeElement(change.at), change.from, change.to, sentence(change)];
  rows("transitions", transitions.map(line), false);
}

/** Why the tier changed, in a sentence. */
function sentence({ from, to, reason, cause }) {
  if (reason === "pinned") return `An operator held the node at ${to}.`;
  if (reason === "unpinned") return "An operator let go of the tier.";
  if (reason === "recovered") return "Nothing pressed any more.";
  const why = cause ? `, probably because of ${words(cause)}` : "";
  const order = ["normal", "light", "moderate", "heavy"];
  const rose = order.indexOf(to) > order.indexOf(from);
  return rose ? `It went up for ${words(reason)}${why}.` : `It went down; ${words(reason)} pressed most${why}.`;
}

function showAlerts(alerts) {
  byId("alerts").hidden = alerts.length === 0;
  const text = (alert) => `${words(alert.name)} (for ${duration((Date.now() - alert.since_at) / 1000)})`;
  put("alerts", alerts.length === 0 ? "" : `To be looked at: ${alerts.map(text).join(", ")}.`);
}

function showRedis(redis) {
  byId("redis-card").hidden = !redis || redis.state === "off";
  if (byId("redis-card").hidden) return;
  facts("redis", [
    ["State", redis.state],
    ["Address", redis.address ?? "–"],
    ["Round trip", redis.latency_ms === undefined ? "–" : milliseconds(redis.latency_ms)],
    ["Outbox", `${count(redis.outbox_messages)} messages, ${bytes(redis.outbox_bytes)}`],
    ["Reconnects", count(redis.reconnects_total)],
  ]);
}

function showLocks({ held, lost_total: lost } = { held: [], lost_total: 0 }) {
  byId("locks-card").hidden = held.length === 0 && lost === 0;
  rows("locks", held.map((lock) => [lock.name, String(lock.token), count(lock.holds), milliseconds(lock.expires_in_ms)]));
  put("locks-lost", lost === 0 ? "" : `${count(lost)} lost since the start`);
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
