/**
 * The list of messages on the chat page: one element per message, ordered by (epoch, seq), with what has no place yet
 * at the end. It knows nothing of the connection. Bounded: `ITEMS_MAX` elements while the reader is at the end.
 */

import { avatar, dayText, el, names } from "/assets/common.js";
import { TabStop, contentText, makeItem, setTime } from "/assets/message.js";
import { t } from "/assets/texts.js";

const ITEMS_MAX = 800; // elements kept; older ones can be loaded again
const GROUP_MS = 5 * 60 * 1000; // messages of one person closer than this share one heading
const STICK_PX = 48; // this near to the end counts as being there
const SEEN_MAX = 6; // faces under one message

const keyOf = (user, id) => `${user}\u0000${id}`;

/** Order of items: by epoch and seq; what has no seq yet comes last, in the order of its coming. */
function comesAfter(a, b) {
  if (a.seq === Infinity) return b.seq !== Infinity;
  return b.seq !== Infinity && (a.epoch - b.epoch || a.seq - b.seq) > 0;
}

const dayOf = (ts) => new Date(ts).toDateString();

export class MessageLog {
  #frame; // scrolls
  #list; // holds the elements
  #me;
  #handlers; // {reply(item)?, retry(item), moved()}
  #items = []; // {element, epoch (index), seq, user, id, ts, content, ...}, in the order shown
  #byKey = new Map(); // user and id -> item
  #epochs = []; // names of epochs, oldest first
  #marks = new Map(); // user -> seq read, in the current epoch
  #seenScheduled = false;
  #tabStop;
  #stick = true; // the reader is at the end, and stays there
  #top = 0; // where the frame was scrolled to when that was last looked at
  unread = 0;

  constructor(frame, list, me, handlers) {
    this.#frame = frame;
    this.#list = list;
    this.#me = me;
    this.#handlers = handlers;
    this.#tabStop = new TabStop(list, (element) => {
      handlers.reply?.(this.#items.find((item) => item.element === element && item.seq !== Infinity) ?? null);
    });
    frame.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    new ResizeObserver(() => {
      this.#look();
      if (this.#stick) this.toBottom();
    }).observe(frame);
  }

