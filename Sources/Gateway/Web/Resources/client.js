/**
 * The Sluice browser client: one ES module, no dependencies, one file so that it can be copied.
 *
 *     import { SluiceClient } from "/client.js";
 *     const client = new SluiceClient({ room: "lobby", user: "alice" });
 *     client.on("message", (m) => console.log(m.user, m.content));
 *     client.connect();
 *     await client.send("hello");            // resolves with the server's ack
 *
 * What it takes off your hands:
 *  - reconnecting with the delays that the server asks for, and with bounded back-off where it asked for none;
 *  - resuming every room from the last position (epoch and seq), so that nothing is missed and nothing comes twice;
 *  - sending what was not acked again, under the same id, in order, until it is acked;
 *  - pacing to the connection's message rate, and waiting where the server says `retry_ms`;
 *  - noticing a dead link (browser events, and an application ping after silence);
 *  - fetching a fresh token before the old one ends, on the living connection;
 *  - letting go of a page that was left.
 *
 * Events, by `on(type, fn)`; each gets one plain object:
 *   `state`    {state: "connecting" | "online" | "waiting" | "closed", delayMs?, attempt?, code?, reason?}
 *   `message`  a message of a room, in order and once; `provisional: true` until a `confirm` names it
 *   `ack`      the answer to one of my messages (the promise of `send` gets the same object)
 *   `confirm`  {room | inbox, epoch, entries}: messages seen before now have this place
 *   `gap`      {room | inbox, epoch, next_seq, reason, previous}: what lies between can't be replayed; on “ahead” reload
 *   `direct`   a message to me alone; confirmed to the server once every listener has returned
 *   `error`    {code, message, ...}: an error that belongs to no promise
 *   and as the server sends them: `welcome`, `joined_room`, `left_room`, `joined`, `left`, `presence`, `device`,
 *   `typing`, `read`, `tier`, `mode`, `drain`.
 * All content is data: nothing here ever touches the document.
 */

/** Close codes by what they ask of a client; any other code means: try again with back-off. */
export const CLOSE_CODES = {
  atOnce: new Set([1000, 1001, 4201]),
  afterRetry: new Set([1012, 1013, 4100, 4101, 4102]),
  never: new Set([1002, 1003, 1007, 1008, 1009, 4001, 4003, 4004, 4005, 4006]),
};

const DEFAULTS = {
  deviceType: "browser",
  backoffBaseMs: 500, // first step of the back-off, doubled per failed attempt
  backoffMaxMs: 15000, // and its bound
  connectTimeoutMs: 15000, // from dialling to `welcome`
  idleMs: 15000, // silence after which the link is probed
  pingTimeoutMs: 5000, // and how long the answer may take
  sendTimeoutMs: 240000, // from the first transmission; below the server's memory of ids (300 s): a retry never doubles
  requestTimeoutMs: 30000, // history, users, join
  maxQueue: 1000, // messages that wait for their ack, sent or not
  maxInFlight: 64, // of these, sent on this connection
  maxBufferedBytes: 1 << 20, // in the browser's own send buffer
  maxSeen: 2048, // remembered message ids per room
};

const READ_EVERY_MS = 300; // read marks rise in steps of this

/** What `send` and the other promises reject with; `code` is the server's, or "queue_full", "timeout", "closed". */
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

/**
 * Milliseconds to wait before the next attempt, or null for "not without a change".
 * `attempt` counts failures since the last `welcome`; `hint` is the server's {min_ms, max_ms}; `random` is in [0, 1).
 */
