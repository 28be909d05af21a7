/**
 * The Sluice client: one ES module without dependencies. `client.d.ts` and docs/client.md describe it.
 *
 *     const sluice = new Sluice({ url: "wss://chat.example.com", user: "ann" });
 *     const room = sluice.room("lobby");
 *     room.on("message", (m) => console.log(m.user, m.content));
 *     await room.send("hello"); // its ack: it is committed
 */

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

/** A fresh identifier of 128 random bits, 22 characters. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Why `text` can't name a room, a user or a device; null when it can. */
export function identifierProblem(text) {
  if (typeof text !== "string" || text === "") return "must not be empty";
  if (text === "." || text === "..") return "must not be “.” or “..”";
  if (text.includes("/")) return "must not contain “/”";
  if (/[\u0000-\u001f\u007f-\u009f]/.test(text)) return "must not contain control characters";
  if (/[\ud800-\udfff]/u.test(text)) return "is not valid Unicode";
  if (new TextEncoder().encode(text).length > 128) return "is longer than 128 bytes";
  return null;
}

/** A number of milliseconds that a server wrote, within bounds; undefined when it is none. */
const duration = (value) => (typeof value === "number" && value >= 0 ? Math.min(value, LONGEST_MS) : undefined);

/**
 * Milliseconds to wait before the next attempt, or null for "not without a change".
 * `attempt` counts the losses since a connection last held; `hint` is the server's
 * {min_ms, max_ms}; `random` is in [0, 1).
 */
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
    const end = this.on(type, (event) => {
      end();
      fn(event);
    });
    return end;
  }
  off(type, fn) { this.#listeners.get(type)?.delete(fn); }
  /** For the client alone; true when somebody listened. */
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

/** The queue behind one `for await`. */
class Feed {
  #items = [];
  #wakers = [];
  #ended = null; // {error}
  constructor(bound, { asked = () => {}, closed }) { Object.assign(this, { bound, asked, closed, given: null }); }
  get waits() { return this.given !== null || this.#items.length > 0; }
  put(item) {
    if (this.#ended) return;
    if (this.#items.length >= this.bound) this.end(new SluiceError("reader_too_slow", `${this.bound} messages wait`));
    else this.#items.push(item), this.#wake();
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
        this.closed(this);
        if (this.#ended.error) throw this.#ended.error;
        return { done: true, value: undefined };
      }
      await new Promise((wake) => this.#wakers.push(wake));
    }
    this.given = this.#items.shift();
    return { done: false, value: this.given };
  }
  async return() {
    this.given = null;
    this.end();
    this.closed(this);
    return { done: true, value: undefined };
  }
}

/** A room that the client is in, or enters; made by `Sluice.room`. */
export class Room extends Emitter {
  #core;
  constructor(core, name) {
    super();
    this.#core = core;
    this.name = name;
    this._feeds = new Set();
  }
  get position() { return this.#core.position(this.name); }
  joined() { return this.#core.join(this.name); }
  send(content, options) { return this.#core.send(this.name, content, options); }
  typing(typing = true) { return this.#core.typing(typing, this.name); }
  markRead(seq) { this.#core.markRead(seq, this.name); }
  page({ before, after, limit = 100 } = {}) {
    return this.#core.request({ type: "history", limit, before, after }, this.name);
  }
  async *history({ before, after, limit = 100 } = {}) {
    const rising = after !== undefined;
    for (;;) {
      const page = await this.page({ before, after, limit });
      yield* rising ? page.messages : [...page.messages].reverse();
      const seqs = page.messages.map((m) => m.seq).filter((seq) => seq !== undefined);
      if (page.complete || seqs.length === 0) return;
      const edge = rising ? seqs.at(-1) : seqs[0];
      if (rising ? edge <= after : edge >= before) return; // the server does not move on
      if (rising) after = edge;
      else before = edge;
    }
  }
  users() { return this.#core.request({ type: "users" }, this.name); }
  leave() { this.#core.leave(this.name); }
  [Symbol.asyncIterator]() {
    const feed = new Feed(this.#core.maxUnread, { closed: () => this._feeds.delete(feed) });
    this._feeds.add(feed);
    return feed;
  }
}

/** Direct messages to this user; what the application has processed is acked. */
export class Inbox extends Emitter {
  #core;
  _feed = null;
  constructor(core) {
    super();
    this.#core = core;
  }
  [Symbol.asyncIterator]() {
    if (this._feed) throw new SluiceError("busy", "the inbox is read already");
    const asked = (direct) => this.#core.processed(direct);
    this._feed = new Feed(this.#core.maxUnread, { asked, closed: () => (this._feed = null) });
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
  #rooms = new Map(); // room -> what is known of it, see #roomRecord
  #outgoing = new Map(); // key -> message that waits for its ack, in the order of sending
  #requests = new Map(); // id -> history or users request
  #joins = new Map(); // room -> {resolve, reject, at, promise}
  #inFlight = 0;
  #pausedUntil = 0;
  #tokens = 0;
  #rate = Infinity;
  #bytesMax = Infinity;
  #filledAt = 0;
  #suspended = new Set();
  #inbox = { epoch: null, seq: 0, seen: new Map() };
  #objects = new Map(); // room -> Room
  _core; // what rooms and the inbox may ask for
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
    const { location } = globalThis;
    this.#urls = [].concat(this.#options.urls ?? this.#options.url ?? []);
    if (this.#urls.length === 0 && location) this.#urls = [location.origin.replace(/^http/, "ws")];
    if (this.#urls.length === 0) throw new SluiceError("bad_address", "url is required where there is no page");
    this.device = this.#options.device ?? tabDevice();
    this._core = {
      maxUnread: this.#options.maxUnread,
      position: (room) => this.position(room),
      join: (room) => this.#join(room),
      send: (...all) => this.#send(...all),
      typing: (...all) => this.#typing(...all),
      markRead: (...all) => this.#markRead(...all),
      request: (...all) => this.#request(...all),
      leave: (room) => this.#leave(room),
      processed: ({ from, id }) => {
        const place = this.#inbox.seen.get(`${from}\u0000${id}`);
        if (place) this.#ackInbox(place.epoch, place.seq);
      },
    };
    this.inbox = new Inbox(this._core);
  }

  get user() { return this.#options.user; }
  get state() { return this.#state; }
  get welcome() { return this.#welcome; }
  get waiting() { return this.#outgoing.size; }
  position(room) {
    const record = this.#rooms.get(room);
    return record && record.epoch !== null ? { epoch: record.epoch, seq: record.seq } : null;
  }

  room(name, { since } = {}) {
    const problem = identifierProblem(name);
    if (problem) throw new SluiceError("bad_identifier", `room ${problem}`);
    if (!this.#objects.has(name)) {
      this.#objects.set(name, new Room(this._core, name));
      const record = this.#roomRecord(name);
      if (since) Object.assign(record, { epoch: since.epoch, seq: since.seq });
      if (this.#state === "online") this.#sendJoin(name);
      else if (this.#state === "idle" && (this.#connected || this.#options.autoConnect)) this.#begin();
    }
    return this.#objects.get(name);
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

  #send(room, content, { id = newId(), messageType: message_type, replyTo: reply_to, timeoutMs } = {}) {
    const frame = { type: "message", room, id, message_type, reply_to };
    return this.#enqueue(`room\u0000${room}\u0000${id}`, frame, content, room, timeoutMs);
  }

  direct(to, content, { id = newId(), messageType: message_type, deviceType: device_type, timeoutMs } = {}) {
    const frame = { type: "direct", id, to, message_type, device_type };
    return this.#enqueue(`to\u0000${to}\u0000${id}`, frame, content, null, timeoutMs);
  }

  #typing(typing, room) {
    if (!this.#inRoom(room) || this.#suspended.has("typing") || !this.#takeToken()) return false;
    return this.#write({ type: "typing", typing: Boolean(typing), room });
  }

  #markRead(seq, room) {
    const record = this.#rooms.get(room);
    if (!record || !(seq > record.readWanted)) return;
    record.readWanted = seq;
    this.#flushReads();
  }

  #join(room) {
    const record = this.#rooms.get(room);
    if (!record) return Promise.reject(new SluiceError("not_in_room", "the room was left"));
    if (this.#state === "closed") return Promise.reject(new SluiceError("closed", "not connected"));
    if (this.#joins.has(room)) return this.#joins.get(room).promise;
    const entry = { ...deferred(), at: now() };
    this.#joins.set(room, entry);
    if (this.#inRoom(room)) this.#write({ type: "join", room }); // answered by `joined_room` alone
    return entry.promise;
  }

  #leave(room) {
    const live = this.#inRoom(room);
    this.#forgetRoom(room, new SluiceError("not_in_room", "the room was left"), false);
    if (live) this.#write({ type: "leave", room });
  }

  // the socket

  #dial() {
    clearTimeout(this.#retryTimer);
    this.#dropSocket();
    if (this.#rooms.size === 0) return this.#setState("idle"); // an address names a room
    this.#setState("connecting", { attempt: this.#attempt });
    this.#dialledAt = this.#lastInAt = now();
    this.#pingAt = this.#onlineAt = null;
    const attempt = (this.#dials += 1);
    const { getToken, token } = this.#options;
    if (!getToken) {
      this.#open(typeof token === "function" ? token() : token);
      return;
    }
    this.#freshToken().then(
      (fresh) => attempt === this.#dials && this.#state === "connecting" && this.#open(fresh),
      (error) => attempt === this.#dials && this.#state === "connecting" && this.#noToken(error),
    );
  }

  async #freshToken() {
    return this.#options.getToken();
  }

  #noToken(error) {
    this.#emit("error", { code: "no_token", message: String(error) });
    this.#lost(1006, "");
  }

  #open(token) {
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

  /** Lets go of the socket and of what held for this connection alone. */
  #disconnected() {
    this.#dropSocket();
    this.#dials += 1;
    this.#renewal = null;
    this.#inFlight = 0;
    for (const item of this.#outgoing.values()) item.inFlight = false;
    for (const request of this.#requests.values()) request.sent = false;
    for (const record of this.#rooms.values()) record.joined = false;
  }

  #lost(code, reason) {
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
      this.#end(error, { code, ...details });
      return;
    }
    this.#attempt += 1;
    this.#urls.push(this.#urls.shift());
    this.#setState("waiting", { delayMs: delay, attempt: this.#attempt, code, reason: details.reason });
    this.#retryTimer = setTimeout(() => this.#dial(), delay);
  }

  #end(error, detail) {
    if (this.#state === "closed") return;
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#pumpTimer);
    clearTimeout(this.#readTimer);
    clearInterval(this.#tickTimer);
    this.#pumpTimer = null;
    this.#dropSocket();
    this.#dials += 1;
    this.#watchBrowser("removeEventListener");
    for (const record of this.#rooms.values()) record.joined = false;
    this.#setState("closed", detail);
    this.#connected?.reject(error);
    for (const map of [this.#outgoing, this.#requests, this.#joins]) {
      const waiting = [...map.values()];
      map.clear();
      for (const entry of waiting) entry.reject(error);
    }
    const feeds = [...this.#objects.values()].flatMap((room) => [...room._feeds]);
    for (const feed of this.inbox._feed ? [...feeds, this.inbox._feed] : feeds) {
      feed.end(detail.code === 1000 ? undefined : error);
    }
    this.#inFlight = 0;
  }

  #setState(state, detail = {}) {
    this.#state = state;
    this.#emit("state", { state, ...detail });
  }

  /** To the room's or the inbox's listeners, and to the client's; true when somebody listened. */
  #emit(type, detail) {
    const { log } = this.#options;
    const place = detail.inbox || type === "direct" ? this.inbox : this.#objects.get(detail.room);
    const heard = place?._emit(type, detail, log);
    return this._emit(type, detail, log) || Boolean(heard);
  }

  #write(frame) {
    if (this.#state !== "online" || this.#socket?.readyState !== 1) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  // life signs

  #watchBrowser(verb) {
    globalThis[verb]?.("online", this.#onBrowserOnline);
    globalThis[verb]?.("offline", this.#probe);
    globalThis[verb]?.("pagehide", this.#onPageHide);
    globalThis[verb]?.("pageshow", this.#onPageShow);
    globalThis.document?.[verb]("visibilitychange", this.#onVisible);
  }

  // A browser may keep a left page, frozen, with its socket open: others would go on seeing its user.
  #onPageHide = () => {
    if (this.#state === "closed") return;
    this.#disconnected();
    clearTimeout(this.#retryTimer);
    this.#setState("waiting", { delayMs: 0, attempt: 0 });
  };
  #onPageShow = (event) => {
    if (event.persisted && this.#state === "waiting") this.#dial();
  };
  #onBrowserOnline = () => (this.#state === "waiting" ? this.#dial() : this.#probe());
  #onVisible = () => {
    if (document.visibilityState !== "visible") return;
    if (this.#state === "waiting") this.#dial();
    else this.#probe();
  };
  #probe = () => {
    if (this.#pingAt === null && this.#write({ type: "ping" })) this.#pingAt = now();
  };

  #tick() {
    const time = now();
    const { idleMs, pingTimeoutMs, connectTimeoutMs, sendTimeoutMs, requestTimeoutMs } = this.#options;
    if (this.#state === "connecting" && time - this.#dialledAt > connectTimeoutMs) this.#lost(1006, "");
    if (this.#state === "online") {
      // Frames right after the ping may have lain in the browser; later ones are life, only the pong is late.
      if (this.#pingAt !== null && this.#lastInAt - this.#pingAt > 1000) this.#pingAt = null;
      if (this.#pingAt !== null && time - this.#pingAt > pingTimeoutMs) this.#lost(4201, "");
      else if (time - this.#lastInAt > idleMs) this.#probe();
    }
    for (const [key, item] of this.#outgoing) {
      if (item.firstSentAt !== null && time - item.firstSentAt > sendTimeoutMs) {
        this.#tooLate(key);
      }
    }
    for (const map of [this.#requests, this.#joins]) {
      for (const [key, entry] of map) {
        if (time - entry.at <= requestTimeoutMs) continue;
        map.delete(key);
        entry.reject(new SluiceError("timeout", "no answer came in time"));
      }
    }
    this.#pump();
    this.#flushReads();
  }

  // sending

  #enqueue(key, frame, content, room, timeoutMs) {
    const known = this.#outgoing.get(key);
    if (known) return known.promise;
    if (this.#state === "closed") return Promise.reject(new SluiceError("closed", "not connected"));
    if (room !== null && !this.#rooms.has(room)) {
      return Promise.reject(new SluiceError("not_in_room", "join the room first"));
    }
    if (this.#outgoing.size >= this.#options.maxQueue) {
      return Promise.reject(new SluiceError("queue_full", "too many messages wait to be sent"));
    }
    let text;
    try {
      if (JSON.stringify(content) === undefined) throw new TypeError("the content is no JSON value");
      text = JSON.stringify({ ...frame, content });
    } catch (error) {
      return Promise.reject(new SluiceError("unserialisable", String(error)));
    }
    const item = { ...deferred(), id: frame.id, text, room, inFlight: false, firstSentAt: null, firstSentOn: 0 };
    this.#outgoing.set(key, item);
    if (timeoutMs !== undefined) {
      const timer = setTimeout(() => this.#outgoing.get(key) === item && this.#tooLate(key), timeoutMs);
      item.promise.catch(() => {}).then(() => clearTimeout(timer));
    }
    this.#pump();
    return item.promise;
  }

  #tooLate(key) {
    this.#settle(key).reject(new SluiceError("timeout", "no ack came; the outcome is not known"));
  }

  /** Takes a message out of the queue; its promise is the caller's to settle. */
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
      if (request.sent || now() < request.notBefore || !this.#inRoom(request.room)) continue;
      if (!this.#takeToken()) return this.#pumpIn(1000 / this.#rate);
      request.sent = this.#write({ ...request.frame, room: request.room, id });
    }
    for (const [key, item] of this.#outgoing) {
      if (item.inFlight || (item.room !== null && !this.#inRoom(item.room))) continue;
      if (this.#inFlight >= this.#options.maxInFlight) return;
      if (this.#socket.bufferedAmount > this.#options.maxBufferedBytes) return this.#pumpIn(50);
      const { text } = item;
      const { sendTimeoutMs } = this.#options;
      // The machine slept, which a monotonic clock may not count: the server has forgotten the id.
      if (item.firstSentAt !== null && Date.now() - item.firstSentOn > sendTimeoutMs) {
        this.#tooLate(key);
        continue;
      }
      if (text.length * 3 > this.#bytesMax && new TextEncoder().encode(text).length > this.#bytesMax) {
        // The server would end the connection over it.
        this.#settle(key).reject(new SluiceError("too_large", `a message may have ${this.#bytesMax} bytes`));
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
    }, Math.max(5, ms));
  }

  /** The connection's own bucket, kept a little under the server's, so that a refusal is the exception. */
  #takeToken() {
    if (this.#rate === Infinity) return true;
    const time = now();
    this.#tokens = Math.min(this.#rate, this.#tokens + ((time - this.#filledAt) / 1000) * this.#rate * 0.95);
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

  #request(frame, room) {
    if (this.#state === "closed") return Promise.reject(new SluiceError("closed", "not connected"));
    if (!this.#rooms.has(room)) return Promise.reject(new SluiceError("not_in_room", "join the room first"));
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

  #roomRecord(room) {
    if (!this.#rooms.has(room)) {
      this.#rooms.set(room, {
        epoch: null, seq: 0, // up to here everything was handed out
        joined: false, // on this connection
        seen: new Map(), // user and id -> {epoch, seq}, or null while provisional
        readWanted: 0, readSent: 0, readAt: -Infinity,
      });
    }
    return this.#rooms.get(room);
  }

  #inRoom(room) { return this.#state === "online" && Boolean(this.#rooms.get(room)?.joined); }

  #sendJoin(room) {
    const position = this.position(room);
    this.#write({ type: "join", room, ...(position && { since: position.seq, epoch: position.epoch }) });
  }

  #forgetRoom(room, error, loud = true) {
    for (const feed of this.#objects.get(room)?._feeds ?? []) feed.end(loud ? error : undefined);
    this.#objects.delete(room);
    this.#rooms.delete(room);
    for (const [key, item] of this.#outgoing) if (item.room === room) this.#settle(key).reject(error);
    for (const [id, request] of this.#requests) {
      if (request.room !== room) continue;
      this.#requests.delete(id);
      request.reject(error);
    }
    this.#joins.get(room)?.reject(error);
    this.#joins.delete(room);
  }

  #remember(record, user, id, place) {
    const key = `${user}\u0000${id}`;
    record.seen.delete(key);
    record.seen.set(key, place);
    if (record.seen.size > this.#options.maxSeen) record.seen.delete(record.seen.keys().next().value);
  }

  /** Moves the room's position; a jump that no `gap` announced is told, since it should not be. */
  #advance(record, room, epoch, seq) {
    const jump = record.epoch !== null && (record.epoch !== epoch || seq > record.seq + 1);
    if (jump) this.#emit("error", { code: "hole", message: `seq ${seq} came after ${record.seq}`, room });
    record.epoch = epoch;
    record.seq = seq;
  }

  // receiving

  #received(text) {
    this.#lastInAt = now();
    try {
      const frame = JSON.parse(text);
      if (typeof frame.type !== "string") throw new TypeError("no type");
      this.#take(frame);
    } catch (error) {
      // Whatever this was meant to be is lost: what is known of the rooms is resumed on a new connection.
      this.#emit("error", { code: "bad_server", message: `a frame that can't be understood: ${error}` });
      this.#lost(1006, "");
    }
  }

  #take(frame) {
    switch (frame.type) {
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

  /** The present token ends soon. Should no fresh one come, the server ends the connection with 4001. */
  #renew() {
    const attempt = this.#dials;
    if (!this.#options.getToken) return;
    this.#renewal = "";
    this.#freshToken().then((token) => {
      if (attempt !== this.#dials) return;
      this.#renewal = newId();
      this.#write({ type: "token", id: this.#renewal, token });
    }, (error) => {
      if (attempt !== this.#dials) return;
      this.#renewal = null;
      this.#emit("error", { code: "no_token", message: String(error) });
    });
  }

  #gotWelcome(frame) {
    this.#welcome = frame;
    this.#hint = frame.reconnect;
    this.#onlineAt = now();
    this.#pausedUntil = 0;
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
    const record = this.#rooms.get(frame.room);
    if (!record) {
      this.#write({ type: "leave", room: frame.room }); // left meanwhile, by this side
      return;
    }
    record.joined = true;
    if (record.epoch === null) Object.assign(record, { epoch: frame.epoch, seq: frame.seq });
    record.readSent = frame.read_seq ?? 0;
    this.#emit("joined_room", frame);
    this.#joins.get(frame.room)?.resolve(frame);
    this.#joins.delete(frame.room);
    this.#pump();
  }

  #gotLeftRoom(frame) {
    const room = this.#objects.get(frame.room);
    this.#forgetRoom(frame.room, new SluiceError("not_in_room", `the room was ${frame.reason}`));
    room?._emit("left_room", frame, this.#options.log);
    this.#emit("left_room", frame);
  }

  #gotMessage(frame) {
    const record = this.#rooms.get(need(frame, "room").room);
    if (!record) return;
    need(frame, "user", "id");
    const before = record.seen.get(`${frame.user}\u0000${frame.id}`);
    if (frame.provisional) {
      if (before !== undefined) return;
      this.#remember(record, frame.user, frame.id, null);
      this.#message(frame);
      return;
    }
    needPlace(frame);
    if (record.epoch === frame.epoch && frame.seq <= record.seq) return; // had it
    this.#advance(record, frame.room, frame.epoch, frame.seq);
    this.#remember(record, frame.user, frame.id, { epoch: frame.epoch, seq: frame.seq });
    const mine = frame.user === this.user && this.#settle(`room\u0000${frame.room}\u0000${frame.id}`);
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
      const { user, id, seq } = frame;
      this.#emit("confirm", { type: "confirm", room: frame.room, epoch: frame.epoch, entries: [{ user, id, seq }] });
    }
  }

  #message(frame) {
    this.#emit("message", frame);
    for (const feed of this.#objects.get(frame.room)?._feeds ?? []) feed.put(frame);
  }

  #gotAck(frame) {
    const toRoom = frame.room !== undefined;
    const key = toRoom ? `room\u0000${frame.room}\u0000${frame.id}` : `to\u0000${frame.to}\u0000${frame.id}`;
    const record = toRoom ? this.#rooms.get(frame.room) : undefined;
    if (record) {
      const place = frame.seq === undefined ? null : { epoch: frame.epoch, seq: frame.seq };
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
        this.#placeDirect(user, id, { epoch: frame.epoch, seq });
        if (!this.inbox._feed?.waits) this.#ackInbox(frame.epoch, seq);
      }
      return this.#emit("confirm", frame);
    }
    const record = this.#rooms.get(frame.room);
    if (!record) return;
    for (const { user, id, seq } of frame.entries) {
      // A place of another epoch, or one that was passed, answers a repetition and moves nothing; a new epoch comes
      // with a gap.
      const isNext = record.epoch === frame.epoch ? seq > record.seq : record.epoch === null;
      if (isNext) this.#advance(record, frame.room, frame.epoch, seq);
      this.#remember(record, user, id, { epoch: frame.epoch, seq });
    }
    this.#emit("confirm", frame);
  }

  #gotGap(frame) {
    const target = frame.inbox ? this.#inbox : this.#rooms.get(frame.room);
    if (!target) return;
    const previous = target.epoch === null ? null : { epoch: target.epoch, seq: target.seq };
    // Read marks are seqs of one epoch; the former one's wishes mean nothing in the new one.
    if (target.epoch !== frame.epoch) target.readWanted = target.readSent = 0;
    Object.assign(target, { epoch: frame.epoch, seq: frame.next_seq - 1 });
    this.#emit("gap", { ...frame, previous });
  }

  #gotDirect(frame) {
    const { from, id, epoch, seq, provisional } = need(frame, "from", "id");
    if (!provisional) needPlace(frame);
    if (!provisional && this.#inbox.epoch === epoch && seq <= this.#inbox.seq) return;
    const before = this.#inbox.seen.get(`${from}\u0000${id}`);
    const feed = this.inbox._feed;
    if (before !== undefined && provisional) return;
    if (before === null || (before && before.epoch !== epoch)) {
      // Had it, without a place or in a former epoch.
      this.#placeDirect(from, id, { epoch, seq });
      this.#emit("confirm", { type: "confirm", inbox: true, epoch, entries: [{ user: from, id, seq }] });
      if (!feed?.waits) this.#ackInbox(epoch, seq);
      return;
    }
    const heard = this.#emit("direct", frame);
    feed?.put(frame);
    if (!heard && !feed) return; // nobody has it: it stays pending for this device
    this.#placeDirect(from, id, provisional ? null : { epoch, seq });
    if (!provisional && !feed) this.#ackInbox(epoch, seq);
  }

  #placeDirect(from, id, place) {
    this.#remember(this.#inbox, from, id, place);
    const passed = place?.epoch === this.#inbox.epoch && place.seq <= this.#inbox.seq;
    if (place && !passed) Object.assign(this.#inbox, place);
  }

  #ackInbox(epoch, seq) {
    this.#write({ type: "inbox_ack", epoch, seq });
  }

  #gotAnswer(frame) {
    const request = this.#requests.get(frame.id);
    if (!request) return;
    this.#requests.delete(frame.id);
    request.resolve(frame);
  }

  #gotError(frame) {
    if (frame.id !== undefined && frame.id === this.#renewal) this.#renewal = null;
    const error = new SluiceError(frame.code, frame.message, { retryMs: frame.retry_ms });
    const wait = duration(frame.retry_ms) ?? (frame.code === "rate_limited" ? 1000 : undefined);
    const known = frame.id === undefined ? this.#joinRefused(frame, error, wait)
      : this.#requestRefused(frame, error, wait) || this.#messageRefused(frame, error, wait);
    if (!known) this.#emit("error", frame);
  }

  /** A history or users request; true when it was one. With `wait` it is asked again, until its own time is over. */
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

  /** A message of mine; true when it was one. With `wait` the whole queue waits, so that it keeps its order. */
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

  /** The entering of a further room; true when this was it. */
  #joinRefused({ room }, error, wait) {
    const record = room === undefined || room === this.#urlRoom ? undefined : this.#rooms.get(room);
    if (!record || record.joined) return false;
    const object = this.#objects.get(room);
    if (wait === undefined) {
      this.#forgetRoom(room, error);
      object?._emit("error", { code: error.code, message: error.message, room }, this.#options.log);
    }
    else setTimeout(() => this.#state === "online" && this.#rooms.has(room) && this.#sendJoin(room), wait);
    return true;
  }
}

/** `frame`, which must have these texts. */
function need(frame, ...names) {
  for (const name of names) if (typeof frame[name] !== "string") throw new TypeError(`no ${name}`);
  return frame;
}

function needPlace(frame) {
  if (typeof frame.epoch !== "string" || !Number.isInteger(frame.seq)) throw new TypeError("no position");
}

let warned = false;

/** The former client of one room and others by `join`: for one version more. Use `Sluice`. */
export class SluiceClient {
  #sluice;
  #options;
  constructor(options) {
    if (!warned) console.warn("sluice: SluiceClient goes with the next version; use Sluice and its room()");
    warned = true;
    this.#options = options;
    this.#sluice = new Sluice({ ...options, autoConnect: false });
    this.#sluice.room(options.room, options);
  }
  get room() { return this.#options.room; }
  get user() { return this.#sluice.user; }
  get device() { return this.#sluice.device; }
  get state() { return this.#sluice.state === "idle" ? "closed" : this.#sluice.state; }
  get welcome() { return this.#sluice.welcome; }
  get waiting() { return this.#sluice.waiting; }
  position(room = this.room) { return this.#sluice.position(room); }
  on(type, fn) { return this.#sluice.on(type, fn); }
  connect() {
    this.#sluice.room(this.room); // entered anew after it was deleted
    return this.#sluice.connect();
  }
  close() { this.#sluice.close(); }
  reconnectNow() { this.#sluice.reconnectNow(); }
  renewDevice() { return this.#sluice.renewDevice(); }
  send(content, { room = this.room, ...more } = {}) { return this.#sluice._core.send(room, content, more); }
  direct(to, content, options) { return this.#sluice.direct(to, content, options); }
  typing(typing, room = this.room) { return this.#sluice._core.typing(typing, room); }
  markRead(seq, room = this.room) { this.#sluice._core.markRead(seq, room); }
  history({ room = this.room, before, after, limit = 50 } = {}) {
    return this.#sluice._core.request({ type: "history", limit, before, after }, room);
  }
  users(room = this.room) { return this.#sluice._core.request({ type: "users" }, room); }
  async join(room, options) { return this.#sluice.room(room, options).joined(); }
  leave(room = this.room) { this.#sluice._core.leave(room); }
}

/** A promise with its ends; a rejection nobody waits for stays silent. */
function deferred() {
  const result = Promise.withResolvers ? Promise.withResolvers() : manualResolvers();
  result.promise.catch(() => {});
  return result;
}

function manualResolvers() {
  const result = {};
  result.promise = new Promise((resolve, reject) => Object.assign(result, { resolve, reject }));
  return result;
}

/** The JSON reason of a server-made close; {} when there is none. */
function parseReason(text) {
  try {
    const reason = JSON.parse(text);
    return typeof reason === "object" && reason !== null ? reason : {};
  } catch {
    return {}; // a plain reason, or none
  }
}
