/** The home page: rooms with live counts, joining one, making one. */

import { identifierProblem } from "/client.js";
import { api, avatar, byId, chatAddress, count, el, keyForm, poll, remember } from "/assets/common.js";
import { problemText, t, translate } from "/assets/texts.js";

const PAGE = 100; // rooms per request
const rows = new Map(); // room id -> its row
const plural = (number, key) => t(key, { n: count(number), count: number });
let pagesShown = 1;

translate();
const userField = byId("join-user");
userField.value = remember("localStorage", "sluice.user") ?? "";
userField.addEventListener("input", () => {
  for (const [id, row] of rows) row.link.href = chatAddress(id, userField.value.trim());
});

const askedForKey = keyForm(() => refresh());
const refresh = poll(async () => {
  try {
    const { rooms, more } = await fetchRooms();
    byId("trouble").hidden = true;
    byId("key-form").hidden = true;
    show(rooms, more);
  } catch (error) {
    const aboutKey = askedForKey(error);
    byId("trouble").hidden = aboutKey;
    byId("trouble").textContent = error.status === 0 ? t("unreachable_again")
      : t("rooms_fail", { reason: error.message });
  }
}, 2500);

async function fetchRooms() {
  const rooms = [];
  let cursor;
  for (let page = 0; page < pagesShown; page += 1) {
    const answer = await api(`/api/rooms?limit=${PAGE}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
    rooms.push(...answer.rooms);
    cursor = answer.next_cursor;
    if (!cursor) break;
  }
  return { rooms, more: Boolean(cursor) };
}

function show(rooms, more) {
  const isLive = (room) => room.users > 0;
  const live = rooms.filter(isLive);
  const present = new Set(rooms.map((room) => room.id));
  for (const [id, part] of [["rooms-live", live], ["rooms-quiet", rooms.filter((room) => !isLive(room))]]) {
    const list = byId(id);
    let next = list.firstElementChild;
    for (const room of part) {
      const row = rows.get(room.id) ?? addRow(room.id);
      update(row, room);
      // Kept nodes stay where they are, so that focus and scrolling survive each refresh.
      if (row.item === next) next = next.nextElementSibling;
      else list.insertBefore(row.item, next);
    }
  }
  for (const [id, row] of rows) {
    if (present.has(id)) continue;
    row.item.remove();
    rows.delete(id);
  }
  byId("more").hidden = !more;
  byId("no-rooms").hidden = rooms.length > 0;
  byId("nobody").hidden = rooms.length === 0 || live.length > 0;
  byId("quiet-title").hidden = rooms.length === live.length;
  const summary = { rooms: plural(rooms.length, "room_count"), live: count(live.length) };
  byId("summary").textContent = rooms.length === 0 ? t("quiet") : t(more ? "summary_more" : "summary", summary);
  filter();
}

function addRow(id) {
  const row = {
    name: el("div", { className: "room-name" }),
    meta: el("div", { className: "room-meta" }),
    users: el("strong"),
    connections: el("span"),
  };
  row.link = el("a", { className: "room-row", href: chatAddress(id, userField.value.trim()) },
    avatar(id),
    el("div", { className: "room-text" }, row.name, row.meta),
    el("div", { className: "room-count" }, row.users, row.connections));
  row.item = el("li", { "data-room": id }, row.link);
  rows.set(id, row);
  return row;
}

function update(row, room) {
  const title = room.name || room.id;
  const messages = plural(room.seq, "message_count");
  const texts = [
    [row.name, title],
    [row.meta, title === room.id ? messages : `${room.id} · ${messages}`],
    [row.users, room.max_users
      ? t("people_of", { n: count(room.users), max: count(room.max_users) }) : count(room.users)],
    [row.connections, t("person", { n: room.users })
      + (room.connections <= room.users ? "" : ` · ${plural(room.connections, "connection_count")}`)],
  ];
  for (const [element, text] of texts) if (element.textContent !== text) element.textContent = text;
  row.link.classList.toggle("live", room.users > 0);
  row.search = `${title}\n${room.id}`.toLowerCase();
}

function filter() {
  const wanted = byId("filter").value.trim().toLowerCase();
  for (const row of rows.values()) row.item.hidden = wanted !== "" && !row.search.includes(wanted);
}

byId("filter").addEventListener("input", filter);
byId("more").addEventListener("click", () => {
  pagesShown += 1;
  refresh();
});

/** A link into a room, under the name given so far. */
function entrance(room, text) {
  return el("a", { href: chatAddress(room, userField.value.trim()), textContent: text });
}

function say(element, kind, ...content) {
  element.className = `notice ${kind}`;
  element.replaceChildren(...content);
  element.hidden = false;
}

byId("join-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const { user, room } = event.target.elements;
  for (const [field, label] of [[user, "name_problem"], [room, "room_problem"]]) {
    const problem = problemText(identifierProblem(field.value.trim()));
    field.setAttribute("aria-invalid", problem ? "true" : "false");
    if (!problem) continue;
    say(byId("join-note"), "bad", t(label, { problem }));
    field.focus();
    return;
  }
  remember("localStorage", "sluice.user", user.value.trim());
  location.assign(chatAddress(room.value.trim(), user.value.trim()));
});

/** The identifier that a title makes: its letters and digits in small, with hyphens between; "" for none. */
function identifierOf(title) {
  const plain = title.normalize("NFKD").replace(/\p{M}/gu, "").normalize("NFC").toLowerCase();
  let id = plain.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "");
  while (id && identifierProblem(id)) id = [...id].slice(0, -1).join("");
  return id;
}

/** Shows in the empty field which identifier the title makes. */
function showIdentifier() {
  byId("create-id").placeholder = identifierOf(byId("create-name").value) || t("identifier_made");
}

byId("create-name").addEventListener("input", showIdentifier);
byId("create-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { id, name, max_users: max, history_size: kept } = event.target.elements;
  const note = byId("create-note");
  const wanted = id.value.trim() || identifierOf(name.value);
  const problem = wanted && problemText(identifierProblem(wanted));
  if (problem) return say(note, "bad", t("identifier_problem", { problem }));
  const body = {};
  if (wanted) body.id = wanted;
  if (name.value.trim()) body.name = name.value.trim();
  if (max.value) body.max_users = Number(max.value);
  if (kept.value) body.history_size = Number(kept.value);
  try {
    const room = await api("/api/rooms", { method: "POST", body });
    say(note, "good", `${t("room_made")} `, entrance(room.id, t("enter_room", { room: room.name || room.id })));
    byId("join-room").value = room.id;
    event.target.reset();
    showIdentifier();
    refresh();
  } catch (error) {
    if (askedForKey(error)) return say(note, "bad", t("key_first"));
    if (error.code === "room_exists") {
      return say(note, "bad", `${t("room_exists")} `, entrance(body.id, t("enter_it")));
    }
    say(note, "bad", error.status === 0 ? t("unreachable") : t("room_fail", { reason: error.message }));
  }
});
