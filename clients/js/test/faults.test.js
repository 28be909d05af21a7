// What only a socket under the test's hand shows: faults of callers and of listeners, without a server.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Sluice } from "../sluice.js";

const turn = () => new Promise((done) => setImmediate(done));

/** A client whose sockets are in `sockets`. */
function make(t, options) {
  const sockets = [];
  class Socket {
    readyState = 1;
    bufferedAmount = 0;
    frames = [];
    constructor(url) {
      this.url = url;
      sockets.push(this);
    }
    send(text) { this.frames.push(JSON.parse(text)); }
    close() {}
    get(frame) { this.onmessage({ data: JSON.stringify(frame) }); }
  }
  const sluice = new Sluice({ url: "ws://x", user: "ann", websocket: Socket, log() {}, ...options });
  t.after(() => sluice.close());
  return { sluice, sockets };
}

test("a room that is left while a token is fetched is not dialled", async (t) => {
  let give;
  const { sluice, sockets } = make(t, { getToken: () => new Promise((done) => (give = done)) });
  const room = sluice.room("r");
  await turn();
  room.leave();
  give("t");
  await turn();
  assert.deepEqual([sockets.length, sluice.state], [0, "idle"]);
});

test("a token function that throws is an error, and no crash", async (t) => {
  const { sluice, sockets } = make(t, { token() { throw new Error("no"); } });
  const codes = [];
  sluice.on("error", (error) => codes.push(error.code));
  sluice.room("r");
  await turn();
  assert.deepEqual([codes, sockets.length, sluice.state], [["no_token"], 0, "waiting"]);
});

test("a listener that closes while the client dials leaves it closed", async (t) => {
  const { sluice, sockets } = make(t);
  sluice.on("state", ({ state }) => state === "connecting" && sluice.close());
  sluice.room("r");
  await turn();
  assert.deepEqual([sockets.length, sluice.state], [0, "closed"]);
});

test("a listener of the end that connects has a promise of its own", async (t) => {
  const { sluice, sockets } = make(t);
  let second;
  sluice.once("state", () => {}); // connecting
  sluice.on("state", ({ state }) => state === "closed" && (second ??= sluice.connect()));
  sluice.room("r");
  await turn();
  sockets[0].onclose({ code: 4005, reason: "" });
  await turn();
  sockets[1].get({ type: "welcome" });
  assert.equal((await second).type, "welcome");
});

test("a call that is refused at once and that nobody waits for ends no process", async (t) => {
  const { sluice } = make(t);
  const seen = [];
  const hear = (error) => seen.push(error);
  process.on("unhandledRejection", hear);
  t.after(() => process.off("unhandledRejection", hear));
  const room = sluice.room("r");
  room.send(1n);
  room.send("x", { id: "" });
  room.leave();
  room.send("x");
  room.page();
  room.joined();
  sluice.close();
  sluice.direct("bob", "x");
  await turn();
  assert.deepEqual(seen, []);
});

test("a timeout without end is none", async (t) => {
  const { sluice } = make(t);
  let outcome = null;
  sluice.room("r").send("x", { timeoutMs: Infinity }).catch((error) => (outcome = error));
  await new Promise((done) => setTimeout(done, 20));
  assert.equal(outcome, null);
});

test("a reason of a close does not pretend to be its code", async (t) => {
  const { sluice, sockets } = make(t);
  const states = [];
  sluice.on("state", (state) => states.push(state));
  sluice.room("r");
  await turn();
  sockets[0].onclose({ code: 4003, reason: '{"code": 1000, "reason": "no"}' });
  assert.deepEqual(states.at(-1), { state: "closed", code: 4003, reason: "no" });
});
