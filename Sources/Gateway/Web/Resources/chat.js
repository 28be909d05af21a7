/** The chat page: one room, one user, the browser client, and what is on the screen. */

import { Sluice, identifierProblem, newId } from "/client.js";
import { MessageLog } from "/assets/chatlog.js";
import { byId, chatAddress, el, remember } from "/assets/common.js";
import { contentText } from "/assets/message.js";
import {
  closedWords, notify, offerNotifications, showBanner, showMode, showState, showTier, showWaiting,
} from "/assets/notices.js";
import { PrivateConversations } from "/assets/private.js";
import { People, showRooms } from "/assets/side.js";
import { hasText, inLanguage, problemText, t, translate } from "/assets/texts.js";

const HISTORY_PAGE = 50; // messages loaded at a time
const TYPING_AGAIN_MS = 3000; // my typing is told anew after this
const PEOPLE_AGAIN_MS = 3000; // the list of people is asked for at most this often
const HEARD_MAX = 20; // messages kept for who hears the page

const address = new URL(location.href);
const room = decodeRoom();
let title = room; // the room's own, once it is known
let client = null;
let log = null;
let people = null;
let conversations = null;
let isOut = false; // the room has let me go; only my own click enters it anew

function decodeRoom() {
  try {
    return decodeURIComponent(address.pathname.replace(/^\/chat\//, ""));
  } catch {
    return ""; // not percent-encoding: no room has such a name
  }
}

// ---- who am I ------------------------------------------------------------------------------------------------------

function begin() {
  translate();
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
  const problem = problemText(identifierProblem(room));
  if (problem) return ask(t("room_problem", { problem }));
  if (!user) return ask();
  const wrong = problemText(identifierProblem(user));
  if (wrong) return ask(t("name_problem", { problem: wrong }));
  start(user);
}

function ask(note, { token = false } = {}) {
  byId("chat").hidden = byId("people-toggle").hidden = byId("rooms-toggle").hidden = byId("notify").hidden = true;
  byId("join").hidden = false;
  byId("join-title").textContent = t("join_what", { room: room || t("a_room") });
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
  const problem = problemText(identifierProblem(user));
  if (problem) return ask(t("name_problem", { problem }), { token: !byId("token-field").hidden });
  if (!byId("token-field").hidden) remember("sessionStorage", "sluice.token", byId("join-token").value.trim() || null);
  remember("localStorage", "sluice.user", user);
  if (identifierProblem(room)) return location.assign(inLanguage("/"));
  location.assign(chatAddress(room, user));
});

// ---- the connection ------------------------------------------------------------------------------------------------

/** The page's room, which is entered anew after it was deleted. */
const here = () => client.room(room);

function start(user) {
  remember("localStorage", "sluice.user", user);
  byId("join").hidden = true;
  byId("chat").hidden = byId("people-toggle").hidden = false;
  log = new MessageLog(byId("log-frame"), byId("messages"), user, { reply, retry, moved: scrolled });
  client = new Sluice({ user, token: () => remember("sessionStorage", "sluice.token") });
  conversations = new PrivateConversations(client, {
    changed() {
      people.show();
      showUnread();
    },
    moved: showUnread, reasonOf, heard: heardPrivately,
  });
  people = new People(user, conversations);
  client.on("state", stateChanged);
  client.on("welcome", welcomed);
  client.on("joined_room", entered);
  client.on("left_room", thrownOut);
  client.on("message", received);
  client.on("confirm", confirmed);
  client.on("gap", gap);
  client.on("typing", (f) => people.typing(f.user, f.typing));
  client.on("read", (f) => f.marks.forEach((mark) => log.setMark(mark.user, mark.seq)));
  client.on("joined", (f) => people.came(f.user, f.users));
  client.on("left", (f) => people.left(f.user, f.users));
  client.on("presence", (f) => people.show(f.users));
  client.on("tier", (f) => showTier(f, client.welcome.limits?.message_bytes));
  client.on("mode", (f) => showMode(f.mode));
  client.on("drain", () => showBanner(t("will_restart")));
  client.on("error", failed);
  here();
  showTitle();
  showRooms(room, user, (listed) => {
    if (listed.name) title = listed.name;
    showTitle();
    return people.count || null;
  });
  offerNotifications();
  showConversation();
  addEventListener("hashchange", showConversation);
  byId("message").focus();
}

function welcomed(frame) {
  showTier(null); // a `tier` frame follows when it is not normal
  showMode(frame.mode);
  conversations.load();
}

function failed(frame) {
  if (frame.code === "hole") console.warn(frame.message);
}

function stateChanged(change) {
  showState(change);
  const { state, code } = change;
  if (state === "online") return showBanner(null);
  if (state === "waiting") showWaiting(change, () => client.reconnectNow());
  if (state !== "closed") return;
  const [words, action] = closedWords(change);
  if (code === 4001) return ask(words, { token: true });
  showBanner(words, {
    kind: "bad", action, run() {
      if (code === 4005) client.renewDevice();
      here();
      client.connect();
    },
  });
}

/** The room has let me go, and the connection stays; where it ends as well, its close has the last word. */
function thrownOut({ reason }) {
  if (!hasText(`room_${reason}`)) return;
  setOut(true);
  showBanner(t(`room_${reason}`), {
    kind: "bad", action: t(reason === "deleted" ? "open_again" : "enter_again"), run() {
      showBanner(null);
      here();
    },
  });
}

/** Whoever was put out must not be back by a key that they press. */
function setOut(out) {
  isOut = out;
  input.disabled = byId("send").disabled = out && !conversations.shown;
}

function showTitle() {
  byId("room-title").textContent = byId("room-title").title = title;
  const me = t("you_are", { user: client.user });
  byId("room-note").textContent = title === room ? me : `${room} · ${me}`;
  byId("private-back").textContent = `← ${t("private_back", { room: title })}`;
}

// ---- the log -------------------------------------------------------------------------------------------------------

let loading = false;
let complete = false;

function entered(frame) {
  if (frame.name) title = frame.name;
  setOut(false);
  showTitle();
  showBanner(null);
  if (log.size === 0 && !complete) loadHistory();
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
    log.line(t("epoch_changed"), frame.epoch, frame.next_seq);
    showHistoryLine();
    return;
  }
  log.line(t("gap"), frame.epoch, frame.next_seq);
}

