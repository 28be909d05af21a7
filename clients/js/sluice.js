/** The Sluice client: one ES module without dependencies. client.d.ts and docs/client.md describe it. */

/** Close codes by what they ask of a client; any other code means: try again with back-off. */
export const CLOSE_CODES = {
  atOnce: new Set([1000, 1001, 4201]),
  afterRetry: new Set([1012, 1013, 4100, 4101, 4102]),
  never: new Set([1002, 1003, 1007, 1008, 1009, 4001, 4003, 4004, 4005, 4006]),
};

/** `client.d.ts` says what they are. */
const DEFAULTS = {
  deviceType: globalThis.document ? "browser" : undefined,
  autoConnect: true,
  backoffBaseMs: 500,
  backoffMaxMs: 15000,
  connectTimeoutMs: 15000,
  stableMs: 5000,
  idleMs: 15000,
  pingTimeoutMs: 5000,
  sendTimeoutMs: 240000,
  requestTimeoutMs: 30000,
  maxQueue: 1000,
  maxInFlight: 64,
  maxBufferedBytes: 1 << 20,
  maxSeen: 2048,
  maxUnread: 10000,
};
const LONGEST_MS = 600000; // no delay that a server asks for is longer

const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
const keyOf = (...parts) => parts.join("\u0000");
const utf8 = (text) => new TextEncoder().encode(text).length;
const now = () => performance.now(); // durations: a wall clock may be set
const READ_EVERY_MS = 300; // read marks rise in steps of this

export class SluiceError extends Error {
  constructor(code, message, details = {}) {
    super(message || code);
    this.name = "SluiceError";
    this.code = code;
    Object.assign(this, details);
  }
}

export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

export function identifierProblem(text) {
  if (typeof text !== "string" || text === "") return "must not be empty";
  if (text === "." || text === ".." || text.includes("/")) return "must not be “.” or “..” or contain “/”";
  if (CONTROL.test(text)) return "must not contain control characters";
  if (/[\ud800-\udfff]/u.test(text)) return "is not valid Unicode";
  if (utf8(text) > 128) return "is longer than 128 bytes";
  return null;
}

/** A number of milliseconds that a server wrote, within bounds; undefined when it is none. */
const duration = (value) => (typeof value === "number" && value >= 0 ? Math.min(value, LONGEST_MS) : undefined);

/** Milliseconds to wait before the next attempt; null: not without a change. `attempt` counts the losses since a
 * connection last held. */
export function reconnectDelay({ code, retryMs, hint, attempt, baseMs, maxMs, random }) {
  if (CLOSE_CODES.never.has(code)) return null;
  const backoff = 100 + random * Math.min(maxMs, baseMs * 2 ** Math.min(attempt, 16));
  if (attempt === 0 && CLOSE_CODES.atOnce.has(code)) return 0;
  const asked = duration(retryMs);
  if (asked !== undefined) return attempt === 0 ? asked : Math.max(asked, backoff);
  const [low, high] = [duration(hint?.min_ms), duration(hint?.max_ms)];
  if (attempt === 0 && low !== undefined && high !== undefined) return low + random * Math.max(0, high - low);
  return backoff;
}

/** The id of this browser tab: survives a reload, differs between tabs. */
function tabDevice(fresh = false) {
  try {
    let device = sessionStorage.getItem("sluice.device");
    if (!device || fresh) sessionStorage.setItem("sluice.device", (device = newId()));
    return device;
  } catch {
    return newId(); // storage is forbidden: the device then lives as long as the page
  }
}

class Emitter {
  #listeners = new Map(); // type -> Set of functions

