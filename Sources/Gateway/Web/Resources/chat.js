/** The chat page: one room, one user, the browser client, and what is on the screen. */

import { Sluice, identifierProblem, newId } from "/client.js";
import { MessageLog, contentText } from "/assets/chatlog.js";
import { avatar, byId, chatAddress, el, names, remember } from "/assets/common.js";

const HISTORY_PAGE = 50; // messages loaded at a time
const USERS_SHOWN = 200; // names in the list; the count is always whole
const TYPING_AGAIN_MS = 3000; // my typing is told anew after this
const TYPING_STALE_MS = 7000; // others' typing is forgotten after this
const FEATURES = {
  typing: "typing signs", presence: "comings and goings", read_marks: "read marks", history: "history",
  users: "the list of people", storage: "keeping history", compression: "compression",
  new_connections: "new connections", http: "the HTTP API",
};
const NOT_SENT = {
  too_large: "it is too long.", timeout: "no answer came; it may have arrived.", queue_full: "too many messages wait.",
  closed: "the connection has ended.",
};
const CLOSED = {
  4001: ["You aren’t signed in: the access token is missing, expired or not valid.", "Sign in"],
  4003: ["You aren’t allowed in this room.", "Try again"],
  4004: ["You were removed, or the room was deleted.", "Enter again"],
  4005: ["This chat goes on in another tab.", "Continue here"],
  4006: ["There are too many connections from here already.", "Try again"],
};

const address = new URL(location.href);
const room = decodeRoom();
let client = null;
let log = null;

