/**
 * Private conversations: the direct messages of my inbox, sorted by the other person; what of them is unread; and the
 * earlier ones, read from the inbox page by page. One conversation is shown at a time, or none: then the room is.
 */

import { MessageLog } from "/assets/chatlog.js";
import { avatar, byId, el, remember } from "/assets/common.js";
import { newId } from "/client.js";
import { t } from "/assets/texts.js";

const INBOX_PAGE = 200; // messages read at a time
const RECEIVED_MAX = 1000; // messages of one conversation that may count as unread
const EPOCH = "inbox"; // of all messages here: they are ordered by their time, as the ack of one has no place of mine

const keyOf = (from, id) => `${from}\u0000${id}`;

/** What somebody and I wrote to each other. */
class Conversation {
  #known = new Set(); // author and id of each message

  constructor(peer, me, { retry, moved }) {
    Object.assign(this, { peer, newestAt: 0, live: false });
    this.received = []; // times of what the other wrote: {ts, live}
    this.list = el("ol", { className: "messages", "aria-label": t("private_with", { user: peer }) });
    this.note = el("span");
    this.more = el("button", { type: "button", className: "button plain compact", textContent: t("history_more") });
    this.frame = el("div", { className: "log private-log away", "data-peer": peer },
      el("p", { className: "history-line" }, this.note, " ", this.more), this.list);
    byId("log-frame").after(this.frame);
    this.log = new MessageLog(this.frame, this.list, me, { retry, moved });
  }

  /** Whether a direct message was new here. */
  add(frame, { live, mine }) {
    const key = keyOf(frame.from, frame.id);
    if (this.#known.has(key)) {
      if (!frame.provisional) this.confirm(frame.from, frame.id, frame.ts);
      return false;
    }
    this.#known.add(key);
    this.newestAt = Math.max(this.newestAt, frame.ts);
    if (!mine) this.received.push({ ts: frame.ts, live });
    if (this.received.length > RECEIVED_MAX) this.received.shift();
    const { from: user, id, content, message_type, ts, provisional } = frame;
    this.log.add([{ user, id, content, message_type, ts, provisional, epoch: EPOCH, seq: ts }], { quiet: !live });
    return true;
  }

  pending(message, me) {
    this.#known.add(keyOf(me, message.id));
    this.newestAt = Math.max(this.newestAt, Date.now());
    this.log.addPending(message);
  }

  confirm(user, id, ts) {
    if (!this.#known.has(keyOf(user, id))) return;
    this.log.place(user, id, ts === undefined ? {} : { epoch: EPOCH, seq: ts, ts });
  }
}

export class PrivateConversations {
  #client;
  #handlers; // {changed(): the list, its badges or what is shown; moved(); heard(frame); reasonOf(error): text}
  #all = new Map(); // peer -> Conversation
  #shown = null;
  #oldest; // seq of the inbox up to which history was read
  #history = "unread"; // "unread", "reading", "more", "whole" or "away"
  #since; // what came before this browser was first here is not unread