function confirmed({ inbox, epoch, entries }) {
  if (!inbox) for (const { user, id, seq } of entries) log.place(user, id, { epoch, seq });
}

function received(message) {
  people.typing(message.user, false);
  log.add([message]);
  readUpToHere();
  showUnread();
  const text = contentText(message.content);
  if (!conversations.shown) hear(message.user, text);
  notify(`${message.user} · ${title}`, text, `room ${room}`, () => (location.hash = ""));
}

/** Reads out what somebody wrote, for who hears the page: the list itself is silent, as it loads old messages, too. */
function hear(user, text) {
  const said = byId("heard");
  said.append(el("p", { textContent: t("says", { user, text }) }));
  if (said.childElementCount > HEARD_MAX) said.firstElementChild.remove();
}

async function loadHistory() {
  if (loading || complete || isOut) return;
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
  byId("history-text").textContent = loading ? t("history_loading")
    : !complete ? ""
    : log.size === 0 ? t("history_empty")
    : t("history_begin");
  byId("history-more").hidden = loading || complete;
}

byId("history-more").addEventListener("click", loadHistory);

function scrolled() {
  if (byId("log-frame").scrollTop < 200 && log.size > 0 && client.state === "online") loadHistory();
  showUnread();
  readUpToHere();
}

/** What is new: below the fold, in other conversations, and in the title while the page is hidden. */
function showUnread() {
  const current = conversations.shown?.log ?? log;
  const pill = byId("new-pill");
  pill.hidden = current.atBottom;
  pill.textContent = current.unread === 0 ? t("to_newest") : t("new_messages", { n: current.unread });
  const unseen = (document.visibilityState === "hidden" ? unseenWhileHidden() : 0) + conversations.unread;
  document.title = `${unseen > 0 ? `(${unseen}) ` : ""}${conversations.shown?.peer ?? title} · Sluice`;
}