  get atBottom() { return this.#stick; }
  get size() { return this.#items.length; }
  get #epoch() { return this.#epochs.length - 1; }

  /** The oldest seq shown of the current epoch, or undefined. */
  get oldestSeq() {
    return this.#items.find((item) => this.#isPlaced(item))?.seq;
  }

  /** The newest seq shown of the current epoch, or 0. */
  get newestSeq() {
    return this.#items.findLast((item) => this.#isPlaced(item))?.seq ?? 0;
  }

  /** Whether an item is a message with a place in the current epoch. */
  #isPlaced(item) {
    return item.epoch === this.#epoch && item.id !== undefined && item.seq !== Infinity;
  }

  /** Shows `message` frames; what is there already stays. History comes through here too. */
  add(messages, { quiet = false } = {}) {
    if (quiet) this.#list.setAttribute("aria-busy", "true"); // old messages are not read out
    this.#keepingPlace(() => {
      for (const message of messages) this.#addOne(message, quiet);
    });
    if (quiet) this.#list.removeAttribute("aria-busy");
    this.#scheduleSeen();
  }

  /** Shows a message of mine that waits for its ack. */
  addPending({ id, content, replyTo }) {
    const known = this.#byKey.get(keyOf(this.#me, id));
    if (known) return this.#setState(known, "pending");
    const item = this.#makeItem({ user: this.#me, id, content, reply_to: replyTo, ts: Date.now() });
    this.#setState(item, "pending");
    this.#stick = true;
    this.#keepingPlace(() => this.#insert(item));
  }

  /** Gives a message its place: `place` is {epoch, seq, ts?}. */
  place(user, id, place) {
    const item = this.#byKey.get(keyOf(user, id));
    if (!item) return;
    this.#keepingPlace(() => {
      this.#setState(item, "");
      item.element.classList.remove("provisional", "fade");
      if (place.ts !== undefined) setTime(item, place.ts);
      if (place.seq === undefined) return; // kept by the node, its place comes with `confirm`
      this.#remove(item);
      item.epoch = this.#epochIndex(place.epoch);
      item.seq = place.seq;
      item.element.dataset.seq = place.seq;
      item.element.dataset.epoch = place.epoch;
      this.#byKey.set(keyOf(user, id), item);
      this.#insert(item);
    });
    this.#scheduleSeen();
  }

  /** Marks a message of mine as not sent, with the reason and a way to try again. */
  fail(id, reason) {
    const item = this.#byKey.get(keyOf(this.#me, id));
    if (item) this.#keepingPlace(() => this.#setState(item, "failed", reason));
  }

  /** One line of the page itself, before `beforeSeq` of `epoch`. */
  line(text, epoch, beforeSeq) {
    const element = el("li", { className: "log-line" }, el("span", { textContent: text }));
    this.#keepingPlace(() => this.#insert({ element, epoch: this.#epochIndex(epoch), seq: beforeSeq - 0.5 }));
  }

  /** Starts a new epoch: read marks belong to the old one. */
  newEpoch(epoch) {
    this.#epochIndex(epoch);
    this.#marks.clear();
    this.#scheduleSeen();
  }

  clear() {
    this.#items = [];
    this.#byKey.clear();
    this.#marks.clear();
    this.#list.replaceChildren();
    this.#stick = true;
  }

  setMark(user, seq) {
    if (user === this.#me || !(seq > (this.#marks.get(user) ?? 0))) return;
    this.#marks.set(user, seq);
    this.#scheduleSeen();
  }

  toBottom() {
    this.#frame.scrollTop = this.#frame.scrollHeight;
    this.#scrolled();
  }

  /** Brings the message with this seq into view, when it is shown. */
  reveal(seq) {
    const item = this.#items.find((each) => each.epoch === this.#epoch && each.seq === seq);
    if (!item) return;
    item.element.scrollIntoView({ block: "center" });
    item.element.classList.add("flash");
    setTimeout(() => item.element.classList.remove("flash"), 1500);
  }

  // ---- order -----------------------------------------------------------------------------------------------------

  #addOne(message, quiet) {
    const known = this.#byKey.get(keyOf(message.user, message.id));
    if (known) {
      if (known.seq === Infinity) return this.place(message.user, message.id, message);
      // The same id at another place of the same epoch is another message: its sender used the id anew.
      if (this.#epochs[known.epoch] !== message.epoch || known.seq === message.seq) return;
    }
    const item = this.#makeItem(message);
    const last = this.#insert(item);
    if (last && !quiet && message.user !== this.#me && !this.#stick) this.unread += 1;
    if (this.#stick && this.#items.length > ITEMS_MAX) this.#remove(this.#items[0]);
  }

  #epochIndex(epoch) {
    if (epoch === undefined) return Math.max(0, this.#epoch);
    let index = this.#epochs.indexOf(epoch);
    if (index < 0) index = this.#epochs.push(epoch) - 1;
    return index;
  }

  /** Puts an item at its place; true when that is the end. */
  #insert(item) {
    let index = this.#items.length;
    while (index > 0 && comesAfter(this.#items[index - 1], item)) index -= 1;
    const next = this.#items[index];
    this.#list.insertBefore(item.element, next?.day ?? next?.element ?? null);
    this.#items.splice(index, 0, item);
    this.#head(index);
    this.#head(index + 1);
    this.#tabStop.settle();
    return index === this.#items.length - 1;
  }

  #remove(item) {
    const index = this.#items.indexOf(item);
    if (index < 0) return;
    this.#items.splice(index, 1);
    item.element.remove();
    item.day?.remove();
    item.day = undefined;
    const key = keyOf(item.user, item.id);
    if (this.#byKey.get(key) === item) this.#byKey.delete(key);
    this.#head(index);
    this.#tabStop.settle();
  }

  /**
   * A message gets a heading when the one before it is another's, or long ago; and a line with its day when that one is
   * of another day, or it is the first and not of today.
   */
  #head(index) {
    const item = this.#items[index];
    if (item?.id === undefined) return;
    const before = this.#items[index - 1];
    const day = dayOf(item.ts);
    const said = this.#items.findLast((each, at) => at < index && each.ts !== undefined);
    const newDay = day !== dayOf(said?.ts ?? Date.now());
    const first = !before || before.id === undefined || before.user !== item.user || item.ts - before.ts > GROUP_MS;
    item.element.classList.toggle("first", first || newDay);
    if (newDay && item.day?.dataset.day !== day) {
      item.day?.remove();
      item.day = el("li", { className: "day-line" }, el("span", { textContent: dayText(item.ts) }));
      item.day.dataset.day = day;
    }
    if (newDay) item.element.before(item.day);
    else item.day?.remove();
    if (!newDay) item.day = undefined;
  }

  // ---- elements --------------------------------------------------------------------------------------------------

  #makeItem(message) {
    const { reply } = this.#handlers;
    const item = makeItem(message, {
      own: message.user === this.#me, onReply: reply, quote: (seq) => this.#quote(seq),
    });
    item.epoch = this.#epochIndex(message.epoch);
    this.#byKey.set(keyOf(item.user, item.id), item);
    return item;
  }

  #quote(seq) {
    const item = this.#items.find((each) => each.epoch === this.#epoch && each.seq === seq && each.id !== undefined);
    const text = item
      ? t("says", { user: item.user, text: contentText(item.content).slice(0, 140) }) : t("in_reply_to", { seq });
    const quote = el("button", { type: "button", className: "quote", tabIndex: -1, textContent: text });
    quote.addEventListener("click", () => this.reveal(seq));
    return quote;
  }

  /** "" (committed), "pending" or "failed". */
  #setState(item, state, reason = "") {
    item.element.classList.toggle("pending", state === "pending");
    item.element.classList.toggle("failed", state === "failed");
    item.element.dataset.state = state || "sent";
    if (item.reply) item.reply.hidden = state !== "";
    item.foot.replaceChildren();
    item.seen = "";
    if (state === "pending") item.foot.append(t("sending"));
    if (state !== "failed") return;
    const again = el("button", { type: "button", tabIndex: -1, textContent: t("try_again") });
    again.addEventListener("click", () => this.#handlers.retry(item));
    item.foot.append(`${t("not_sent", { reason })} `, again);
  }

  /** Puts each reader's face under the last message of mine that they have read. */
  #scheduleSeen() {
    if (this.#seenScheduled) return;
    this.#seenScheduled = true;
    setTimeout(() => {
      this.#seenScheduled = false;
      this.#keepingPlace(() => this.#showSeen());
    }, 50);
  }

  #showSeen() {
    const mine = this.#items.filter((item) => item.user === this.#me && this.#isPlaced(item));
    const readers = new Map();
    for (const [user, seq] of this.#marks) {
      const item = mine.findLast((each) => each.seq <= seq);
      if (item) readers.set(item, [...(readers.get(item) ?? []), user]);
    }
    for (const item of mine) {
      const users = readers.get(item) ?? [];
      const now = users.join("\u0000");
      if (item.seen === now) continue;
      item.seen = now;
      item.foot.querySelector(".seen")?.remove();
      if (users.length === 0) continue;
      const label = t("read_by", { users: names(users, SEEN_MAX) });
      const faces = users.slice(0, SEEN_MAX).map((user) => avatar(user, "tiny"));
      if (users.length > SEEN_MAX) faces.push(`+${users.length - SEEN_MAX}`);
      item.foot.append(el("span", { className: "seen", role: "img", title: label, "aria-label": label }, faces));
    }
  }

  // ---- scrolling -------------------------------------------------------------------------------------------------

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#frame;
    this.#top = scrollTop;
    this.#stick = scrollHeight - scrollTop - clientHeight < STICK_PX;
    if (this.#stick) this.unread = 0;
    this.#handlers.moved();
  }

  /** Takes note of scrolling whose event is still to come: a change in between must not undo it. */
  #look() {
    if (this.#frame.scrollTop !== this.#top) this.#scrolled();
  }

  /** Runs a change so that the reader stays at the end, or keeps seeing the same message at the same height. */
  #keepingPlace(change) {
    this.#look();
    if (this.#stick) {
      change();
      this.toBottom();
      return;
    }
    const top = this.#frame.getBoundingClientRect().top;
    const anchor = this.#items.find((item) => item.element.getBoundingClientRect().bottom > top)?.element;
    const before = anchor?.getBoundingClientRect().top;
    change();
    if (anchor?.isConnected) this.#frame.scrollTop += anchor.getBoundingClientRect().top - before;
    this.#top = this.#frame.scrollTop;
    this.#handlers.moved();
  }
}