  constructor(client, handlers) {
    this.#client = client;
    this.#handlers = handlers;
    this.#since = Number(this.#stored("since")) || Date.now();
    remember("localStorage", this.#key("since"), String(this.#since));
    client.on("direct", (frame) => this.#received(frame, true));
    client.on("confirm", (frame) => frame.inbox && this.#confirmed(frame));
    client.on("gap", (frame) => frame.inbox && this.#shown?.log.line(t("private_gap"), EPOCH, Date.now()));
    // Another tab of mine has read them.
    addEventListener("storage", (event) => event.key?.startsWith(this.#key("read.")) && handlers.changed());
  }

  get shown() { return this.#shown; }
  get unread() { return [...this.#all.values()].reduce((sum, each) => sum + this.unreadOf(each.peer), 0); }
  /** Everybody I have a conversation with, the newest first. */
  get peers() { return [...this.#all.values()].filter((each) => each.newestAt > 0 || each === this.#shown)
    .sort((a, b) => b.newestAt - a.newestAt).map((each) => each.peer); }

  unreadOf(peer) {
    const conversation = this.#all.get(peer);
    const readAt = Number(this.#stored(`read.${peer}`)) || 0;
    return conversation?.received.filter(({ ts, live }) => ts > readAt && (live || ts > this.#since)).length ?? 0;
  }

  /** Shows the conversation with `peer`, or with null the room. */
  show(peer) {
    this.#shown?.frame.classList.add("away");
    this.#shown = peer === null ? null : this.#of(peer);
    this.#shown?.frame.classList.remove("away");
    byId("log-frame").classList.toggle("away", peer !== null);
    byId("private-head").hidden = peer === null;
    if (peer !== null) {
      byId("private-face").replaceChildren(avatar(peer));
      byId("private-peer").textContent = peer;
      this.#showHistoryLine();
    }
    this.#shown?.log.toBottom();
    this.lookedAt();
    this.#handlers.changed();
  }

  /** What is on the screen is read; so is what comes while it is. */
  lookedAt() {
    const conversation = this.#shown;
    if (!conversation?.log.atBottom || document.visibilityState !== "visible") return;
    if (this.unreadOf(conversation.peer) === 0) return;
    const newest = Math.max(...conversation.received.map(({ ts }) => ts));
    remember("localStorage", this.#key(`read.${conversation.peer}`), String(newest));
    this.#handlers.changed();
  }

  async send(content, peer, id = newId()) {
    const conversation = this.#of(peer);
    conversation.pending({ id, content }, this.#client.user);
    this.#showHistoryLine();
    try {
      const ack = await this.#client.direct(peer, content, { id });
      conversation.confirm(this.#client.user, id, ack.ts);
    } catch (error) {
      conversation.log.fail(id, this.#handlers.reasonOf(error));
    }
    this.#handlers.changed();
  }

  /** Reads the newest page of the inbox, or the one before what was read. */
  async load() {
    if (this.#history === "reading" || this.#history === "whole") return;
    this.#history = "reading";
    this.#showHistoryLine();
    try {
      const page = await this.#client.inbox.page({ before: this.#oldest, limit: INBOX_PAGE });
      for (const frame of page.messages) this.#received(frame, false);
      this.#oldest = page.messages.find((frame) => frame.seq !== undefined)?.seq ?? this.#oldest;
      this.#history = page.complete || page.messages.length === 0 ? "whole" : "more";
    } catch {
      this.#history = "away"; // the node is too old for that, or sheds it; the line offers to try again
    }
    this.#showHistoryLine();
    this.lookedAt();
    this.#handlers.changed();
  }

  #key(name) { return `sluice.private.${this.#client.user}.${name}`; }
  #stored(name) { return remember("localStorage", this.#key(name)); }

  #of(peer) {
    if (!this.#all.has(peer)) {
      const conversation = new Conversation(peer, this.#client.user, {
        retry: (item) => this.send(item.content, peer, item.id),
        moved: () => {
          this.lookedAt();
          this.#handlers.moved();
        },
      });
      conversation.more.addEventListener("click", () => this.load());
      this.#all.set(peer, conversation);
    }
    return this.#all.get(peer);
  }

  #received(frame, live) {
    const mine = frame.from === this.#client.user;
    const conversation = this.#of(mine ? frame.to : frame.from);
    const isNew = conversation.add(frame, { live, mine });
    if (!live) return;
    this.lookedAt();
    this.#handlers.changed();
    if (isNew && !mine) this.#handlers.heard(frame);
  }

  #confirmed(frame) {
    for (const { user, id } of frame.entries) for (const each of this.#all.values()) each.confirm(user, id);
  }

  #showHistoryLine() {
    const conversation = this.#shown;
    if (!conversation) return;
    conversation.note.textContent = this.#history === "reading" ? t("history_loading")
      : this.#history === "away" ? t("private_away")
      : this.#history !== "whole" ? ""
      : conversation.log.size === 0 ? t("private_empty")
      : t("history_begin");
    conversation.more.hidden = this.#history === "reading" || this.#history === "whole";
  }
}
