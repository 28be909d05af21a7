/** The Sluice client for browsers, workers, Node.js 20 or later and React Native. Reference: docs/client.md. */

export type Json = string | number | boolean | null | Json[] | { [name: string]: Json };
export interface Position { epoch: string; seq: number }

export interface Message {
  type: "message"; room: string; id: string; user: string; device?: string; message_type: string; content: any;
  ts: number; reply_to?: number; epoch?: string; seq?: number;
  /** Not committed yet: a `confirm` with its place follows. */
  provisional?: true;
}
export interface Direct {
  type: "direct"; id: string; from: string; to: string; device?: string; message_type: string; content: any;
  ts: number; epoch?: string; seq?: number; provisional?: true;
}
export interface Ack {
  type: "ack"; room?: string; to?: string; id: string; epoch?: string; seq?: number; ts: number;
  durable?: "memory" | "redis" | "local"; duplicate?: true; stored?: false;
  /** The ack was lost, and the message itself came in a replay. */
  replayed?: true;
}
export interface Confirm {
  type: "confirm"; room?: string; inbox?: true; epoch: string; entries: { user: string; id: string; seq: number }[];
}
export interface Gap {
  type: "gap"; room?: string; inbox?: true; epoch: string; next_seq: number;
  reason: "trimmed" | "epoch_changed" | "not_stored" | "ahead"; previous: Position | null;
}
export interface JoinedRoom {
  type: "joined_room"; room: string; name?: string; epoch: string; seq: number; pending?: true; recovered: boolean;
  missed: number; users: number; read_seq?: number;
}
export interface HistoryPage {
  type: "history"; room?: string; epoch: string; messages: Message[]; complete: boolean;
}
export interface InboxPage {
  type: "history"; inbox: true; epoch: string; messages: Direct[]; complete: boolean;
}
export interface UsersList {
  type: "users"; room: string; count: number; complete: boolean;
  users: { user: string; read_seq?: number;
    devices: { device: string; device_type?: string; node: string; since_at: number }[] }[];
}
/** `idle`: no room is entered yet, or the last was left. */
export interface State {
  state: "idle" | "connecting" | "online" | "waiting" | "closed";
  delayMs?: number; attempt?: number; code?: number; reason?: string;
}
export interface Failure { code: string; message: string; room?: string; id?: string; retry_ms?: number }
interface Frame { [field: string]: any }

export interface Events {
  message: Message; ack: Ack; confirm: Confirm; gap: Gap; direct: Direct; joined_room: JoinedRoom; error: Failure;
  left_room: { room: string; reason: "left" | "deleted" | "forbidden" | "removed" };
  joined: { room: string; user: string; users: number }; left: { room: string; user: string; users: number };
  presence: { room: string; users: number }; typing: { room: string; user: string; typing: boolean };
  signal: { room: string; user: string; device: string; name: string; data?: unknown };
  read: { room: string; marks: { user: string; seq: number }[] };
  state: State; welcome: Frame; device: Frame; tier: Frame; mode: Frame; drain: Frame; token: Frame;
}

declare class Emitter {
  /** Calls `listener` for every event of `type`; returns a function that ends it. */
  on<Type extends keyof Events>(type: Type, listener: (event: Events[Type]) => void): () => void;
  once<Type extends keyof Events>(type: Type, listener: (event: Events[Type]) => void): () => void;
  off<Type extends keyof Events>(type: Type, listener: (event: Events[Type]) => void): void;
}

export interface SendOptions {
  /** The idempotency key; made when left out. */
  id?: string;
  messageType?: string;
  /** Gives up then with "timeout": the outcome is not known. */
  timeoutMs?: number;
}
export interface PageOptions { before?: number; after?: number; limit?: number }

/** Code "queue_full", "timeout", "closed", "too_large", "unserialisable", "bad_identifier", "bad_address",
 * "reader_too_slow", "busy", "not_in_room", or the server's. */
export class SluiceError extends Error {
  constructor(code: string, message?: string, details?: object);
  readonly code: string;
  readonly retryMs?: number;
  readonly closeCode?: number;
}

