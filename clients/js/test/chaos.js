// node chaos.js URL COUNT: two writers and a reader; a line of JSON for each ack, and one with all that was seen.
import { Sluice } from "../sluice.js";
import { WebSocket } from "./websocket.js";

const [url, count] = [process.argv[2], Number(process.argv[3])];
const quick = { backoffBaseMs: 50, backoffMaxMs: 300, websocket: WebSocket };
const [ann, bob, reader] = ["ann", "bob", "reader"].map((user) => new Sluice({ url, user, ...quick }));
const rooms = [ann, bob, reader].map((each) => each.room("chaos"));
const [seen, gaps, places] = [[], [], []];
let connections = 0;
reader.on("welcome", () => (connections += 1));
rooms[2].on("message", (m) => seen.push([m.user, m.content]));
rooms[2].on("gap", (gap) => gaps.push(gap));
await Promise.all(rooms.map((room) => room.joined()));

async function write(room) {
  for (let n = 0; n < count; n += 1) {
    const { epoch, seq } = await room.send(n);
    places.push([epoch, seq]);
    process.stdout.write('{"acked": true}\n');
  }
}
await Promise.all([write(rooms[0]), write(rooms[1])]);
const last = Math.max(...places.map(([, seq]) => seq));
while (rooms[2].position.seq < last) await new Promise((done) => rooms[2].once("message", done));
process.stdout.write(`${JSON.stringify({ seen, gaps, places, connections })}\n`);
for (const each of [ann, bob, reader]) each.close();