function decodeRoom() {
  try {
    return decodeURIComponent(address.pathname.replace(/^\/chat\//, ""));
  } catch {
    return ""; // not percent-encoding: no room has such a name
  }
}

// ---- who am I ------------------------------------------------------------------------------------------------------

function begin() {
  byId("room-title").textContent = room;
  document.title = `${room} · Sluice`;
  const user = address.searchParams.get("user");
  const token = address.searchParams.get("token");
  if (token) {
    // Out of the address bar, where it would be copied and remembered.
    remember("sessionStorage", "sluice.token", token);
    address.searchParams.delete("token");
    history.replaceState(null, "", address);
  }
  const problem = identifierProblem(room);
  if (problem) return ask(`The room’s name ${problem}.`);
  if (!user) return ask();
  const wrong = identifierProblem(user);
  if (wrong) return ask(`Your name ${wrong}.`);
  start(user);
}

function ask(note, { token = false } = {}) {
  byId("chat").hidden = byId("people-toggle").hidden = true;
  byId("join").hidden = false;
  byId("join-title").textContent = `Join ${room || "a room"}`;
  byId("token-field").hidden = !token;
  byId("join-note").hidden = !note;
  byId("join-note").textContent = note ?? "";
  const field = byId(token ? "join-token" : "join-user");
  byId("join-user").value = address.searchParams.get("user") ?? remember("localStorage", "sluice.user") ?? "";
  field.focus();
}

byId("join-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const user = byId("join-user").value.trim();
  const problem = identifierProblem(user);
  if (problem) return ask(`Your name ${problem}.`, { token: !byId("token-field").hidden });
  if (!byId("token-field").hidden) remember("sessionStorage", "sluice.token", byId("join-token").value.trim() || null);
  remember("localStorage", "sluice.user", user);
  if (identifierProblem(room)) return location.assign("/");
  location.assign(chatAddress(room, user));
});

// ---- the connection ------------------------------------------------------------------------------------------------

/** The page's room, which is entered anew after it was deleted. */
const here = () => client.room(room);

function start(user) {
  remember("localStorage", "sluice.user", user);
  byId("join").hidden = true;
  byId("chat").hidden = byId("people-toggle").hidden = false;
  byId("room-note").textContent = `You are ${user}`;
  log = new MessageLog(byId("log-frame"), byId("messages"), user, { reply, retry, moved: scrolled });
  client = new Sluice({ user, token: () => remember("sessionStorage", "sluice.token") });
  client.on("state", showState);
  client.on("welcome", () => showTier(null)); // a `tier` frame follows when it is not normal
  client.on("joined_room", entered);
  client.on("message", received);
  client.on("confirm", (f) => f.entries.forEach((e) => log.place(e.user, e.id, { epoch: f.epoch, seq: e.seq })));
  client.on("gap", gap);
  client.on("typing", typing);
  client.on("read", (f) => f.marks.forEach((mark) => log.setMark(mark.user, mark.seq)));
  client.on("joined", (f) => personCame(f.user, f.users));
  client.on("left", (f) => personLeft(f.user, f.users));
  client.on("presence", (f) => showPeople(f.users));
  client.on("tier", showTier);
  client.on("drain", () => showBanner("This node is about to restart. You’ll be connected again automatically."));
  client.on("error", (f) => f.code === "hole" && console.warn(f.message));
  here();
  byId("message").focus();
}

let bannerTimer = null;

function showBanner(text, { kind = "warn", action, run } = {}) {
  clearTimeout(bannerTimer);
  byId("banner").hidden = !text;
  byId("banner").className = `strip ${kind}`;
  byId("banner-text").textContent = text ?? "";
  byId("banner-action").hidden = !action;
  byId("banner-action").textContent = action ?? "";
  byId("banner-action").onclick = run ?? null;
}

function showState({ state, delayMs, code, reason, attempt }) {
  const pill = byId("connection-state");
  const looks = {
    connecting: ["warn", attempt > 0 ? "Reconnecting…" : "Connecting…"],
    online: ["good", "Connected"],
    waiting: ["warn", navigator.onLine ? "Reconnecting…" : "Offline"],
    closed: ["bad", "Disconnected"],
  };
  const [kind, text] = looks[state];
  pill.className = `pill dot ${kind}`;
  pill.textContent = text;
  pill.dataset.state = state;
  if (state === "online") return showBanner(null);
  if (state === "waiting") {
    const why = !navigator.onLine ? "You are offline."
      : reason === "shed" || code === 4100 ? "This node is full right now."
      : code === 1012 ? "The node is restarting."
      : "The connection is lost.";
    const words = `${why} What you write is kept and sent as soon as it is back.`;
    const show = () => showBanner(words, { action: "Try now", run: () => client.reconnectNow() });
    if (delayMs === 0) bannerTimer = setTimeout(show, 400); // an instant reconnect needs no words
    else show();
  }
  if (state === "closed") {
    const [words, action] = CLOSED[code] ?? [`The connection was ended (${reason ?? code}).`, "Try again"];
    if (code === 4001) return ask(words, { token: true });
    showBanner(words, {
      kind: "bad", action, run() {
        if (code === 4005) client.renewDevice();
        here();
        client.connect();
      },
    });
  }
}

function showTier(frame) {
  const strip = byId("tier");
  strip.hidden = !frame || frame.tier === "normal";
  if (strip.hidden) return;
  const away = (frame.suspended ?? []).map((name) => FEATURES[name] ?? name);
  const pause = away.length > 0 ? ` Paused for now: ${names(away, away.length)}.` : "";
  strip.dataset.tier = frame.tier;
  strip.textContent = `This node is under load (${frame.tier}).${pause} Messages go on.`;
}

// ---- the log -------------------------------------------------------------------------------------------------------

let loading = false;
let complete = false;

function entered(frame) {
  const returning = log.size > 0 || complete;
  log.newEpochIfFirst?.(frame.epoch);
  if (!returning) loadHistory();
  refreshPeople();
  readUpToHere();
}

function gap(frame) {
  if (frame.inbox) return;
  if (frame.reason === "ahead") {
    log.clear();
    complete = false;
    loadHistory();
    return;
  }
  if (frame.reason === "epoch_changed") {
    log.newEpoch(frame.epoch);
    complete = true; // what is above belongs to the former history
    log.line("The room’s history began anew. What is above is kept on this page only.", frame.epoch, frame.next_seq);
    showHistoryLine();
    return;
  }
  log.line("Some messages in between are not kept any more.", frame.epoch, frame.next_seq);
}

function received(message) {
  typists.delete(message.user);
  showTypists();
  log.add([message]);
  readUpToHere();
  showUnread();
}

async function loadHistory() {
  if (loading || complete) return;
  loading = true;
  showHistoryLine();
  try {
    const answer = await here().page({ before: log.oldestSeq, limit: HISTORY_PAGE });
    complete = answer.complete || answer.messages.length === 0;
    log.add(answer.messages, { quiet: true });
  } catch {
    // The line below offers to load again.
  }
  loading = false;
  showHistoryLine();
  readUpToHere();
}

function showHistoryLine() {
  byId("history-text").textContent = loading ? "Loading earlier messages…"
    : !complete ? ""
    : log.size === 0 ? "Nobody has said anything here yet."
    : "This is the beginning of what is kept.";
  byId("history-more").hidden = loading || complete;
}

byId("history-more").addEventListener("click", loadHistory);

function scrolled() {
  if (byId("log-frame").scrollTop < 200 && log.size > 0 && client.state === "online") loadHistory();
  showUnread();
  readUpToHere();
}

function showUnread() {
  const pill = byId("new-pill");
  pill.hidden = log.atBottom;
  pill.textContent = log.unread === 0 ? "To the newest ↓"
    : log.unread === 1 ? "1 new message ↓"
    : `${log.unread} new messages ↓`;
  const unseen = document.visibilityState === "hidden" ? unseenWhileHidden() : 0;
  document.title = `${unseen > 0 ? `(${unseen}) ` : ""}${room} · Sluice`;
}

let seenSeq = 0;
const unseenWhileHidden = () => Math.max(0, log.newestSeq - seenSeq);

function readUpToHere() {
  if (document.visibilityState !== "visible" || !log.atBottom || log.newestSeq === 0) return;
  seenSeq = log.newestSeq;
  here().markRead(seenSeq);
}

document.addEventListener("visibilitychange", () => {
  if (!log) return;
  seenSeq = log.newestSeq;
  readUpToHere();
  showUnread();
});
byId("new-pill").addEventListener("click", () => {
  log.toBottom();
  byId("message").focus();
});

// ---- writing -------------------------------------------------------------------------------------------------------

const input = byId("message");
let answering = null; // seq that the next message replies to
let toldTypingAt = 0;

function fitInput() {
  input.style.height = "auto";
  input.style.height = `${input.scrollHeight + 2}px`;
}

function tellTyping(active) {
  const again = Date.now() - toldTypingAt > TYPING_AGAIN_MS;
  if (active ? !again : toldTypingAt === 0) return;
  toldTypingAt = active ? Date.now() : 0;
  here().typing(active);
}

input.addEventListener("input", () => {
  fitInput();
  tellTyping(input.value !== "");
});
input.addEventListener("blur", () => client && tellTyping(false));
input.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && answering !== null) return reply(null);
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  submit();
});
byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});

