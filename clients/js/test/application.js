// node application.js USER ROOMS URL…: writes numbers into the rooms, one after the other, from the first line on its
// input to the second; ends with its input. On its output: a line of JSON for each number it is given, each gap, and at last how many
// it wrote. Tests/Measure/client_chaos.py starts it.
import { createInterface } from "node:readline";
import { Sluice } from "../sluice.js";
import { WebSocket } from "./websocket.js";

const [user, rooms, ...urls] = process.argv.slice(2);
const say = (fields) => process.stdout.write(`${JSON.stringify({ user, ...fields })}\n`);
const quick = { backoffBaseMs: 50, backoffMaxMs: 500, connectTimeoutMs: 5000, idleMs: 2000, pingTimeoutMs: 2000 };
const sluice = new Sluice({ user, urls, websocket: WebSocket, ...quick });
let [writes, go] = [true];
const begun = new Promise((done) => (go = done));
for (const type of ["gap", "error"]) sluice.on(type, (event) => say({ [type]: event }));
sluice.on("welcome", ({ node }) => say({ welcome: node }));

async function write(room) {
  await room.joined();
  say({ joined: room.name });
  await begun;
  let n = 0;
  for (; writes; n += 1) {
    await room.send(n);
    await new Promise((done) => setTimeout(done, 20));
  }
  return [room.name, n];
}

const writing = rooms.split(",").map((name) => {
  const room = sluice.room(name);
  room.on("message", ({ room: of, user: from, content }) => say({ seen: [of, from, content] }));
  return write(room);
});
createInterface({ input: process.stdin }).on("line", async () => {
  if (go) {
    go = go();
    return;
  }
  writes = false;
  say({ written: Object.fromEntries(await Promise.all(writing)) });
}).on("close", () => sluice.close());
