// A WebSocket whose other end is the test: put in the browser's place before the client is made.
// Used by test_client.py; `begin` gives a client, a list of all its events, and the socket of the moment.

class FakeSocket {
  static OPEN = 1;
  static made = [];

  constructor(url, protocols) {
    Object.assign(this, { url: new URL(url), protocols, readyState: 0, bufferedAmount: 0, sent: [] });
    FakeSocket.made.push(this);
  }

  send(text) { this.sent.push(JSON.parse(text)); }
  close() { this.readyState = 3; }

  /** A frame from the server. */
  get(frame) { this.onmessage({ data: JSON.stringify(frame) }); }

  /** The connection ends. */
  lose(code, reason = "") {
    this.readyState = 3;
    this.onclose({ code, reason });
  }

  welcome(more = {}) {
    this.readyState = 1;
    this.get({
      type: "welcome", user: "alice", heartbeat_ms: 30000, tier: "normal", mode: "single",
      limits: { message_bytes: 1000, messages_per_second: 1000 },
      inbox: { epoch: "i", seq: 0, pending: 0 }, reconnect: { min_ms: 10, max_ms: 20 }, ...more,
    });
  }

  joined(more = {}) {
    this.get({ type: "joined_room", room: "r", epoch: "e", seq: 0, recovered: false, missed: 0, users: 1, ...more });
  }

  message(seq, more = {}) {
    const usual = { type: "message", room: "r", epoch: "e", user: "bob", message_type: "text", ts: 1 };
    this.get({ ...usual, seq, id: `m${seq}`, content: seq, ...more });
  }

  ack(frame, seq, more = {}) {
    const { id, room = "r" } = frame;
    this.get({ type: "ack", room, id, epoch: "e", seq, ts: 1, durable: "memory", ...more });
  }
}

async function begin(options = {}) {
  window.WebSocket = FakeSocket;
  const { SluiceClient } = await import("/client.js");
  const client = new SluiceClient({ room: "r", user: "alice", ...options });
  const events = [];
  for (const type of ["state", "message", "ack", "confirm", "gap", "direct", "error"]) {
    client.on(type, (detail) => events.push([type, detail]));
  }
  client.connect();
  return {
    client, events,
    of: (type) => events.filter(([each]) => each === type).map(([, detail]) => detail),
    get socket() { return FakeSocket.made.at(-1); },
    /** Loses the connection and dials again at once. */
    again(code = 1006) {
      FakeSocket.made.at(-1).lose(code);
      client.reconnectNow();
      return FakeSocket.made.at(-1);
    },
    sent: (type) => FakeSocket.made.at(-1).sent.filter((frame) => frame.type === type),
  };
}

/** The outcome of a promise as text or value, or "waiting" when it is open. */
const outcome = (promise) => Promise.race([promise.catch((error) => error.code), pause(0).then(() => "waiting")]);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