function submit() {
  const text = input.value;
  if (text.trim() === "") return;
  input.value = "";
  fitInput();
  tellTyping(false);
  transmit({ id: newId(), content: text, replyTo: answering ?? undefined });
  reply(null);
}

async function transmit(message) {
  log.addPending(message);
  try {
    const ack = await here().send(message.content, message);
    log.place(client.user, message.id, ack);
    readUpToHere();
    if (complete) showHistoryLine();
  } catch (error) {
    log.fail(message.id, NOT_SENT[error.code] ?? error.message);
  }
}

function retry(item) {
  transmit({ id: item.id, content: item.content, replyTo: item.replyTo });
}

function reply(item) {
  answering = item ? item.seq : null;
  byId("replying").hidden = !item;
  byId("replying-text").textContent = item ? `${item.user}: ${contentText(item.content)}` : "";
  if (item) input.focus();
}

byId("replying-end").addEventListener("click", () => {
  reply(null);
  input.focus();
});

// ---- who types -----------------------------------------------------------------------------------------------------

const typists = new Map(); // user -> timer

function typing({ user, typing: active }) {
  if (user === client.user) return;
  clearTimeout(typists.get(user));
  typists.delete(user);
  if (active) typists.set(user, setTimeout(() => typing({ user, typing: false }), TYPING_STALE_MS));
  showTypists();
}

function showTypists() {
  const who = [...typists.keys()];
  byId("typing").textContent = who.length === 0 ? "" : `${names(who)} ${who.length === 1 ? "is" : "are"} typing…`;
}

// ---- who is here ---------------------------------------------------------------------------------------------------

let people = new Map(); // user -> entry of the `users` frame
let peopleTimer = null;

/** Asks for the list: now, or soon when it was asked a moment ago. */
function refreshPeople() {
  if (peopleTimer !== null) return;
  peopleTimer = setTimeout(() => (peopleTimer = null), 3000);
  here().users().then((frame) => {
    people = new Map(frame.users.map((entry) => [entry.user, entry]));
    for (const entry of frame.users) log.setMark(entry.user, entry.read_seq);
    showPeople(frame.count);
  }, () => {}); // suspended or gone: the list stays as it is
}

function personCame(user, count) {
  if (!people.has(user)) people.set(user, { user, devices: [] });
  showPeople(count);
}

function personLeft(user, count) {
  people.delete(user);
  typing({ user, typing: false });
  showPeople(count);
}

/** Me first, then by name; `count` is the server's, of all. */
function showPeople(count) {
  const mine = (entry) => (entry.user === client.user ? 0 : 1);
  const sorted = [...people.values()].sort((a, b) => mine(a) - mine(b) || a.user.localeCompare(b.user));
  byId("users").replaceChildren(...sorted.slice(0, USERS_SHOWN).map(personItem));
  const more = count - Math.min(sorted.length, USERS_SHOWN);
  byId("users-more").textContent = more > 0 ? `and ${more} more` : "";
  byId("users-count").textContent = count;
  byId("people-toggle-text").textContent = `${count} here`;
}

function personItem({ user, devices }) {
  const extra = user === client.user ? "you" : devices.length > 1 ? `${devices.length} devices` : "";
  return el("li", { className: "person", "data-user": user },
    avatar(user),
    el("span", { className: "name", textContent: user, title: user }),
    el("span", { className: "extra", textContent: extra }));
}

function togglePeople(open) {
  byId("people").classList.toggle("open", open);
  byId("people-toggle").setAttribute("aria-expanded", String(open));
}

byId("people-toggle").addEventListener("click", () => togglePeople(!byId("people").classList.contains("open")));
document.addEventListener("keydown", (event) => event.key === "Escape" && togglePeople(false));

begin();