export class Room extends Emitter implements AsyncIterable<Message> {
  private constructor();
  readonly name: string;
  /** Up to here everything was handed out. */
  readonly position: Position | null;
  /** Waits for being in the room; rejects with the server's refusal. */
  joined(): Promise<JoinedRoom>;
  /** Sends any JSON value; resolves with the ack: it is committed. Waits while offline, and repeats until then. */
  send(content: unknown, options?: SendOptions & { replyTo?: number }): Promise<Ack>;
  /** Best effort: false when it was not sent. */
  typing(typing?: boolean): boolean;
  /** Shows the others something that nobody keeps, such as a cursor. Best effort: false when it was not sent. */
  signal(name: string, data?: unknown): boolean;
  markRead(seq: number): void;
  page(options?: PageOptions): Promise<HistoryPage>;
  /** After a seq ascending; else before a seq, or all, from the newest to the oldest. `limit` is a page's size. */
  history(options?: PageOptions): AsyncGenerator<Message, void>;
  users(): Promise<UsersList>;
  leave(): void;
  /** The messages that come from now on, until the room is left. */
  [Symbol.asyncIterator](): AsyncIterator<Message>;
}

/** What listeners have returned from, and what a `for await` has gone on from, is acked. One `for await` at a time. */
export class Inbox extends Emitter implements AsyncIterable<Direct> {
  private constructor();
  [Symbol.asyncIterator](): AsyncIterator<Direct>;
  /** One page of what was sent to me and by me, ascending. Rejects with "not_supported" where the node is too old. */
  page(options?: PageOptions): Promise<InboxPage>;
  /** All of it: ascending after a seq, else descending. */
  history(options?: PageOptions): AsyncGenerator<Direct, void>;
}

export interface Options {
  user: string;
  /** Origin of the gateway, as ws:// or wss://, or several, taken in turn; the page's own when left out. */
  url?: string;
  urls?: string[];
  /** One per browser tab when left out; in Node.js one per client. */
  device?: string;
  deviceType?: string;
  /** Called at each attempt, when the server says that the present token ends, and once after 4001. */
  getToken?: () => string | Promise<string>;
  /** A token that is not renewed: text, or a function that is called at each attempt. */
  token?: string | null | (() => string | null);
  /** The class to connect with, such as that of the package ws; the global WebSocket when left out. */
  websocket?: unknown;
  log?: (...words: unknown[]) => void;
  /** Dial when the first room is entered (true), or at `connect`. */
  autoConnect?: boolean;
  /** First step of the back-off (500), doubled per lost connection, and its bound (15000). */
  backoffBaseMs?: number;
  backoffMaxMs?: number;
  /** From dialling to `welcome` (15000). */
  connectTimeoutMs?: number;
  /** A connection that held this long ends the back-off (5000). */
  stableMs?: number;
  /** Silence after which the link is probed (15000), and how long the answer may take (5000). */
  idleMs?: number;
  pingTimeoutMs?: number;
  /** From the first transmission (240000): below the server's memory of ids, so that a repetition never doubles. */
  sendTimeoutMs?: number;
  /** Pages, users, joining (30000). */
  requestTimeoutMs?: number;
  /** Messages that wait for their ack (1000), and of these, sent on this connection (64). */
  maxQueue?: number;
  maxInFlight?: number;
  /** In the socket's own buffer (1 MiB). */
  maxBufferedBytes?: number;
  /** Remembered message ids per room (2048). */
  maxSeen?: number;
  /** Messages that wait in one `for await` (10000). */
  maxUnread?: number;
}

export class Sluice extends Emitter {
  constructor(options: Options);
  readonly user: string;
  readonly device: string;
  readonly state: State["state"];
  readonly welcome: Frame | null;
  /** How many messages wait for their ack. */
  readonly waiting: number;
  readonly inbox: Inbox;
  /** The room of this name, entered if it is not yet, from `since` if given. It stays over reconnects. */
  room(name: string, options?: { since?: Position }): Room;
  position(room: string): Position | null;
  /** Sends to a user's inbox, wherever they are; kept while they are away. As `Room.send`. */
  direct(to: string, content: unknown, options?: SendOptions & { deviceType?: string }): Promise<Ack>;
  /** Begins, also after the end. Resolves with the first `welcome`; rejects when it ended for good. */
  connect(): Promise<Frame>;
  /** Tries at once instead of at the end of the delay. */
  reconnectNow(): void;
  /** A new device id, e.g. after 4005 in a duplicated tab; holds from the next connect. */
  renewDevice(): string;
  /** Ends the connection; everything that still waits rejects with "closed". */
  close(): void;
}

/** @deprecated Use `Sluice` and its `room()`; goes with the next version. */
export class SluiceClient { constructor(options: any); [name: string]: any }

export const CLOSE_CODES: { atOnce: Set<number>; afterRetry: Set<number>; never: Set<number> };
export function newId(): string;
export function identifierProblem(text: unknown): string | null;
export function reconnectDelay(loss: {
  code: number; retryMs?: number; hint?: { min_ms: number; max_ms: number } | null; attempt: number; baseMs: number;
  maxMs: number; random: number;
}): number | null;