export function reconnectDelay({ code, retryMs, hint, attempt, baseMs, maxMs, random }) {
  if (CLOSE_CODES.never.has(code)) return null;
  const backoff = 100 + random * Math.min(maxMs, baseMs * 2 ** Math.min(attempt, 16));
  if (attempt === 0 && CLOSE_CODES.atOnce.has(code)) return 0;
  if (retryMs !== undefined) return attempt === 0 ? retryMs : Math.max(retryMs, backoff);
  if (attempt === 0 && hint) return hint.min_ms + random * Math.max(0, hint.max_ms - hint.min_ms);
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

/** A connection to one room (and others by `join`) as one user, which keeps itself alive. */
export class SluiceClient {
  #options;
  #listeners = new Map(); // type -> Set of functions
  #socket = null;
  #state = "closed";
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
  #inbox = { epoch: null, seq: 0 };
  #connected = null; // {promise, resolve, reject} of connect()
  #dials = 0; // counts attempts, so that a token which comes late is for none
  #renewal = null; // id of the token frame that waits for its answer; "" while getToken works
  #triedFresh = false; // after 4001, once until the next welcome

  /**
   * `room` and `user` are required. Optional: `device` (else one per browser tab), `getToken` (a function that resolves
   * with a token: called at each attempt, when the server says that the present one ends soon, and once after 4001) or
   * `token` (text, or a function that returns it, asked at each attempt), `url` (origin of the gateway as ws:// or wss://, else the page's own), `since`
   * ({epoch, seq}: resume the room from there), and every name in DEFAULTS.
   */
  constructor(options) {
    this.#options = { ...DEFAULTS, ...options };
    for (const name of ["room", "user"]) {
      const problem = identifierProblem(this.#options[name]);
      if (problem) throw new SluiceError("bad_identifier", `${name} ${problem}`);
    }
    this.device = this.#options.device ?? tabDevice();
    const first = this.#roomRecord(this.#options.room);
    if (this.#options.since) Object.assign(first, { epoch: this.#options.since.epoch, seq: this.#options.since.seq });
  }

  get room() { return this.#options.room; }
  get user() { return this.#options.user; }
  get state() { return this.#state; }
  /** The last `welcome`, or null. */
  get welcome() { return this.#welcome; }
  /** How many messages wait for their ack. */
  get waiting() { return this.#outgoing.size; }
  /** {epoch, seq} up to which everything of the room was handed out, or null. */
  position(room = this.room) {
    const record = this.#rooms.get(room);
    return record && record.epoch !== null ? { epoch: record.epoch, seq: record.seq } : null;
  }

  /** Calls `fn` for every event of `type`; returns a function that ends it. */
  on(type, fn) {
    if (!this.#listeners.has(type)) this.#listeners.set(type, new Set());
    this.#listeners.get(type).add(fn);
    return () => this.#listeners.get(type).delete(fn);
  }

  /** Opens the connection and keeps it open. Resolves with the first `welcome`; rejects when it ended for good. */
  connect() {
    if (this.#state !== "closed") return this.#connected.promise;
    this.#connected = deferred();
    this.#attempt = 0;
    this.#watchBrowser("addEventListener");
    this.#tickTimer = setInterval(() => this.#tick(), 1000);
    this.#dial();
    return this.#connected.promise;
  }

  /** Ends the connection; everything that still waits rejects with "closed". */
  close() {
    this.#end(new SluiceError("closed", "the client was closed"), { code: 1000 });
  }

  /** Tries at once instead of at the end of the delay. */
  reconnectNow() {
    if (this.#state === "waiting") this.#dial();
  }

  /** Takes a new device id, e.g. after 4005 in a duplicated tab; holds from the next connect. */
  renewDevice() {
    this.device = tabDevice(true);
    return this.device;
  }

  /**
   * Sends `content` (any JSON value) to a room. Resolves with the ack: `seq`, `epoch`, `ts`, `durable`, `duplicate`?.
   * Waits, bounded, while offline. Rejects with a SluiceError: the server's code, "too_large",
   * "queue_full", "closed", or "timeout", which means that the outcome is not known.
   */
  send(content, { room = this.room, id = newId(), messageType, replyTo } = {}) {
    const frame = { type: "message", id, content };
    if (room !== this.room) frame.room = room;
    if (messageType !== undefined) frame.message_type = messageType;
    if (replyTo !== undefined) frame.reply_to = replyTo;
    return this.#enqueue(`room\u0000${room}\u0000${id}`, frame, room);
  }

  /** Sends to a user's inbox, wherever they are; kept while they are away. As `send`. */
  direct(to, content, { id = newId(), messageType, deviceType } = {}) {
    const frame = { type: "direct", id, to, content };
    if (messageType !== undefined) frame.message_type = messageType;
    if (deviceType !== undefined) frame.device_type = deviceType;
    return this.#enqueue(`to\u0000${to}\u0000${id}`, frame, null);
  }

  /** Tells the room that I type, or stopped to. Best effort: false when it was not sent. */
  typing(typing, room = this.room) {
    if (!this.#inRoom(room) || this.#suspended.has("typing") || !this.#takeToken()) return false;
    return this.#write({ type: "typing", typing: Boolean(typing), ...this.#roomField(room) });
  }

  /** Raises my read mark; the newest wish is sent as soon as it can be. */
  markRead(seq, room = this.room) {
    const record = this.#rooms.get(room);
    if (!record || !(seq > record.readWanted)) return;
    record.readWanted = seq;
    this.#flushReads();
  }

  /** Messages of a room, ascending: before or after a seq, else the newest. Resolves with the `history` frame. */
  history({ room = this.room, before, after, limit = 50 } = {}) {
    const frame = { type: "history", limit, ...this.#roomField(room) };
    if (before !== undefined) frame.before = before;
    if (after !== undefined) frame.after = after;
    return this.#request(frame, room);
  }

  /** Who is in a room. Resolves with the `users` frame. */
  users(room = this.room) {
    return this.#request({ type: "users", ...this.#roomField(room) }, room);
  }

  /** Enters a further room, from `since` ({epoch, seq}) if given. Resolves with `joined_room`. Kept over reconnects. */
  join(room, { since } = {}) {
    const problem = identifierProblem(room);
    if (problem) return Promise.reject(new SluiceError("bad_identifier", `room ${problem}`));
    if (this.#joins.has(room)) return this.#joins.get(room).promise;
    const record = this.#roomRecord(room);
    if (since && record.epoch === null) Object.assign(record, { epoch: since.epoch, seq: since.seq });
    const entry = { ...deferred(), at: Date.now() };
    this.#joins.set(room, entry);
    if (this.#state === "online") this.#sendJoin(room);
    return entry.promise;
  }

  /** Leaves a room; the connection lives on. What still waits for that room rejects with "not_in_room". */
  leave(room = this.room) {
    const live = this.#inRoom(room);
    this.#forgetRoom(room, new SluiceError("not_in_room", "the room was left"));
    if (live) this.#write({ type: "leave", room });
  }

  // ---- the socket ------------------------------------------------------------------------------------------------

  #dial() {
    clearTimeout(this.#retryTimer);
    this.#dropSocket();
    this.#setState("connecting", { attempt: this.#attempt });
    this.#dialledAt = this.#lastInAt = Date.now();
    this.#pingAt = null;
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

  /** What `getToken` gives; rejects also when it throws. */
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
      socket = new WebSocket(this.#address(token), ["sluice.v1"]);
    } catch (error) {
      this.#end(new SluiceError("bad_address", String(error)), { code: 0 });
      return;
    }
    this.#socket = socket;
    socket.onmessage = (event) => this.#received(event.data);
    socket.onclose = (event) => this.#lost(event.code, event.reason);
  }

  #address(token) {
    const { url, room, user, deviceType } = this.#options;
    const origin = url ?? `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}`;
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
    const details = parseReason(reason);
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
    this.#watchBrowser("removeEventListener");
    for (const record of this.#rooms.values()) record.joined = false;
    this.#setState("closed", detail);
    this.#connected.reject(error);
    for (const map of [this.#outgoing, this.#requests, this.#joins]) {
      const waiting = [...map.values()];
      map.clear();
      for (const entry of waiting) entry.reject(error);
    }
    this.#inFlight = 0;
  }

  #setState(state, detail = {}) {
    this.#state = state;
    this.#emit("state", { state, ...detail });
  }

  #emit(type, detail) {
    for (const fn of [...(this.#listeners.get(type) ?? [])]) {
      try {
        fn(detail);
      } catch (error) {
        reportError(error); // one listener's bug is not another's loss
      }
    }
  }

  #write(frame) {
    if (this.#state !== "online" || this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  // ---- life signs ------------------------------------------------------------------------------------------------

  #watchBrowser(verb) {
    window[verb]("online", this.#onBrowserOnline);
    window[verb]("offline", this.#probe);
    window[verb]("pagehide", this.#onPageHide);
    window[verb]("pageshow", this.#onPageShow);
    document[verb]("visibilitychange", this.#onVisible);
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
    if (this.#pingAt === null && this.#write({ type: "ping", t: Date.now() })) this.#pingAt = Date.now();
  };

  #tick() {
    const now = Date.now();
    const { idleMs, pingTimeoutMs, connectTimeoutMs, sendTimeoutMs, requestTimeoutMs } = this.#options;
    if (this.#state === "connecting" && now - this.#dialledAt > connectTimeoutMs) this.#lost(1006, "");
    if (this.#state === "online") {
      // Frames right after the ping may have lain in the browser; later ones are life, only the pong is late.
      if (this.#pingAt !== null && this.#lastInAt - this.#pingAt > 1000) this.#pingAt = null;
      if (this.#pingAt !== null && now - this.#pingAt > pingTimeoutMs) this.#lost(4201, "");
      else if (now - this.#lastInAt > idleMs) this.#probe();
    }
    for (const [key, item] of this.#outgoing) {
      if (item.firstSentAt !== null && now - item.firstSentAt > sendTimeoutMs) {
        this.#settle(key).reject(new SluiceError("timeout", "no ack came; the outcome is not known"));
      }
    }
    for (const map of [this.#requests, this.#joins]) {
      for (const [key, entry] of map) {
        if (now - entry.at <= requestTimeoutMs) continue;
        map.delete(key);
        entry.reject(new SluiceError("timeout", "no answer came in time"));
      }
    }
    this.#pump();
    this.#flushReads();
  }

  // ---- sending ---------------------------------------------------------------------------------------------------

  #enqueue(key, frame, room) {
    const known = this.#outgoing.get(key);
    if (known) return known.promise;
    if (this.#state === "closed") return Promise.reject(new SluiceError("closed", "not connected"));
    if (room !== null && !this.#rooms.has(room)) {
      return Promise.reject(new SluiceError("not_in_room", "join the room first"));
    }
    if (this.#outgoing.size >= this.#options.maxQueue) {
      return Promise.reject(new SluiceError("queue_full", "too many messages wait to be sent"));
    }
    const item = { ...deferred(), frame, room, inFlight: false, firstSentAt: null };
    this.#outgoing.set(key, item);
    this.#pump();
    return item.promise;
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
    const pause = this.#pausedUntil - Date.now();
    if (pause > 0) return this.#pumpIn(pause);
    for (const [id, request] of this.#requests) {
      if (request.sent || Date.now() < request.notBefore || !this.#inRoom(request.room)) continue;
      if (!this.#takeToken()) return this.#pumpIn(1000 / this.#rate);
      request.sent = this.#write({ ...request.frame, id });
    }
    for (const [key, item] of this.#outgoing) {
      if (item.inFlight || (item.room !== null && !this.#inRoom(item.room))) continue;
      if (this.#inFlight >= this.#options.maxInFlight) return;
      if (this.#socket.bufferedAmount > this.#options.maxBufferedBytes) return this.#pumpIn(50);
      if (!this.#takeToken()) return this.#pumpIn(1000 / this.#rate);
      const text = JSON.stringify(item.frame);
      if (text.length * 3 > this.#bytesMax && new TextEncoder().encode(text).length > this.#bytesMax) {
        // The server would end the connection over it.
        this.#settle(key).reject(new SluiceError("too_large", `a message may have ${this.#bytesMax} bytes`));
        continue;
      }
      this.#socket.send(text);
      item.inFlight = true;
      item.firstSentAt ??= Date.now();
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
    const now = Date.now();
    this.#tokens = Math.min(this.#rate, this.#tokens + ((now - this.#filledAt) / 1000) * this.#rate * 0.95);
    this.#filledAt = now;
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
    const entry = { ...deferred(), frame, room, at: Date.now(), notBefore: 0, sent: false };
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
      if (Date.now() - record.readAt < READ_EVERY_MS) {
        this.#readTimer ??= setTimeout(() => this.#flushReads(), READ_EVERY_MS);
        continue;
      }
      const frame = { type: "read", seq: record.readWanted, ...this.#roomField(room) };
      if (!this.#takeToken() || !this.#write(frame)) return;
      record.readSent = record.readWanted;
      record.readAt = Date.now();
    }
  }

  // ---- rooms -----------------------------------------------------------------------------------------------------

  #roomRecord(room) {
    if (!this.#rooms.has(room)) {
      this.#rooms.set(room, {
        epoch: null, seq: 0, // up to here everything was handed out
        joined: false, // on this connection
        seen: new Map(), // user and id -> {epoch, seq}, or null while provisional
        readWanted: 0, readSent: 0, readAt: 0,
      });
    }
    return this.#rooms.get(room);
  }

  #inRoom(room) { return this.#state === "online" && Boolean(this.#rooms.get(room)?.joined); }
  #roomField(room) { return room === this.room ? {} : { room }; }

  #sendJoin(room) {
    const position = this.position(room);
    this.#write({ type: "join", room, ...(position && { since: position.seq, epoch: position.epoch }) });
  }

  #forgetRoom(room, error) {
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

  // ---- receiving -------------------------------------------------------------------------------------------------

  #received(text) {
    this.#lastInAt = Date.now();
    const frame = JSON.parse(text);
    switch (frame.type) {
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
    this.#triedFresh = false;
    this.#hint = frame.reconnect;
    this.#attempt = 0;
    this.#pausedUntil = 0;
    this.#suspended = new Set();
    this.#rate = this.#tokens = frame.limits?.messages_per_second || Infinity;
    this.#bytesMax = frame.limits?.message_bytes || Infinity;
    this.#filledAt = Date.now();
    this.#setState("online");
    this.#emit("welcome", frame);
    this.#connected.resolve(frame);
    for (const room of this.#rooms.keys()) if (room !== this.room) this.#sendJoin(room);
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
    this.#forgetRoom(frame.room, new SluiceError("not_in_room", `the room was ${frame.reason}`));
    this.#emit("left_room", frame);
  }

  #gotMessage(frame) {
    const record = this.#rooms.get(frame.room);
    if (!record) return;
    const before = record.seen.get(`${frame.user}\u0000${frame.id}`);
    if (frame.provisional) {
      if (before !== undefined) return;
      this.#remember(record, frame.user, frame.id, null);
      this.#emit("message", frame);
      return;
    }
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
      this.#emit("message", frame); // the second case: the sender used an id anew, long after
    } else if (before === null || before.epoch !== frame.epoch) {
      const { user, id, seq } = frame;
      this.#emit("confirm", { type: "confirm", room: frame.room, epoch: frame.epoch, entries: [{ user, id, seq }] });
    }
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
      for (const { seq } of frame.entries) this.#ackInbox(frame.epoch, seq);
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
    if (this.#inbox.epoch === frame.epoch && frame.seq <= this.#inbox.seq) return;
    const heard = this.#listeners.get("direct")?.size > 0;
    this.#emit("direct", frame);
    if (!heard) return; // nobody has it: it stays pending for this device
    if (frame.provisional) return; // its place comes with a confirm
    this.#ackInbox(frame.epoch, frame.seq);
  }

  #ackInbox(epoch, seq) {
    this.#inbox = { epoch, seq };
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
    const wait = frame.retry_ms ?? (frame.code === "rate_limited" ? 1000 : undefined);
    const known = frame.id === undefined ? this.#joinRefused(frame, error, wait)
      : this.#requestRefused(frame, error, wait) || this.#messageRefused(frame, error, wait);
    if (!known) this.#emit("error", frame);
  }

  /** A history or users request; true when it was one. With `wait` it is asked again, until its own time is over. */
  #requestRefused(frame, error, wait) {
    const request = this.#requests.get(frame.id);
    if (!request) return false;
    if (wait !== undefined) {
      Object.assign(request, { sent: false, notBefore: Date.now() + wait });
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
      if (item.frame.id !== frame.id || elsewhere) continue;
      if (wait === undefined) {
        this.#settle(key).reject(error);
      } else {
        if (item.inFlight) this.#inFlight -= 1;
        item.inFlight = false;
        this.#pausedUntil = Math.max(this.#pausedUntil, Date.now() + wait);
      }
      this.#pump();
      return true;
    }
    return false;
  }

  /** The entering of a further room; true when this was it. */
  #joinRefused({ room }, error, wait) {
    const record = room === undefined || room === this.room ? undefined : this.#rooms.get(room);
    if (!record || record.joined) return false;
    if (wait === undefined) this.#forgetRoom(room, error);
    else setTimeout(() => this.#state === "online" && this.#rooms.has(room) && this.#sendJoin(room), wait);
    return true;
  }
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
