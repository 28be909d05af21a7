/** One message as an element: who, when, what, and what can be done with it. */

import { avatar, el, timeElement } from "/assets/common.js";
import { t } from "/assets/texts.js";

const COPIED_MS = 1500; // the button says so for this long

/** What a message says, as text: content that is no string is shown as the JSON that it is. */
export function contentText(content) {
  return typeof content === "string" ? content : JSON.stringify(content, null, 2);
}

/** Text as nodes, in which addresses of http and https are links; nothing else ever becomes one. */
export function linked(text) {
  const nodes = [];
  let from = 0;
  for (const match of text.matchAll(/\bhttps?:\/\/[^\s<>"“”‘’「」『』（）。，、；！？]+/gi)) {
    const address = trimmed(match[0]);
    if (!URL.canParse(address)) continue;
    nodes.push(text.slice(from, match.index));
    nodes.push(el("a", {
      href: address, target: "_blank", rel: "noopener noreferrer nofollow", tabIndex: -1, textContent: address,
    }));
    from = match.index + address.length;
  }
  nodes.push(text.slice(from));
  return nodes.filter((node) => node !== "");
}

/** An address without what ends a sentence or a bracket around it. */
function trimmed(address) {
  for (;;) {
    const last = address.at(-1);
    const opens = { ")": "(", "]": "[" }[last];
    const isUnpaired = opens && address.split(last).length > address.split(opens).length;
    if (!isUnpaired && !".,;:!?'*".includes(last)) return address;
    address = address.slice(0, -1);
  }
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Not a secure context, or not allowed: the former way.
    const field = el("textarea", { value: text, className: "visually-hidden", readOnly: true });
    const before = document.activeElement;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    before?.focus();
    return done;
  }
}

/**
 * An item of the log for a `message` frame; its element and the parts that change later. `quote` gives the element for
 * `reply_to`; `onReply` is called for the button, which is there only with it.
 */
export function makeItem(message, { own, quote, onReply }) {
  const item = {
    user: message.user, id: message.id, ts: message.ts, content: message.content, replyTo: message.reply_to,
    seq: message.seq ?? Infinity, time: timeElement(message.ts), foot: el("div", { className: "foot" }),
  };
  const text = contentText(message.content);
  const bubble = el("div", { className: "bubble" });
  if (message.reply_to !== undefined) bubble.append(quote(message.reply_to));
  const kind = typeof message.content === "string" ? "body" : "body json";
  bubble.append(el("div", { className: kind, dir: "auto" }, typeof message.content === "string" ? linked(text) : text));
  item.actions = el("div", { className: "actions" });
  if (onReply) {
    const label = t("reply_to", { user: message.user, text: text.slice(0, 60) });
    item.reply = el("button", {
      type: "button", className: "reply", tabIndex: -1, textContent: t("reply"), "aria-label": label,
    });
    item.reply.addEventListener("click", () => onReply(item));
    item.reply.hidden = message.seq === undefined;
    item.actions.append(item.reply);
  }
  const copier = el("button", { type: "button", className: "copy", tabIndex: -1, textContent: t("copy") });
  copier.addEventListener("click", async () => {
    copier.textContent = t(await copy(text) ? "copied" : "copy_fail");
    setTimeout(() => (copier.textContent = t("copy")), COPIED_MS);
  });
  item.actions.append(copier);
  item.element = el("li", {
    className: `msg fade${own ? " own" : ""}${message.provisional ? " provisional" : ""}`, tabIndex: -1,
  },
    own ? null : avatar(message.user),
    el("div", { className: "who" }, el("strong", { textContent: message.user }), item.time),
    bubble, item.foot, item.actions);
  Object.assign(item.element.dataset, { user: message.user, id: message.id });
  if (message.seq !== undefined) Object.assign(item.element.dataset, { seq: message.seq, epoch: message.epoch });
  return item;
}

/** Shows another time for an item. */
export function setTime(item, ts) {
  item.ts = ts;
  const time = timeElement(ts);
  item.time.replaceWith(time);
  item.time = time;
}

/**
 * Makes a list of messages one stop of the Tab key: the arrows up and down, Home and End go from message to message,
 * right and left through what is in one, Escape back to it; Enter calls `onEnter` with the element.
 */
export class TabStop {
  #list;
  #stop = null; // the element that Tab reaches

  constructor(list, onEnter) {
    this.#list = list;
    list.addEventListener("focusin", (event) => this.#set(event.target.closest(".msg")));
    list.addEventListener("keydown", (event) => this.#pressed(event, onEnter));
  }

  /** Messages came or went: the stop is the newest one, unless the focus is on another. */
  settle() {
    if (this.#stop?.isConnected && this.#list.contains(document.activeElement)) return;
    this.#set([...this.#list.children].findLast((each) => each.classList.contains("msg")));
  }

  #set(element) {
    if (this.#stop === element) return;
    if (this.#stop) this.#stop.tabIndex = -1;
    this.#stop = element ?? null;
    if (element) element.tabIndex = 0;
  }

  #pressed(event, onEnter) {
    const message = event.target.closest(".msg");
    if (!message || event.altKey || event.ctrlKey || event.metaKey) return;
    const all = [...this.#list.querySelectorAll(":scope > .msg")];
    const parts = [message, ...message.querySelectorAll("a, button:not([hidden])")];
    const [at, part] = [all.indexOf(message), parts.indexOf(event.target)];
    const target = {
      ArrowUp: all[at - 1], ArrowDown: all[at + 1], Home: all[0], End: all.at(-1),
      ArrowRight: parts[part + 1], ArrowLeft: parts[part - 1], Escape: part > 0 ? message : undefined,
    }[event.key];
    if (event.key === "Enter" && part === 0) onEnter(message);
    else if (target) target.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
