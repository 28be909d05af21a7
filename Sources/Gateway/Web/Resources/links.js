/** The links of the cluster: how they stand, asked each second and when one changes, and their switches. */

import { api, byId, chatAddress, count, duration, el, keyForm, poll } from "/assets/common.js";
import { listen } from "/assets/events.js";
import { t, translate } from "/assets/texts.js";

translate();

const pageSize = 100;
/** The cursors of the pages that are shown. */
const cursors = [""];
/** The table's lines by the id of their link. */
const lines = new Map();
let next = null;
let isLive = false;

const askedForKey = keyForm(() => refresh());
const refresh = poll(async () => {
  try {
    const links = [];
    for (const cursor of cursors) {
      const after = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
      const page = await api(`/api/links?limit=${pageSize}${after}`, { timeoutMs: 4000 });
      links.push(...page.links);
      next = page.next_cursor ?? null;
    }
    byId("key-form").hidden = true;
    show(links);
    live("good", t("live"));
  } catch (error) {
    if (askedForKey(error)) return live("warn", t("key_needed"));
    live("bad", error.status === 0 ? t("no_answer") : t("links_failed", { message: error.message }));
  }
}, 1000);

listen((type) => type === "link" && refresh(), () => isLive);

byId("more").addEventListener("click", () => {
  if (next !== null) cursors.push(next);
  refresh();
});

function live(kind, text) {
  isLive = kind === "good";
  byId("links-card").classList.toggle("stale", kind !== "good");
  const pill = byId("live");
  pill.className = `pill dot ${kind}`;
  if (pill.textContent !== text) pill.textContent = text;
}

function show(links) {
  byId("links-card").hidden = false;
  byId("no-links").hidden = links.length > 0;
  byId("more").hidden = next === null;
  const up = links.filter((link) => link.state === "connected").length;
  const summary = next === null ? "links_up" : "links_up_shown";
  byId("summary").textContent = t(summary, { up: count(up), all: count(links.length) });
  const shown = links.map((link) => fill(lines.get(link.id) ?? makeLine(link.id), link));
  const ids = new Set(links.map((link) => link.id));
  for (const id of lines.keys()) if (!ids.has(id)) lines.delete(id);
  const body = byId("links");
  // A button keeps the focus as long as its line stays where it is.
  if (shown.length !== body.children.length || shown.some((row, index) => row !== body.children[index])) {
    body.replaceChildren(...shown);
  }
}

/** A line for a link, still without its values. */
function makeLine(id) {
  const cells = Object.fromEntries(
    ["name", "state", "owner", "room", "heard", "reconnects", "dropped", "change"].map((name) => [name, el("td")]));
  cells.reconnects.className = cells.dropped.className = "right";
  const button = el("button", { className: "button compact plain", type: "button" });
  button.addEventListener("click", () => turn(id, button));
  cells.change.append(button);
  const line = { row: el("tr", { "data-link": id }, Object.values(cells)), cells, button };
  lines.set(id, line);
  return line;
}

/** Puts what is known of a link into its line; gives the line's row. */
function fill({ row, cells, button }, link) {
  const { name, state, owner, room, heard, reconnects, dropped } = cells;
  put(name, link.name === link.id ? link.id : `${link.name} (${link.id})`);
  name.title = link.url;
  put(state, t(`link_${link.enabled ? link.state : "disabled"}`));
  put(owner, link.owner ?? "–");
  if (link.room === undefined) put(room, "–");
  else if (room.textContent !== link.room) {
    room.replaceChildren(el("a", { href: chatAddress(link.room), textContent: link.room }));
  }
  const at = link.last_heartbeat_at;
  put(heard, at === undefined ? t("never") : t("ago", { time: duration(Math.max(0, Date.now() - at) / 1000) }));
  put(reconnects, count(link.reconnects));
  put(dropped, count(link.dropped));
  button.dataset.to = link.enabled ? "disable" : "enable";
  put(button, t(button.dataset.to));
  button.setAttribute("aria-label", `${button.textContent} ${link.id}`);
  return row;
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

async function turn(id, button) {
  button.disabled = true;
  byId("trouble").hidden = true;
  try {
    await api(`/api/links/${encodeURIComponent(id)}/${button.dataset.to}`, { method: "POST" });
  } catch (error) {
    if (!askedForKey(error)) {
      byId("trouble").hidden = false;
      byId("trouble").textContent = `${id}: ${error.message}`;
    }
  }
  button.disabled = false;
  refresh();
}