  on(type, fn) {
    if (!this.#listeners.has(type)) this.#listeners.set(type, new Set());
    this.#listeners.get(type).add(fn);
    return () => this.off(type, fn);
  }
  once(type, fn) {
    const end = this.on(type, (event) => (end(), fn(event)));
    return end;
  }
  off(type, fn) { this.#listeners.get(type)?.delete(fn); }
  _hears(type) { return Boolean(this.#listeners.get(type)?.size); }
  _emit(type, event, log) {
    const listeners = [...(this.#listeners.get(type) ?? [])];
    for (const fn of listeners) {
      try {
        fn(event);
      } catch (error) {
        // one listener's bug is not another's loss
        if (globalThis.reportError) reportError(error);
        else log(`a listener of ${type} failed`, error);
      }
    }
    return listeners.length > 0;
  }
}

/** Behind one `for await`. */
class Feed {
  #items = [];
  #wakers = [];
  #ended = null; // {error}
  constructor(bound, { asked = () => {}, closed }) { Object.assign(this, { bound, asked, closed, given: null }); }
  get waits() { return this.given !== null || this.#items.length > 0; }
  put(item) {
    if (this.#items.length >= this.bound) this.end(new SluiceError("reader_too_slow", `${this.bound} messages wait`));
    if (this.#ended) return false;
    this.#items.push(item);
    this.#wake();
    return true;
  }
  end(error) {
    this.#ended ??= { error };
    this.#wake();
  }
  #wake() { for (const wake of this.#wakers.splice(0)) wake(); }
  async next() {
    const given = this.given;
    this.given = null;
    if (given) this.asked(given);
    while (this.#items.length === 0) {
      if (this.#ended) {
        this.closed([]);
        if (this.#ended.error) throw this.#ended.error;
        return { done: true, value: undefined };
      }
      await new Promise((wake) => this.#wakers.push(wake));
    }
    this.given = this.#items.shift();
    return { done: false, value: this.given };
  }
  async return() {
    const unread = this.given ? [this.given, ...this.#items] : this.#items;
    this.#items = [];
    this.given = null;
    this.end();
    this.closed(unread);
    return { done: true, value: undefined };
  }
}

/** All messages of a history, page by page: ascending after a seq, else descending. */
async function* pages(read, { before, after, limit = 100 } = {}) {
  const rising = after !== undefined;
  for (;;) {
    const page = await read({ before, after, limit });
    yield* rising ? page.messages : [...page.messages].reverse();
    const seqs = page.messages.map((m) => m.seq).filter((seq) => seq !== undefined);
    if (page.complete || seqs.length === 0) return;
    const edge = rising ? seqs.at(-1) : seqs[0];
    if (rising ? edge <= after : edge >= before) return; // the server does not move on
    if (rising) after = edge;
    else before = edge;
  }
}

export class Room extends Emitter {
  #sluice;
  constructor(sluice, name) {
    super();
    this.#sluice = sluice;
    this.name = name;
    this._feeds = new Set();
  }
  get position() { return this.#sluice.position(this.name); }
  joined() { return this.#sluice._join(this.name); }
  send(content, options) { return this.#sluice._send(this.name, content, options); }
  typing(typing = true) { return this.#sluice._typing(typing, this.name); }
  signal(name, data) { return this.#sluice._signal(name, data, this.name); }
  markRead(seq) { this.#sluice._markRead(seq, this.name); }
  page({ before, after, limit = 100 } = {}) {
    return this.#sluice._request({ type: "history", limit, before, after }, this.name);
  }
  history(range) { return pages((part) => this.page(part), range); }
  users() { return this.#sluice._request({ type: "users" }, this.name); }
  leave() { this.#sluice._leave(this.name); }
  [Symbol.asyncIterator]() {
    const feed = new Feed(this.#sluice._maxUnread, { closed: () => this._feeds.delete(feed) });
    this._feeds.add(feed);
    return feed;
  }
}

export class Inbox extends Emitter {
  #sluice;
  _feed = null;
  constructor(sluice) {
    super();
    this.#sluice = sluice;
  }
  async page({ before, after, limit = 100 } = {}) {
    const page = await this.#sluice._request({ type: "history", inbox: true, limit, before, after }, null);
    if (page.inbox !== true) throw new SluiceError("not_supported", "the node reads no history of inboxes");
    return page;
  }
  history(range) { return pages((part) => this.page(part), range); }
  [Symbol.asyncIterator]() {
    if (this._feed) throw new SluiceError("busy", "the inbox is read already");
    const asked = (direct) => this.#sluice._processed(direct);
    const closed = (unread) => {
      this._feed = null;
      this.#sluice._unread(unread);
    };
    this._feed = new Feed(this.#sluice._maxUnread, { asked, closed });
    return this._feed;
  }
}

/** A connection as one user, which keeps itself alive. */
export class Sluice extends Emitter {
  #options;
  #socket = null;
  #state = "idle";
  #welcome = null;
  #hint = null; // {min_ms, max_ms} of the last welcome or drain
  #attempt = 0;
  #retryTimer = null;
  #tickTimer = null;
  #pumpTimer = null;
  #readTimer = null;
  #dialledAt = 0;
  #lastInAt = 0;
  #pingAt = null;
  #rooms = new Map(); // room -> what is known of it
  #outgoing = new Map(); // key -> message that waits for its ack, in the order of sending
  #requests = new Map(); // id -> history or users request
  #leaving = new Map(); // room -> leaves that the server has not answered: its frames are of the former stay
  #joins = new Map(); // room -> {resolve, reject, at, promise}
  #inFlight = 0;
  #pausedUntil = 0;
  #tokens = 0;
  #rate = Infinity;
  #bytesMax = Infinity;
  #filledAt = 0;
  #suspended = new Set();
  #inbox = { epoch: null, seq: 0, seen: new Map(), held: false };
  #urls;
  #urlRoom = null; // the room of the address of this connection
  #onlineAt = null;
  #connected = null; // {promise, resolve, reject} of connect()
  #dials = 0; // counts attempts, so that a token which comes late is for none
  #renewal = null; // id of the token frame that waits for its answer; "" while getToken works
  #triedFresh = false; // after 4001, once until a connection has held

  constructor(options) {
    super();
    this.#options = { ...DEFAULTS, log: (...words) => console.warn("sluice:", ...words), ...options };
    const problem = identifierProblem(this.#options.user);
    if (problem) throw new SluiceError("bad_identifier", `user ${problem}`);
    const { urls, url = globalThis.location?.origin.replace(/^http/, "ws") } = this.#options;
    this.#urls = [].concat(urls ?? url ?? []);
    if (this.#urls.length === 0) throw new SluiceError("bad_address", "url is required where there is no page");
    this.device = this.#options.device ?? tabDevice();
    this.inbox = new Inbox(this);
  }

  get user() { return this.#options.user; }
  get state() { return this.#state; }
  get welcome() { return this.#welcome; }
  get _maxUnread() { return this.#options.maxUnread; } // `_`: for rooms and the inbox alone
  get waiting() { return this.#outgoing.size; }
  position(room) {
    const record = this.#rooms.get(room);
    return record && record.epoch !== null ? { epoch: record.epoch, seq: record.seq } : null;
  }

  room(name, { since } = {}) {
    const problem = identifierProblem(name);
    if (problem) throw new SluiceError("bad_identifier", `room ${problem}`);
    if (!this.#rooms.has(name)) {
      this.#rooms.set(name, {
        object: new Room(this, name),
        epoch: since?.epoch ?? null, seq: since?.seq ?? 0, // up to here everything was handed out
        joined: false, // on this connection
        seen: new Map(), // user and id -> {epoch, seq}, or null while provisional
        readWanted: 0, readSent: 0, readAt: -Infinity,
      });
      if (this.#state === "online") this.#sendJoin(name);
      else if (this.#state === "idle" && (this.#connected || this.#options.autoConnect)) this.#begin();
    }
    return this.#rooms.get(name).object;
  }

  connect() {
    if (this.#state === "closed" || !this.#connected) this.#begin();
    return this.#connected.promise;
  }

  #begin() {
    if (this.#state === "closed" || !this.#connected) this.#connected = deferred();
    this.#attempt = 0;
    this.#triedFresh = false;
    this.#watchBrowser("addEventListener");
    const { idleMs, pingTimeoutMs, connectTimeoutMs } = this.#options;
    const every = Math.min(1000, Math.max(20, Math.min(idleMs, pingTimeoutMs, connectTimeoutMs) / 2));
    clearInterval(this.#tickTimer);
    this.#tickTimer = setInterval(() => this.#tick(), every);
    this.#dial();
  }

  close() {
    this.#end(new SluiceError("closed", "the client was closed"), { code: 1000 });
  }

  reconnectNow() {
    if (this.#state === "waiting") this.#dial();
  }

  renewDevice() {
    this.device = tabDevice(true);
    return this.device;
  }

  _send(room, content, { id = newId(), messageType: message_type, replyTo: reply_to, timeoutMs } = {}) {
    const frame = { type: "message", room, id, message_type, reply_to };
    return this.#enqueue(keyOf("room", room, id), frame, content, room, timeoutMs);
  }

  direct(to, content, { id = newId(), messageType: message_type, deviceType: device_type, timeoutMs } = {}) {
    const frame = { type: "direct", id, to, message_type, device_type };
    return this.#enqueue(keyOf("to", to, id), frame, content, null, timeoutMs);
  }

  _typing(typing, room) {
    if (!this.#inRoom(room) || this.#suspended.has("typing") || !this.#takeToken()) return false;
    return this.#write({ type: "typing", typing: Boolean(typing), room });
  }

  _signal(name, data, room) {
    let text;
    try {
      text = JSON.stringify({ type: "signal", name: String(name), data, room });
    } catch (error) {
      throw new SluiceError("unserialisable", String(error));
    }
    if (!this.#inRoom(room) || this.#suspended.has("typing") || !this.#takeToken()) return false;
    return this.#writeText(text);
  }

  _markRead(seq, room) {
    const record = this.#rooms.get(room);
    if (!record || !(seq > record.readWanted)) return;
    record.readWanted = seq;
    this.#flushReads();
  }

  _join(room) {
    const refusal = this.#refusal(room);
    if (refusal) return refusal;
    if (this.#joins.has(room)) return this.#joins.get(room).promise;
    const entry = { ...deferred(), room, at: now() };
    this.#joins.set(room, entry);
    if (this.#inRoom(room)) this.#write({ type: "join", room }); // answered by `joined_room` alone
    return entry.promise;
  }

  _leave(room) {
    const live = this.#inRoom(room);
    this.#forgetRoom(room, new SluiceError("not_in_room", "the room was left"), false);
    if (live) this.#sayLeave(room);
  }

  #sayLeave(room) {
    if (room === this.#urlRoom) this.#urlRoom = null;
    if (this.#write({ type: "leave", room })) this.#leaving.set(room, (this.#leaving.get(room) ?? 0) + 1);
  }

  /** A `leave` was answered; true when there was one. */
  #hasLeft(room) {
    const left = this.#leaving.get(room);
    if (left > 1) this.#leaving.set(room, left - 1);
    else this.#leaving.delete(room);
    return left > 0;
  }

  #dial() {
    clearTimeout(this.#retryTimer);
    this.#dropSocket();
    if (this.#rooms.size === 0) return this.#setState("idle"); // an address names a room
    this.#dialledAt = this.#lastInAt = now();
    this.#pingAt = this.#onlineAt = null;
    const attempt = (this.#dials += 1);
    const ours = (act) => (value) => attempt === this.#dials && act(value);
    this.#setState("connecting", { attempt: this.#attempt });
    const open = ours((token) => this.#open(token));
    const fail = ours((error) => {
      this.#tellNoToken(error);
      this.#lost(1006, "");
    });
    const { getToken, token } = this.#options;
    if (getToken) return void this.#freshToken().then(open, fail);
    try {
      open(typeof token === "function" ? token() : token);
    } catch (error) {
      fail(error);
    }
  }

  async #freshToken() { return this.#options.getToken(); }

  #tellNoToken(error) { this.#emit("error", { code: "no_token", message: String(error) }); }

  #open(token) {
    if (this.#rooms.size === 0) return this.#setState("idle");
    let socket;
    try {
      const Socket = this.#options.websocket ?? globalThis.WebSocket;
      socket = new Socket(this.#address(token), ["sluice.v1"]);
    } catch (error) {
      this.#end(new SluiceError("bad_address", String(error)), { code: 0 });
      return;
    }
    this.#socket = socket;
    socket.onmessage = (event) => this.#received(event.data);
    socket.onclose = (event) => this.#lost(event.code, event.reason);
    socket.onerror = () => {}; // its close says what happened
  }

  #address(token) {
    const { user, deviceType } = this.#options;
    // A room that let us in before, if there is such a one.
    const names = [...this.#rooms.keys()];
    const room = (this.#urlRoom = names.find((name) => this.position(name)) ?? names[0]);
    const origin = this.#urls[0].replace(/\/$/, "");
    const query = new URLSearchParams({ device: this.device });
    if (deviceType) query.set("device_type", deviceType);
    if (token) query.set("token", token);
    const position = this.position(room);
    if (position) {
      query.set("since", position.seq);
      query.set("epoch", position.epoch);
    }
    // %20, not "+": the query is percent-encoding alone.
    const text = query.toString().replaceAll("+", "%20");
    return `${origin}/ws/${encodeURIComponent(room)}/${encodeURIComponent(user)}?${text}`;
  }

  #dropSocket(code = 1000) {
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onmessage = socket.onclose = null;
    socket.close(code);
    socket.terminate?.(); // of the package ws: else a dead link keeps a process alive
  }

  /** Forgets what held for this connection alone. */
  #disconnected() {
    this.#dropSocket();
    this.#dials += 1;
    this.#renewal = null;
    this.#inFlight = 0;
    this.#leaving.clear();
    for (const item of this.#outgoing.values()) item.inFlight = false;
    for (const request of this.#requests.values()) request.sent = false;
    for (const record of this.#rooms.values()) record.joined = false;
  }

  #lost(code, reason) {
    if (this.#state === "closed") return; // by the listener of what ended it
    this.#disconnected();
    const details = parseReason(String(reason ?? ""));
    if (this.#onlineAt !== null && now() - this.#onlineAt >= this.#options.stableMs) {
      this.#attempt = 0;
      this.#triedFresh = false;
    }
    this.#onlineAt = null;
    if (code === 4004 && details.reason === "room_deleted" && this.#rooms.size > 0) code = 1006; // others go on
    if (code === 4001 && this.#options.getToken && !this.#triedFresh) {
      this.#triedFresh = true; // the token may have ended while this page slept
      return this.#dial();
    }
    const delay = reconnectDelay({
      code,
      retryMs: details.retry_ms,
      hint: this.#hint,
      attempt: this.#attempt,
      baseMs: this.#options.backoffBaseMs,
      maxMs: this.#options.backoffMaxMs,
      random: Math.random(),
    });
    if (delay === null) {
      const error = new SluiceError("closed", details.reason || `closed with ${code}`, { closeCode: code });
      this.#end(error, { ...details, code });
      return;
    }
    this.#attempt += 1;
    this.#urls.push(this.#urls.shift());
    this.#retryTimer = setTimeout(() => this.#dial(), delay);
    this.#setState("waiting", { delayMs: delay, attempt: this.#attempt, code, reason: details.reason });
  }

  #end(error, detail) {
    if (this.#state === "closed") return;
    this.#state = "closed";
    for (const timer of [this.#retryTimer, this.#pumpTimer, this.#readTimer, this.#tickTimer]) clearTimeout(timer);
    this.#pumpTimer = null;
    this.#disconnected();
    this.#watchBrowser("removeEventListener");
    this.#connected?.reject(error);
    for (const map of [this.#outgoing, this.#requests, this.#joins]) {
      for (const entry of map.values()) entry.reject(error);
      map.clear();
    }
    const feeds = [...this.#rooms.values()].flatMap(({ object }) => [...object._feeds]);
    for (const feed of [...feeds, this.inbox._feed]) feed?.end(detail.code === 1000 ? undefined : error);
    this.#setState("closed", detail); // last: a listener may begin anew
  }

  #setState(state, detail = {}) {
    this.#state = state;
    this.#emit("state", { state, ...detail });
  }

  #emit(type, detail) {
    const { log } = this.#options;
    const place = detail.inbox || type === "direct" ? this.inbox : this.#rooms.get(detail.room)?.object;
    const heard = place?._emit(type, detail, log);
    return this._emit(type, detail, log) || Boolean(heard);
  }

  #write(frame) { return this.#writeText(JSON.stringify(frame)); }

  #writeText(text) {
    if (this.#state !== "online" || this.#socket?.readyState !== 1) return false;
    this.#socket.send(text);
    return true;
  }

  #watchBrowser(verb) {
    for (const [type, act] of Object.entries(this.#browser)) {
      (type === "visibilitychange" ? globalThis.document : globalThis)?.[verb]?.(type, act);
    }
  }

  #browser = {
    online: () => this.#dialOrProbe(),
    offline: () => this.#probe(),
    // A browser may keep a left page, frozen, with its socket open: others would go on seeing its user.
    pagehide: () => {
      if (this.#state === "closed") return;
      this.#disconnected();
      clearTimeout(this.#retryTimer);
      this.#setState("waiting", { delayMs: 0, attempt: 0 });
    },
    pageshow: (event) => event.persisted && this.reconnectNow(),
    visibilitychange: () => document.visibilityState === "visible" && this.#dialOrProbe(),
  };
  #dialOrProbe() {
    this.reconnectNow();
    this.#probe();
  }
  #probe() {
    if (this.#pingAt === null && this.#write({ type: "ping" })) this.#pingAt = now();
  }

  #tick() {
    const time = now();
    const { idleMs, pingTimeoutMs, connectTimeoutMs, sendTimeoutMs, requestTimeoutMs } = this.#options;
    if (this.#state === "connecting" && time - this.#dialledAt > connectTimeoutMs) this.#lost(1006, "");
    if (this.#state === "online") {
      // Frames right after the ping may have lain in the browser; later ones are life.
      if (this.#pingAt !== null && this.#lastInAt - this.#pingAt > 1000) this.#pingAt = null;
      if (this.#pingAt !== null && time - this.#pingAt > pingTimeoutMs) this.#lost(4201, "");
      else if (time - this.#lastInAt > idleMs) this.#probe();
    }
    for (const [key, item] of this.#outgoing) {
      if (item.firstSentAt !== null && time - item.firstSentAt > sendTimeoutMs) this.#tooLate(key);
    }
    const late = new SluiceError("timeout", "no answer came in time");
    this.#rejectAsked((entry) => time - entry.at > requestTimeoutMs, late);
    this.#pump();
    this.#flushReads();
  }

  /** The rejection of what can't be asked for, in this room unless null. */
  #refusal(room) {
    if (this.#state === "closed") return rejected("closed", "not connected");
    return room === null || this.#rooms.has(room) ? null : rejected("not_in_room", "join the room first");
  }

  #enqueue(key, frame, content, room, timeoutMs) {
    const known = this.#outgoing.get(key);
    if (known) return known.promise;
    const refusal = this.#refusal(room);
    if (refusal) return refusal;
    const isId = typeof frame.id === "string" && frame.id !== "" && !CONTROL.test(frame.id) && utf8(frame.id) <= 64;
    if (!isId) return rejected("bad_identifier", "an id must have 1 to 64 bytes");
    if (this.#outgoing.size >= this.#options.maxQueue) return rejected("queue_full", "too many messages wait");
    let text;
    try {
      if (JSON.stringify(content) === undefined) throw new TypeError("the content is no JSON value");
      text = JSON.stringify({ ...frame, content });
    } catch (error) {
      return rejected("unserialisable", error);
    }
    const item = { ...deferred(), id: frame.id, text, room, inFlight: false, firstSentAt: null, firstSentOn: 0 };
    this.#outgoing.set(key, item);
    if (timeoutMs < 2 ** 31) {
      const timer = setTimeout(() => this.#outgoing.get(key) === item && this.#tooLate(key), timeoutMs);
      item.promise.catch(() => {}).then(() => clearTimeout(timer));
    }
    this.#pump();
    return item.promise;
  }

  #tooLate(key) { this.#refuse(key, "timeout", "no ack came; the outcome is not known"); }
  #refuse(key, code, message) { this.#settle(key).reject(new SluiceError(code, message)); }

  #settle(key) {
    const item = this.#outgoing.get(key);
    if (!item) return null;
    this.#outgoing.delete(key);
    if (item.inFlight) this.#inFlight -= 1;
    return item;
  }

  /** Sends what may be sent now, in order; comes back by itself when a limit ends. */
  #pump() {
    if (this.#state !== "online") return;
    const pause = this.#pausedUntil - now();
    if (pause > 0) return this.#pumpIn(pause);
    for (const [id, request] of this.#requests) {
      if (request.sent || now() < request.notBefore) continue;
      if (request.room !== null && !this.#inRoom(request.room)) continue;
      if (!this.#takeToken()) return this.#pumpIn(1000 / this.#rate);
      request.sent = this.#write({ ...request.frame, room: request.room ?? undefined, id });
    }
    for (const [key, item] of this.#outgoing) {
      if (item.inFlight || (item.room !== null && !this.#inRoom(item.room))) continue;
      if (this.#inFlight >= this.#options.maxInFlight) return;
      if (this.#socket.bufferedAmount > this.#options.maxBufferedBytes) return this.#pumpIn(50);
      const { text } = item;
      // The machine slept, which a monotonic clock may not count: the server has forgotten the id.
      if (item.firstSentAt !== null && Date.now() - item.firstSentOn > this.#options.sendTimeoutMs) {
        this.#tooLate(key);
        continue;
      }
      if (text.length * 3 > this.#bytesMax && utf8(text) > this.#bytesMax) {
        // The server would end the connection over it.
        this.#refuse(key, "too_large", `a message may have ${this.#bytesMax} bytes`);
        continue;
      }
      if (!this.#takeToken()) return this.#pumpIn(1000 / this.#rate);
      this.#socket.send(text);
      item.inFlight = true;
      if (item.firstSentAt === null) Object.assign(item, { firstSentAt: now(), firstSentOn: Date.now() });
      this.#inFlight += 1;
    }
  }

  #pumpIn(ms) {
    if (this.#pumpTimer !== null) return;
    this.#pumpTimer = setTimeout(() => {
      this.#pumpTimer = null;
      this.#pump();
    }, Math.min(Math.max(5, ms), LONGEST_MS));
  }

  /** The connection's own bucket, a little under the server's. */
  #takeToken() {
    if (this.#rate === Infinity) return true;
    const time = now();
    this.#tokens = Math.min(Math.max(1, this.#rate), this.#tokens + ((time - this.#filledAt) / 1000) * this.#rate * 0.95);
    this.#filledAt = time;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  #setRate(rate) {
    if (!(rate > 0)) return;
    this.#rate = rate;
    this.#tokens = Math.max(1, Math.min(this.#tokens, rate));
  }

  _request(frame, room) {
    const refusal = this.#refusal(room);
    if (refusal) return refusal;
    const entry = { ...deferred(), frame, room, at: now(), notBefore: 0, sent: false };
    this.#requests.set(newId(), entry);
    this.#pump();
    return entry.promise;
  }

  #flushReads() {
    clearTimeout(this.#readTimer);
    this.#readTimer = null;
    if (this.#suspended.has("read_marks")) return;
    for (const [room, record] of this.#rooms) {
      if (!record.joined || record.readWanted <= record.readSent) continue;
      if (now() - record.readAt < READ_EVERY_MS || !this.#takeToken()) {
        this.#readTimer ??= setTimeout(() => this.#flushReads(), READ_EVERY_MS);
        continue;
      }
      if (!this.#write({ type: "read", seq: record.readWanted, room })) return;
      record.readSent = record.readWanted;
      record.readAt = now();
    }
  }

  // rooms

  #inRoom(room) { return this.#state === "online" && Boolean(this.#rooms.get(room)?.joined); }

  #sendJoin(room) {
    const position = this.position(room);
    this.#write({ type: "join", room, ...(position && { since: position.seq, epoch: position.epoch }) });
  }

  #forgetRoom(room, error, loud = true) {
    for (const feed of this.#rooms.get(room)?.object._feeds ?? []) feed.end(loud ? error : undefined);
    this.#rooms.delete(room);
    for (const [key, item] of this.#outgoing) if (item.room === room) this.#settle(key).reject(error);
    this.#rejectAsked((entry) => entry.room === room, error);
  }

  #rejectAsked(which, error) {
    for (const map of [this.#requests, this.#joins]) {
      for (const [key, entry] of map) if (which(entry) && map.delete(key)) entry.reject(error);
    }
  }

  #remember(record, user, id, place) {
    const key = keyOf(user, id);
    record.seen.delete(key);
    record.seen.set(key, place);
    if (record.seen.size > this.#options.maxSeen) record.seen.delete(record.seen.keys().next().value);
  }

  /** Moves the room's position; a jump that no `gap` announced is told. */
  #advance(record, room, epoch, seq) {
    const jump = record.epoch !== null && (record.epoch !== epoch || seq > record.seq + 1);
    if (jump) this.#emit("error", { code: "hole", message: `seq ${seq} came after ${record.seq}`, room });
    record.epoch = epoch;
    record.seq = seq;
  }

  #received(text) {
    this.#lastInAt = now();
    try {
      const frame = JSON.parse(text);
      if (typeof frame.type !== "string") throw new TypeError("no type");
      this.#take(frame);
    } catch (error) {
      // Whatever this was is lost: a new connection resumes.
      this.#emit("error", { code: "bad_server", message: `a frame that can't be understood: ${error}` });
      this.#lost(1006, "");
    }
  }

  #take(frame) {
    const { type, room } = frame;
    if (this.#leaving.has(room) && type !== "ack" && type !== "error" && type !== "left_room") return undefined;
    switch (type) {
      case "state": return undefined; // the client's own event
      case "welcome": return this.#gotWelcome(frame);
      case "joined_room": return this.#gotJoinedRoom(frame);
      case "left_room": return this.#gotLeftRoom(frame);
      case "message": return this.#gotMessage(frame);
      case "ack": return this.#gotAck(frame);
      case "confirm": return this.#gotConfirm(frame);
      case "gap": return this.#gotGap(frame);
      case "direct": return this.#gotDirect(frame);
      case "history":
      case "users": return this.#gotAnswer(frame);
      case "error": return this.#gotError(frame);
      case "token":
        if (this.#renewal === null) this.#renew();
        else this.#renewal = null;
        break;
      case "tier":
        this.#suspended = new Set(frame.suspended);
        this.#setRate(frame.messages_per_second);
        this.#bytesMax = frame.message_bytes || this.#bytesMax;
        this.#pump();
        break;
      case "drain":
        this.#hint = frame.reconnect;
        break;
      case "pong":
        this.#pingAt = null;
        return undefined;
    }
    return this.#emit(frame.type, frame);
  }

  /** The present token ends soon. */
  #renew() {
    const attempt = this.#dials;
    if (!this.#options.getToken) return;
    this.#renewal = "";
    this.#freshToken().then((token) => {
      if (attempt !== this.#dials) return;
      this.#renewal = newId();
      this.#write({ type: "token", id: this.#renewal, token });
    }).catch((error) => {
      if (attempt !== this.#dials) return;
      this.#renewal = null;
      this.#tellNoToken(error);
    });
  }

  #gotWelcome(frame) {
    this.#welcome = frame;
    this.#hint = frame.reconnect;
    this.#onlineAt = now();
    this.#pausedUntil = 0;
    this.#inbox.held = false;
    this.#suspended = new Set();
    this.#rate = this.#tokens = frame.limits?.messages_per_second || Infinity;
    this.#bytesMax = frame.limits?.message_bytes || Infinity;
    this.#filledAt = now();
    this.#setState("online");
    this.#emit("welcome", frame);
    this.#connected.resolve(frame);
    for (const room of this.#rooms.keys()) if (room !== this.#urlRoom) this.#sendJoin(room);
  }

  #gotJoinedRoom(frame) {
    const record = this.#rooms.get(need(frame, "room").room);
    if (!record) return this.#sayLeave(frame.room); // left meanwhile, by this side
    needPlace(frame);
    record.joined = true;
    if (record.epoch === null) Object.assign(record, { epoch: frame.epoch, seq: frame.seq });
    record.readSent = frame.read_seq ?? 0;
    this.#emit("joined_room", frame);
    this.#joins.get(frame.room)?.resolve(frame);
    this.#joins.delete(frame.room);
    this.#pump();
  }

  #gotLeftRoom(frame) {
    const { log } = this.#options;
    if (this.#leaving.has(frame.room)) {
      if (/left|forbidden/.test(frame.reason)) this.#hasLeft(frame.room);
    } else {
      const room = this.#rooms.get(frame.room)?.object;
      if (frame.room === this.#urlRoom) this.#urlRoom = null;
      this.#forgetRoom(frame.room, new SluiceError("not_in_room", `the room was ${frame.reason}`));
      room?._emit("left_room", frame, log);
    }
    this._emit("left_room", frame, log);
  }

  #gotMessage(frame) {
    const record = this.#rooms.get(need(frame, "room").room);
    if (!record) return;
    need(frame, "user", "id");
    const before = record.seen.get(keyOf(frame.user, frame.id));
    if (frame.provisional) {
      if (before !== undefined) return;
      this.#remember(record, frame.user, frame.id, null);
      // My own, without its ack yet, is the application's already.
      const isMine = frame.user === this.user && this.#outgoing.has(keyOf("room", frame.room, frame.id));
      if (!isMine) this.#message(frame);
      return;
    }
    needPlace(frame);
    if (record.epoch === frame.epoch && frame.seq <= record.seq) return; // had it
    this.#advance(record, frame.room, frame.epoch, frame.seq);
    this.#remember(record, frame.user, frame.id, needPlace(frame));
    const mine = frame.user === this.user && this.#settle(keyOf("room", frame.room, frame.id));
    if (mine) {
      // Committed, but its ack was lost with the connection: the replay is the ack.
      const { room, id, epoch, seq, ts } = frame;
      const ack = { type: "ack", room, id, epoch, seq, ts, replayed: true };
      mine.resolve(ack);
      this.#emit("ack", ack);
      this.#pump();
    } else if (before === undefined || (before?.epoch === frame.epoch && before.seq !== frame.seq)) {
      this.#message(frame); // the second case: the sender used an id anew, long after
    } else if (before === null || before.epoch !== frame.epoch) {
      this.#tellPlace({ room: frame.room }, frame.user, frame);
    }
  }

  #tellPlace(where, user, { id, epoch, seq }) {
    this.#emit("confirm", { type: "confirm", ...where, epoch, entries: [{ user, id, seq }] });
  }

  #message(frame) {
    this.#emit("message", frame);
    for (const feed of this.#rooms.get(frame.room)?.object._feeds ?? []) feed.put(frame);
  }

  #gotAck(frame) {
    const toRoom = frame.room !== undefined;
    const key = toRoom ? keyOf("room", frame.room, frame.id) : keyOf("to", frame.to, frame.id);
    const record = toRoom && !this.#leaving.has(frame.room) ? this.#rooms.get(frame.room) : undefined;
    if (record) {
      const place = frame.seq === undefined ? null : needPlace(frame);
      // A duplicate's place is an old one: what lies before it may still be on its way.
      const next = place && !frame.duplicate && !(record.epoch === place.epoch && place.seq <= record.seq);
      if (next) this.#advance(record, frame.room, place.epoch, place.seq);
      this.#remember(record, this.user, frame.id, place);
    }
    const item = this.#settle(key);
    if (!item) return;
    item.resolve(frame);
    this.#emit("ack", frame);
    this.#pump();
  }

  #gotConfirm(frame) {
    if (frame.inbox) {
      for (const { user, id, seq } of frame.entries) {
        const place = needPlace({ epoch: frame.epoch, seq });
        if (this.#inbox.seen.has(keyOf(user, id))) this.#placeDirect(user, id, place);
        else if (user !== this.user) this.#inbox.held = true; // nobody had it
      }
      return this.#emit("confirm", frame);
    }
    const record = this.#rooms.get(frame.room);
    if (!record) return;
    for (const { user, id, seq } of frame.entries) {
      // Another place answers a repetition; a new epoch comes with a gap.
      const place = needPlace({ epoch: frame.epoch, seq });
      const isNext = record.epoch === frame.epoch ? seq > record.seq : record.epoch === null;
      if (isNext) this.#advance(record, frame.room, frame.epoch, seq);
      this.#remember(record, user, id, place);
    }
    this.#emit("confirm", frame);
  }

  #gotGap(frame) {
    const target = frame.inbox ? this.#inbox : this.#rooms.get(frame.room);
    if (!target) return;
    const place = needPlace({ epoch: frame.epoch, seq: frame.next_seq - 1 });
    const previous = target.epoch === null ? null : { epoch: target.epoch, seq: target.seq };
    // Read marks are seqs of one epoch.
    if (target.epoch !== frame.epoch) target.readWanted = target.readSent = 0;
    Object.assign(target, place);
    this.#emit("gap", { ...frame, previous });
  }

  #gotDirect(frame) {
    const { from, id, provisional } = need(frame, "from", "id");
    const place = provisional ? null : needPlace(frame);
    const { epoch, seq, seen } = this.#inbox;
    if (place && epoch === place.epoch && place.seq <= seq) return;
    const before = seen.get(keyOf(from, id));
    const isKnown = before !== undefined
      && !(place && before?.epoch === place.epoch && before.seq !== place.seq); // an id anew, long after
    if (isKnown && provisional) return;
    if (!isKnown) {
      const heard = this.#emit("direct", frame);
      const taken = this.inbox._feed?.put(frame);
      if (!heard && !taken) {
        this.#inbox.held = true; // nobody has it: it stays pending for this device
        return;
      }
    } else if (before?.epoch !== place.epoch) {
      this.#tellPlace({ inbox: true }, from, frame);
    }
    this.#placeDirect(from, id, place);
  }

  /** What was handed out has this place, or null; acks it, unless an iteration has still to go on from it. */
  #placeDirect(from, id, place) {
    const inbox = this.#inbox;
    this.#remember(inbox, from, id, place);
    if (!place || inbox.held) return;
    if (inbox.epoch !== place.epoch || place.seq > inbox.seq) Object.assign(inbox, place);
    if (!this.inbox._feed?.waits) this.#ackInbox(place);
  }

  /** An ack holds for all before it: behind what nobody had, there is none until the next connection. */
  #ackInbox({ epoch, seq }) {
    if (!this.#inbox.held) this.#write({ type: "inbox_ack", epoch, seq });
  }

  /** An iteration went on from this one. */
  _processed({ from, id }) {
    const place = this.#inbox.seen.get(keyOf(from, id));
    if (place) this.#ackInbox(place);
  }

  /** An iteration ended: what it left must come again, unless a listener had it. */
  _unread(directs) {
    const inbox = this.#inbox;
    if (this._hears("direct") || this.inbox._hears("direct")) return directs.forEach((each) => this._processed(each));
    for (const { from, id } of directs) {
      const key = keyOf(from, id);
      const place = inbox.seen.get(key);
      inbox.seen.delete(key);
      inbox.held = true;
      if (place?.epoch === inbox.epoch) inbox.seq = Math.min(inbox.seq, place.seq - 1);
    }
    return undefined;
  }

  #gotAnswer(frame) {
    this.#requests.get(frame.id)?.resolve(frame);
    this.#requests.delete(frame.id);
  }

  #gotError(frame) {
    if (frame.id !== undefined && frame.id === this.#renewal) this.#renewal = null;
    const error = new SluiceError(frame.code, frame.message, { retryMs: frame.retry_ms });
    const wait = duration(frame.retry_ms) ?? (frame.code === "rate_limited" ? 1000 : undefined);
    const known = frame.id === undefined ? this.#joinRefused(frame, error, wait)
      : this.#requestRefused(frame, error, wait) || this.#messageRefused(frame, error, wait);
    if (!known) this.#emit("error", frame);
  }

  /** True when it was a request. With `wait` it is asked again. */
  #requestRefused(frame, error, wait) {
    const request = this.#requests.get(frame.id);
    if (!request) return false;
    if (wait !== undefined) {
      Object.assign(request, { sent: false, notBefore: now() + wait });
      this.#pumpIn(wait);
    } else {
      this.#requests.delete(frame.id);
      request.reject(error);
    }
    return true;
  }

  /** True when it was a message of mine. With `wait` the whole queue waits, so that it keeps its order. */
  #messageRefused(frame, error, wait) {
    for (const [key, item] of this.#outgoing) {
      const elsewhere = frame.room !== undefined && item.room !== null && item.room !== frame.room;
      if (item.id !== frame.id || elsewhere) continue;
      if (wait === undefined) {
        this.#settle(key).reject(error);
      } else {
        if (item.inFlight) this.#inFlight -= 1;
        item.inFlight = false;
        this.#pausedUntil = Math.max(this.#pausedUntil, now() + wait);
      }
      this.#pump();
      return true;
    }
    return false;
  }

  #joinRefused({ room }, error, wait) {
    if (this.#leaving.has(room)) return error.code === "not_in_room" && this.#hasLeft(room);
    const record = room === undefined || room === this.#urlRoom ? undefined : this.#rooms.get(room);
    if (!record || record.joined) return false;
    const { object } = record;
    if (wait === undefined) {
      this.#forgetRoom(room, error);
      object._emit("error", { code: error.code, message: error.message, room }, this.#options.log);
    }
    else setTimeout(() => this.#state === "online" && this.#rooms.has(room) && this.#sendJoin(room), wait);
    return true;
  }
}

function need(frame, ...names) {
  for (const name of names) if (typeof frame[name] !== "string") throw new TypeError(`no ${name}`);
  return frame;
}

/** The epoch and the seq, which must be there. */
function needPlace({ epoch, seq }) {
  if (typeof epoch !== "string" || !Number.isSafeInteger(seq) || seq < 0) throw new TypeError("no position");
  return { epoch, seq };
}

/** The former client of one room and others by `join`: for one version more. Use `Sluice`. */
export class SluiceClient extends Sluice {
  #room;
  constructor(options) {
    console.warn("sluice: SluiceClient goes with the next version; use Sluice and its room()");
    super({ ...options, autoConnect: false });
    this.#room = options.room;
    super.room(this.#room, options);
  }
  get room() { return this.#room; }
  get state() { return super.state === "idle" ? "closed" : super.state; }
  position(room = this.#room) { return super.position(room); }
  connect() {
    super.room(this.#room); // entered anew after it was deleted
    return super.connect();
  }
  send(content, { room = this.#room, ...more } = {}) { return this._send(room, content, more); }
  typing(typing, room = this.#room) { return this._typing(typing, room); }
  markRead(seq, room = this.#room) { this._markRead(seq, room); }
  history({ room = this.#room, limit = 50, ...more } = {}) {
    return this._request({ type: "history", limit, ...more }, room);
  }
  users(room = this.#room) { return this._request({ type: "users" }, room); }
  async join(room, options) { return super.room(room, options).joined(); }
  leave(room = this.#room) { this._leave(room); }
}

function deferred() {
  const result = {};
  result.promise = new Promise((resolve, reject) => Object.assign(result, { resolve, reject }));
  result.promise.catch(() => {});
  return result;
}

function rejected(code, message) {
  const { promise, reject } = deferred();
  reject(new SluiceError(code, String(message)));
  return promise;
}

function parseReason(text) {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {}; // a plain reason, or none
  }
}
