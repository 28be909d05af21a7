/** What the pages share: elements without markup strings, the API with its key, names, numbers and times as text. */

import { inLanguage, locale, t } from "/assets/texts.js";

/** Makes an element. `properties` are DOM properties; keys with a dash and "role" are attributes. Text stays text. */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.includes("-") || name === "role") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** The same for SVG, where everything is an attribute. */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export const byId = (id) => document.getElementById(id);

/** Storage that may be forbidden: then nothing is remembered. */
export function remember(storage, key, value) {
  try {
    if (value === undefined) return window[storage].getItem(key);
    if (value === null) window[storage].removeItem(key);
    else window[storage].setItem(key, value);
  } catch {
    return null;
  }
  return value;
}

/** An answer of the API that is not a success; `status` 0 when the node could not be reached. */
export class ApiError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Calls the API with the key of this tab, when there is one. Resolves with the parsed body; rejects with ApiError. */
export async function api(path, { method = "GET", body, timeoutMs = 8000 } = {}) {
  const headers = {};
  const key = remember("sessionStorage", "sluice.apiKey");
  if (key) headers["X-API-Key"] = key;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, {
      method, headers, body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store", signal: AbortSignal.timeout(timeoutMs),
    });
  } catch {
    throw new ApiError(0, "unreachable", t("unreachable"));
  }
  const answer = await response.json().catch(() => null);
  if (response.ok) return answer;
  const { code = "error", message = `Status ${response.status}` } = answer?.error ?? {};
  throw new ApiError(response.status, code, message);
}

/**
 * Runs the form with the id `key-form`: shows it when the API wants a key, and calls `retry` once one was given.
 * Returns a function that takes an error and says whether it was about the key.
 */
export function keyForm(retry) {
  const form = byId("key-form");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    remember("sessionStorage", "sluice.apiKey", form.elements.key.value.trim() || null);
    form.hidden = true;
    retry();
  });
  return (error) => {
    if (error.status !== 401 && error.status !== 403) return false;
    const had = remember("sessionStorage", "sluice.apiKey");
    byId("key-note").textContent = error.status === 403
      ? t("key_local") : t(had ? "key_wrong" : "key_wanted");
    if (form.hidden) {
      form.hidden = false;
      if (document.activeElement === document.body) form.elements.key.focus();
    }
    return true;
  };
}

/** Calls `work` now and then `everyMs` after each end; pauses while the page is hidden. Returns a function: run now. */
export function poll(work, everyMs) {
  let timer = null;
  let running = false;
  const run = async () => {
    clearTimeout(timer);
    if (running) return;
    running = true;
    await work();
    running = false;
    if (document.visibilityState === "visible") timer = setTimeout(run, everyMs);
  };
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && run());
  run();
  return run;
}

/** A round badge with a name's first letters; its colour is the name's own. */
export function avatar(name, size = "") {
  const letters = [...name.trim()];
  const second = name.trim().split(/[\s._-]+/)[1];
  const text = (letters[0] ?? "?") + (second ? [...second][0] ?? "" : letters[1] ?? "");
  let hash = 0;
  for (const character of name) hash = (hash * 31 + character.codePointAt(0)) >>> 0;
  const shown = size ? letters[0] ?? "?" : text.toUpperCase();
  return el("span", { className: `avatar hue${hash % 8} ${size}`, "aria-hidden": "true", textContent: shown });
}

const plain = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
const short = new Intl.NumberFormat(locale, { notation: "compact", maximumFractionDigits: 1 });

/** 1,234 or 0.4; from a million on 1.2M. */
export function count(value) {
  if (typeof value !== "number") return "–";
  if (Math.abs(value) >= 1e6) return short.format(value);
  return (Math.abs(value) < 10 && value % 1 ? fine : plain).format(value);
}

export function bytes(value) {
  if (typeof value !== "number") return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let step = 0;
  while (value >= 1024 && step < units.length - 1) {
    value /= 1024;
    step += 1;
  }
  return `${(step === 0 || value >= 100 ? plain : fine).format(value)} ${units[step]}`;
}

/** Seconds as “2 d 3 h”, “3 h 4 min”, “4 min 5 s” or “5 s”. */
export function duration(seconds) {
  if (typeof seconds !== "number") return "–";
  const s = Math.floor(seconds);
  if (s >= 86400) return t("days", { n: Math.floor(s / 86400), rest: Math.floor((s % 86400) / 3600) });
  if (s >= 3600) return t("hours", { n: Math.floor(s / 3600), rest: Math.floor((s % 3600) / 60) });
  if (s >= 60) return t("minutes", { n: Math.floor(s / 60), rest: s % 60 });
  return t("seconds", { n: s });
}

const timeOfDay = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" });
const withDate = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });

/** A `<time>` of milliseconds since the epoch: the time today, else with the date. */
export function timeElement(ms) {
  const date = new Date(ms);
  if (Number.isNaN(date.getTime())) return el("time");
  const today = date.toDateString() === new Date().toDateString();
  const text = (today ? timeOfDay : withDate).format(date);
  return el("time", { dateTime: date.toISOString(), title: withDate.format(date), textContent: text });
}

/** “one”, “one and two”, “one, two and 3 others”. */
export function names(list, limit = 3) {
  if (list.length <= 1) return list[0] ?? "";
  const joined = (some) => some.join(t("separator"));
  if (list.length <= limit) return t("and", { list: joined(list.slice(0, -1)), last: list.at(-1) });
  return t("and_others", { list: joined(list.slice(0, limit - 1)), n: list.length - limit + 1 });
}

const wholeDay = new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long", year: "numeric" });

/** The day of milliseconds since the epoch, in words. */
export const dayText = (ms) => wholeDay.format(new Date(ms));

/** The address of a room's chat page. */
export function chatAddress(room, user) {
  return inLanguage(`/chat/${encodeURIComponent(room)}${user ? `?user=${encodeURIComponent(user)}` : ""}`);
}
