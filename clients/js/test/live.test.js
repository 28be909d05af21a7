// Against the real node at SLUICE_URL (ws://…); without it there is nothing to test against, which is a failure.
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Sluice, newId } from "../sluice.js";
import { WebSocket } from "./websocket.js";

const url = process.env.SLUICE_URL;
assert.ok(url, "SLUICE_URL must name a node");
const make = (t, user, more) => {
  const sluice = new Sluice({ url, user, websocket: WebSocket, ...more });
  t.after(() => sluice.close());
  return sluice;
};
const collect = async (iterator, count = Infinity) => {
  const all = [];
  for await (const each of iterator) if (all.push(each) >= count) break;
  return all;
};

test("it has at most 12 KB gzipped", () => {
  assert.ok(gzipSync(readFileSync(new URL("../sluice.js", import.meta.url)), { level: 9 }).length <= 12 * 1024);
});

test("the node serves this very file", async () => {
  const served = await (await fetch(`${url.replace(/^ws/, "http")}/client.js`)).text();
  assert.equal(served, readFileSync(new URL("../sluice.js", import.meta.url), "utf8"));
});

test("rooms, sends and history", async (t) => {
  const [name, ann, bob] = [newId(), make(t, "ann"), make(t, "bob")];
  const [room, theirs] = [ann.room(name), bob.room(name)];
  assert.equal(ann.room(name), room);
  await Promise.all([room.joined(), theirs.joined()]);
  const seen = collect(theirs, 20);
  const acks = await Promise.all(Array.from({ length: 20 }, (_, n) => room.send({ n })));
  assert.deepEqual(acks.map((ack) => ack.seq), Array.from({ length: 20 }, (_, n) => n + 1));
  assert.deepEqual((await seen).map((m) => m.content.n), Array.from({ length: 20 }, (_, n) => n));
  const again = await room.send("again", { id: "same" });
  assert.equal((await room.send("again", { id: "same" })).seq, again.seq);
  const seqs = async (options) => (await collect(room.history(options))).map((m) => m.seq);
  assert.deepEqual(await seqs({ limit: 6 }), Array.from({ length: 21 }, (_, n) => 21 - n));
  assert.deepEqual(await seqs({ after: 10, limit: 4 }), Array.from({ length: 11 }, (_, n) => 11 + n));
  assert.deepEqual((await room.users()).users.map((each) => each.user).sort(), ["ann", "bob"]);
  const typing = new Promise((done) => theirs.once("typing", done));
  assert.ok(room.typing());
  assert.equal((await typing).user, "ann");
  const signal = new Promise((done) => theirs.once("signal", done));
  assert.ok(room.signal("cursor", { x: 1 }));
  const { device, ...shown } = await signal;
  assert.equal(device, ann.device);
  assert.deepEqual(shown, { type: "signal", room: name, user: "ann", name: "cursor", data: { x: 1 } });
  assert.throws(() => room.signal("cursor", 1n), { code: "unserialisable" });
  const other = ann.room(`${name}-2`);
  assert.equal((await other.send("x")).room, `${name}-2`);
  const rest = collect(other);
  other.leave();
  assert.deepEqual(await rest, []);
  await assert.rejects(other.send("y"), { code: "not_in_room" });
  await assert.rejects(room.page({ limit: 0 }), { code: "bad_frame" });
});

test("directs come again until the application has them", async (t) => {
  const [name, from, to] = [newId(), newId(), newId()];
  const ann = make(t, from);
  ann.room(name);
  for (let n = 0; n < 3; n += 1) await ann.direct(to, n);
  const seen = [];
  for (const count of [2, 1]) {
    const bob = make(t, to, { device: "phone" });
    const room = bob.room(name);
    const inbox = bob.inbox[Symbol.asyncIterator]();
    for (let n = 0; n < count; n += 1) seen.push((await inbox.next()).value.content);
    if (count === 2) await inbox.next(); // acks the second; the third is left unprocessed
    await room.users(); // answered after the acks before it
    bob.close();
  }
  assert.deepEqual(seen, [0, 1, 2]);
  const bob = make(t, to);
  bob.room(name);
  const earlier = (part) => collect(bob.inbox.history(part)).then((all) => all.map((direct) => direct.content));
  assert.deepEqual(await earlier({ limit: 2 }), [2, 1, 0]);
  const page = await bob.inbox.page({ limit: 1, after: 1 });
  assert.deepEqual([page.inbox, page.messages.map(({ from: user, seq }) => [user, seq])], [true, [[from, 2]]]);
});