let seenSeq = 0;
const unseenWhileHidden = () => Math.max(0, log.newestSeq - seenSeq);

function readUpToHere() {
  const isSeen = document.visibilityState === "visible" && !conversations.shown && log.atBottom;
  if (!isSeen || isOut || log.newestSeq === 0) return;
  seenSeq = log.newestSeq;
  here().markRead(seenSeq);
}

document.addEventListener("visibilitychange", () => {
  if (!log) return;
  seenSeq = log.newestSeq;
  readUpToHere();
  conversations.lookedAt();
  showUnread();
});
byId("new-pill").addEventListener("click", () => {
  (conversations.shown?.log ?? log).toBottom();
  byId("message").focus();
});

// ---- private conversations -----------------------------------------------------------------------------------------

const drafts = new Map(); // peer, or null for the room -> what stands in the field

/** The address says which conversation is shown: `#with=NAME`, else the room. So the browser's way back leads back. */
function showConversation() {
  const wanted = new URLSearchParams(location.hash.slice(1)).get("with");
  const peer = wanted !== null && identifierProblem(wanted) === null ? wanted : null;
  const before = conversations.shown?.peer ?? null;
  if (peer === before) return;
  tellTyping(false);
  reply(null);
  drafts.set(before, input.value);
  input.value = drafts.get(peer) ?? "";
  input.placeholder = peer === null ? t("write") : t("write_to", { user: peer });
  fitInput();
  conversations.show(peer);
  setOut(isOut);
  people.showTypists();
  openSide(null);
  readUpToHere();
  input.focus();
}

byId("private-back").addEventListener("click", () => (location.hash = ""));

function heardPrivately({ from, content }) {
  const text = contentText(content);
  hear(t("notify_private", { user: from }), text);
  notify(t("notify_private", { user: from }), text, `private ${from}`, () => {
    location.hash = `with=${encodeURIComponent(from)}`;
  });
}

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
  if (isOut || (active ? !again : toldTypingAt === 0)) return;
  toldTypingAt = active ? Date.now() : 0;
  here().typing(active);
}

input.addEventListener("input", () => {
  fitInput();
  if (!conversations.shown) tellTyping(input.value !== "");
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
  if (conversations.shown) return conversations.send(text, conversations.shown.peer);
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
    log.fail(message.id, reasonOf(error));
  }
}

/** Why a message was not sent, in words. */
function reasonOf({ code, message }) {
  return hasText(`fail_${code}`) ? t(`fail_${code}`) : message;
}

function retry(item) {
  transmit({ id: item.id, content: item.content, replyTo: item.replyTo });
}

function reply(item) {
  answering = item ? item.seq : null;
  byId("replying").hidden = !item;
  byId("replying-text").textContent = item ? t("says", { user: item.user, text: contentText(item.content) }) : "";
  if (item) input.focus();
}

byId("replying-end").addEventListener("click", () => {
  reply(null);
  input.focus();
});

// ---- what stands beside it -----------------------------------------------------------------------------------------

let peopleTimer = null;

/** Asks for the list: now, or soon when it was asked a moment ago. */
function refreshPeople() {
  if (peopleTimer !== null) return;
  peopleTimer = setTimeout(() => (peopleTimer = null), PEOPLE_AGAIN_MS);
  here().users().then((frame) => {
    for (const entry of frame.users) log.setMark(entry.user, entry.read_seq);
    people.set(frame);
  }, () => {}); // suspended or gone: the list stays as it is
}

/** On a narrow screen one side at most is open: "people", "rooms" or null. */
function openSide(side) {
  for (const [name, id] of [["people", "people"], ["rooms", "rooms-side"]]) {
    byId(id).classList.toggle("open", name === side);
    byId(`${name}-toggle`).setAttribute("aria-expanded", String(name === side));
  }
}

for (const [name, id] of [["people", "people"], ["rooms", "rooms-side"]]) {
  byId(`${name}-toggle`).addEventListener("click", () => openSide(byId(id).classList.contains("open") ? null : name));
}
document.addEventListener("keydown", (event) => event.key === "Escape" && openSide(null));

begin();
