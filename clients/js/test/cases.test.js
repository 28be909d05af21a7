// Every case of ../../cases.json, against the scripted server. PYTHON names an interpreter that has `websockets`; the
// package ws is Debian's node-ws or installed beside.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Sluice } from "../sluice.js";
import { WebSocket } from "./websocket.js";

const folder = new URL("../../", import.meta.url);
const { cases } = JSON.parse(readFileSync(new URL("cases.json", folder)));
const QUICK = { backoff_base_ms: 20, backoff_max_ms: 100 };
const BOUND = 10000;
const EVENTS = ["message", "gap", "confirm", "direct", "error", "joined_room", "left_room", "drain", "state"];
const monotonic = performance.now.bind(performance);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const camel = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());

let process_, server;
before(async () => {
  const script = fileURLToPath(new URL("scripted_server.py", folder));
  process_ = spawn(process.env.PYTHON ?? "python3", [script], { stdio: ["pipe", "pipe", "inherit"] });
  server = `127.0.0.1:${Number((await once(process_.stdout, "data"))[0])}`;
});
after(async () => {
  process_.stdin.end();
  await once(process_, "exit");
});

/** True when `value` has all of `fields`; objects in them likewise. */
const has = (value, fields) => Object.entries(fields).every(([name, field]) =>
  field !== null && typeof field === "object" && !Array.isArray(field)
    ? has(value[name] ?? {}, field)
    : JSON.stringify(value[name] ?? null) === JSON.stringify(field));

class Run {
  constructor(each, t) {
    this.address = `http://${server}/${each.name}/verdict`;
    const tokens = [...(each.tokens ?? [])];
    const options = Object.entries({ ...QUICK, ...each.options }).map(([name, value]) => [camel(name), value]);
    this.sluice = new Sluice({
      url: `ws://${server}/${each.name}`, user: "ann", websocket: WebSocket, ...Object.fromEntries(options),
      ...(each.tokens && { getToken: async () => tokens.shift() }),
    });
    this.events = Object.fromEntries(EVENTS.map((type) => [type, []]));
    this.read = Object.fromEntries(EVENTS.map((type) => [type, 0]));
    for (const type of EVENTS) if (!each.deaf?.includes(type)) this.listen(type);
    this.calls = new Map();
    this.t = t;
  }

  listen(type) { this.sluice.on(type, (event) => this.events[type].push(event)); }

  react(action) {
    if (action === "close") this.sluice.close();
    else if (action === "reconnect") this.sluice.reconnectNow();
    else this.sluice.connect();
  }

  async verdict() { return (await fetch(this.address)).json(); }

  async until(condition, what) {
    const deadline = monotonic() + BOUND;
    while (!(await condition())) {
      const seen = () => JSON.stringify([what, this.events]);
      if (monotonic() > deadline) assert.fail(`${seen()} ${JSON.stringify(await this.verdict())}`);
      await pause(10);
    }
  }

  connected(count) {
    return this.until(async () => {
      const { failures, connections } = await this.verdict();
      assert.deepEqual(failures, []);
      return connections.length >= count && connections[count - 1].done;
    }, `connection ${count}`);
  }

  start(id, promise) {
    promise.catch(() => {});
    this.calls.set(id, promise);
  }

  async act(step) {
    const [verb, value] = Object.entries(step)[0];
    const { id } = step;
    const seen = this.events[value];
    switch (verb) {
      case "room": {
        const { since } = step;
        return this.sluice.room(value, since && { since: { epoch: since[0], seq: since[1] } });
      }
      case "send": return this.start(id, this.sluice.room(step.room ?? "r").send(value, { id }));
      case "unserialisable": return this.start(id, this.sluice.room("r").send({ x: 1n }, { id }));
      case "direct": return this.start(id, this.sluice.direct(step.to, value, { id }));
      case "page": return this.start(id, this.sluice.room("r").page(value));
      case "outcome": {
        let result = null;
        this.calls.get(value).then((answer) => (result = answer), (error) => (result = { refused: error.code }));
        await this.until(() => result, step);
        return assert.ok(has(result, step.is ?? { refused: step.refused }), JSON.stringify([step, result]));
      }
      case "event":
        await this.until(() => seen.length > this.read[value], step);
        return assert.ok(has(seen[this.read[value]++], step.has), JSON.stringify([step, seen]));
      case "events":
        return this.until(
          () => JSON.stringify(seen.map((event) => event[step.field])) === JSON.stringify(step.are), step);
      case "state":
        return this.until(() => this.events.state.some((each) => has(each, { state: value, ...step.has })), step);
      case "position":
        return this.until(() => {
          const { position } = this.sluice.room(value);
          return position?.epoch === step.is[0] && position.seq === step.is[1];
        }, step);
      case "leave": return this.sluice.room(value).leave();
      case "listen": return this.listen(value);
      case "when": {
        const end = this.sluice.on(value, (event) => {
          if (!has(event, step.has)) return;
          end();
          this.react(step.then);
        });
        return undefined;
      }
      case "reconnect": return this.sluice.reconnectNow();
      case "iterate": return (this.iteration = this.sluice.inbox[Symbol.asyncIterator]());
      case "taken": return assert.ok(has((await this.iteration.next()).value, value));
      case "break": return this.iteration.return();
      case "clock": {
        const { now } = Date;
        return this.t.mock.method(Date, "now", () => now() + value * 1000);
      }
      case "elapse": return pause(value);
      case "at_most": return assert.ok((await this.verdict()).connections.length <= value);
      case "connected": return this.connected(value);
      default: return assert.fail(`no such step: ${verb}`);
    }
  }
}

for (const each of cases) {
  test(each.name, async (t) => {
    const run = new Run(each, t);
    try {
      for (const step of each.client) await run.act(step);
      await run.connected(each.connections.length);
      // What was to come only once must not have come again until the last script was through.
      for (const step of each.client) if ("events" in step) await run.act(step);
    } finally {
      run.sluice.close();
    }
  });
}
