/** The node's events as they happen: `/api/system/events`, read with fetch, as an EventSource can't carry the API key. */

import { remember } from "/assets/common.js";

/** What an event stream (the HTML standard, section 9.2) says: feed it text, get [type, data] pairs of whole events. */
export class EventReader {
  #rest = "";
  lastId = null;
  retryMs = 2000;

  /** Takes a piece of the stream; the events that it completed. */
  read(text) {
    const lines = (this.#rest + text).split("\n\n");
    this.#rest = lines.pop();
    return lines.map((block) => this.#event(block)).filter(Boolean);
  }

  /** A new connection begins with a whole line. */
  restart() {
    this.#rest = "";
  }

  #event(block) {
    let type = "message";
    const data = [];
    for (const line of block.split("\n")) {
      const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line);
      if (field === "event") type = value;
      else if (field === "data") data.push(value);
      else if (field === "id") this.lastId = value;
      else if (field === "retry" && /^\d+$/.test(value)) this.retryMs = Number(value);
    }
    return data.length > 0 ? [type, data.join("\n")] : null;
  }
}

/**
 * Listens until the page goes, and pauses while it is hidden: calls `heard(type, data)` for each event, also for what
 * came during a short loss. `isWanted` says whether to try now, for instance because the API can be reached.
 */
export async function listen(heard, isWanted) {
  const reader = new EventReader();
  for (;;) {
    if (isWanted() && document.visibilityState === "visible") await follow(reader, heard).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, reader.retryMs));
  }
}

/** One connection, until it ends or the page is hidden. */
async function follow(reader, heard) {
  const headers = {};
  const key = remember("sessionStorage", "sluice.apiKey");
  if (key) headers["X-API-Key"] = key;
  if (reader.lastId) headers["Last-Event-ID"] = reader.lastId;
  const end = new AbortController();
  const hide = () => document.visibilityState === "hidden" && end.abort();
  document.addEventListener("visibilitychange", hide);
  try {
    const response = await fetch("/api/system/events", { headers, cache: "no-store", signal: end.signal });
    if (!response.ok) return;
    reader.restart();
    const text = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let part = await text.read(); !part.done; part = await text.read()) {
      for (const [type, data] of reader.read(part.value)) heard(type, JSON.parse(data));
    }
  } finally {
    document.removeEventListener("visibilitychange", hide);
  }
}
