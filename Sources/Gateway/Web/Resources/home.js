/** The home page: rooms with live counts, joining one, making one. */

import { identifierProblem } from "/client.js";
import { api, avatar, byId, chatAddress, count, el, keyForm, poll, remember } from "/assets/common.js";

const PAGE = 100; // rooms per request
const rows = new Map(); // room id -> its row
const plural = (number, word) => `${count(number)} ${word}${number === 1 ? "" : "s"}`;
let pagesShown = 1;

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
    byId("trouble").textContent = error.status === 0 ? "The node can’t be reached. Trying again…"
      : `The rooms can’t be listed: ${error.message}`;
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
  const list = byId("rooms");
  const present = new Set();
  let next = list.firstElementChild;
  for (const room of rooms) {
    present.add(room.id);
    const row = rows.get(room.id) ?? addRow(room.id);
    update(row, room);
    // Kept nodes stay where they are, so that focus and scrolling survive each refresh.
    if (row.item === next) next = next.nextElementSibling;
    else list.insertBefore(row.item, next);
  }
  for (const [id, row] of rows) {
    if (present.has(id)) continue;
    row.item.remove();
    rows.delete(id);
  }
  byId("more").hidden = !more;
  byId("no-rooms").hidden = rooms.length > 0;
  const live = rooms.filter((room) => room.users > 0).length;
  byId("summary").textContent = rooms.length === 0 ? "quiet so far"
    : `${plural(rooms.length, "room")}${more ? " and more" : ""}, ${count(live)} with people in`;
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
  const messages = plural(room.seq, "message");
  const texts = [
    [row.name, title],
    [row.meta, title === room.id ? messages : `${room.id} · ${messages}`],
    [row.users, room.max_users ? `${count(room.users)} of ${count(room.max_users)}` : count(room.users)],
    [row.connections, (room.users === 1 ? "person" : "people")
      + (room.connections === room.users ? "" : ` · ${count(room.connections)} connections`)],
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
  for (const [field, label] of [[user, "Your name"], [room, "The room"]]) {
    const problem = identifierProblem(field.value.trim());
    field.setAttribute("aria-invalid", problem ? "true" : "false");
    if (!problem) continue;
    say(byId("join-note"), "bad", `${label} ${problem}.`);
    field.focus();
    return;
  }
  remember("localStorage", "sluice.user", user.value.trim());
  location.assign(chatAddress(room.value.trim(), user.value.trim()));
});

byId("create-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { id, name, max_users: max, history_size: kept } = event.target.elements;
  const note = byId("create-note");
  const problem = id.value.trim() && identifierProblem(id.value.trim());
  if (problem) return say(note, "bad", `The identifier ${problem}.`);
  const body = {};
  if (id.value.trim()) body.id = id.value.trim();
  if (name.value.trim()) body.name = name.value.trim();
  if (max.value) body.max_users = Number(max.value);
  if (kept.value) body.history_size = Number(kept.value);
  try {
    const room = await api("/api/rooms", { method: "POST", body });
    say(note, "good", "Room made. ", entrance(room.id, `Enter ${room.name || room.id}`));
    byId("join-room").value = room.id;
    event.target.reset();
    refresh();
  } catch (error) {
    if (askedForKey(error)) return say(note, "bad", "This node wants its API key first.");
    if (error.code === "room_exists") {
      return say(note, "bad", "A room with this identifier is there already. ", entrance(body.id, "Enter it"));
    }
    say(note, "bad", error.status === 0 ? "The node can’t be reached." : `The room wasn’t made: ${error.message}`);
  }
});
