/** Beside the chat: the other rooms with how many are in, private conversations, and who is here. */

import { api, avatar, byId, chatAddress, count, el, names } from "/assets/common.js";
import { t } from "/assets/texts.js";

const USERS_SHOWN = 200; // names in the list; the count is always whole
const ROOMS_ASKED = 100;
const ROOMS_SHOWN = 40;
const ROOMS_EVERY_MS = 10000; // as a copy of the list may be five seconds old, more often shows little more
const TYPING_STALE_MS = 7000; // others' typing is forgotten after this

function badge(n) {
  if (n === 0) return null;
  return el("span", { className: "badge", role: "img", "aria-label": t("unread", { n }), textContent: count(n) });
}

// ---- rooms ---------------------------------------------------------------------------------------------------------

/**
 * Shows the rooms and their counts, again and again; without the right to read them nothing is shown. `known` hears of
 * the current room as the list has it, and says how many are in, where the page knows that better.
 */
export function showRooms(current, user, known) {
  let timer = null;
  const run = async () => {
    clearTimeout(timer);
    if (document.visibilityState !== "visible") return;
    try {
      const { rooms } = await api(`/api/rooms?limit=${ROOMS_ASKED}`);
      const mine = rooms.find((each) => each.id === current);
      if (mine) mine.users = known(mine) ?? mine.users;
      listRooms(rooms, current, user);
    } catch (error) {
      if (error.status === 401 || error.status === 403) return; // not ours to see: never asked again
    }
    timer = setTimeout(run, ROOMS_EVERY_MS);
  };
  document.addEventListener("visibilitychange", () => timer !== null && run());
  run();
}

function listRooms(rooms, current, user) {
  const rank = (room) => (room.id === current ? Infinity : room.users);
  const shown = [...rooms].sort((a, b) => rank(b) - rank(a) || a.id.localeCompare(b.id)).slice(0, ROOMS_SHOWN);
  const focused = document.activeElement?.closest("[data-room]")?.dataset.room;
  byId("room-list").replaceChildren(...shown.map((room) => {
    const title = room.name ? `${room.name} · ${room.id}` : room.id;
    const link = el("a", { href: chatAddress(room.id, user), title },
      el("span", { className: "name", textContent: room.name || room.id }),
      el("span", { className: "extra number", textContent: room.users > 0 ? count(room.users) : "" }));
    if (room.id === current) link.setAttribute("aria-current", "page");
    return el("li", { "data-room": room.id, className: room.users > 0 ? "live" : "" }, link);
  }));
  if (focused !== undefined) {
    [...byId("room-list").children].find((each) => each.dataset.room === focused)?.firstElementChild.focus();
  }
  byId("rooms-side").hidden = byId("rooms-toggle").hidden = false;
}

// ---- people --------------------------------------------------------------------------------------------------------

export class People {
  #me;
  #conversations;
  #people = new Map(); // user -> entry of the `users` frame
  #count = 0;
  #typists = new Map(); // user -> timer

  constructor(me, conversations) {
    this.#me = me;
    this.#conversations = conversations;
  }

  /** How many are here; 0 before that is known. */
  get count() { return this.#count; }

  /** Takes a `users` frame. */
  set({ users, count: total }) {
    this.#people = new Map(users.map((entry) => [entry.user, entry]));
    this.show(total);
  }

  came(user, total) {
    if (!this.#people.has(user)) this.#people.set(user, { user, devices: [] });
    this.show(total);
  }

  left(user, total) {
    this.#people.delete(user);
    this.typing(user, false);
    this.show(total);
  }

  /** Me first, then by name; `total` is the server's, of all. */
  show(total = this.#count) {
    this.#count = total;
    const focused = document.activeElement?.closest("#users [data-user], #private-list [data-peer]")?.dataset;
    const mine = (entry) => (entry.user === this.#me ? 0 : 1);
    const sorted = [...this.#people.values()].sort((a, b) => mine(a) - mine(b) || a.user.localeCompare(b.user));
    byId("users").replaceChildren(...sorted.slice(0, USERS_SHOWN).map((entry) => this.#item(entry)));
    const more = total - Math.min(sorted.length, USERS_SHOWN);
    byId("users-more").textContent = more > 0 ? t("and_more", { n: count(more) }) : "";
    byId("users-count").textContent = count(total);
    const room = document.querySelector("#room-list [aria-current] .extra");
    if (room) room.textContent = count(total);
    byId("people-toggle-text").textContent = t("here_count", { n: count(total) });
    const { peers, unread } = this.#conversations;
    byId("private-part").hidden = peers.length === 0;
    byId("private-list").replaceChildren(...peers.map((peer) => {
      const button = this.#button(peer, badge(this.#conversations.unreadOf(peer)));
      return el("li", { "data-peer": peer }, button);
    }));
    byId("people-toggle-badge").replaceChildren(...[badge(unread)].filter(Boolean));
    if (focused) {
      const list = focused.peer === undefined ? byId("users") : byId("private-list");
      const same = (each) => each.dataset.user === focused.user && each.dataset.peer === focused.peer;
      [...list.children].find(same)?.querySelector("button")?.focus();
    }
  }

  #item({ user, devices }) {
    const isMe = user === this.#me;
    const extra = el("span", {
      className: "extra",
      textContent: isMe ? t("you") : devices.length > 1 ? t("device_count", { n: devices.length }) : "",
    });
    const name = el("span", { className: "name", textContent: user, title: user });
    const content = isMe ? el("span", { className: "person" }, avatar(user), name, extra)
      : this.#button(user, badge(this.#conversations.unreadOf(user)) ?? extra);
    return el("li", { "data-user": user }, content);
  }

  /** The way into the private conversation with somebody. */
  #button(user, extra) {
    const button = el("button", { type: "button", className: "person", title: t("private_open", { user }) },
      avatar(user), el("span", { className: "name", textContent: user }), extra);
    if (this.#conversations.shown?.peer === user) button.setAttribute("aria-current", "true");
    button.addEventListener("click", () => (location.hash = `with=${encodeURIComponent(user)}`));
    return button;
  }

  // ---- who types -------------------------------------------------------------------------------------------------

  typing(user, active) {
    if (user === this.#me) return;
    clearTimeout(this.#typists.get(user));
    this.#typists.delete(user);
    if (active) this.#typists.set(user, setTimeout(() => this.typing(user, false), TYPING_STALE_MS));
    this.showTypists();
  }

  showTypists() {
    const who = this.#conversations.shown ? [] : [...this.#typists.keys()];
    byId("typing").textContent = who.length === 0 ? "" : t("typing", { users: names(who), count: who.length });
  }
}
