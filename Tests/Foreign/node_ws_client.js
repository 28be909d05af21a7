// A chat with the `ws` package of Node.js: node node_ws_client.js URL_OF_ANN URL_OF_BOB.
// Prints one JSON object with what was seen.
'use strict';
const WebSocket = require('ws');

const limit = setTimeout(() => { console.error('no end within 20 s'); process.exit(1); }, 20000);

function open(url) {
  const socket = new WebSocket(url, ['sluice.v1'], { perMessageDeflate: true });
  const frames = [];
  const waiting = [];
  socket.on('message', (data, binary) => {
    if (binary) throw new Error('a binary message');
    frames.push(JSON.parse(data.toString()));
    for (const wake of waiting.splice(0)) wake();
  });
  const closed = new Promise((resolve) => {
    socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  async function take(type) {
    for (;;) {
      const at = frames.findIndex((frame) => frame.type === type);
      if (at >= 0) return frames.splice(at, 1)[0];
      await new Promise((resolve) => waiting.push(resolve));
    }
  }
  return { socket, take, closed, send: (frame) => socket.send(JSON.stringify(frame)) };
}

async function main() {
  const [annUrl, bobUrl] = process.argv.slice(2);
  const ann = open(annUrl);
  await ann.take('joined_room');
  const bob = open(bobUrl);
  await bob.take('joined_room');
  const seen = { protocol: ann.socket.protocol, extensions: ann.socket.extensions };
  ann.send({ type: 'message', id: 'n1', content: { text: 'from node ✓' } });
  seen.ack = await ann.take('ack');
  seen.message = await bob.take('message');
  const pong = new Promise((resolve) => ann.socket.on('pong', (data) => resolve(data.toString())));
  ann.socket.ping('protocol ping');
  seen.pong = await pong;
  // In fragments, with a ping between them.
  const text = JSON.stringify({ type: 'message', id: 'n2', content: 'f'.repeat(3000) });
  ann.socket.send(text.slice(0, 10), { fin: false });
  ann.socket.ping();
  ann.socket.send(text.slice(10, 2000), { fin: false });
  ann.socket.send(text.slice(2000), { fin: true });
  seen.fragments = (await bob.take('message')).content.length;
  bob.socket.send(Buffer.from([1, 2, 3]));
  seen.binary = await bob.closed;
  ann.socket.close(1000, 'done');
  seen.close = await ann.closed;
  console.log(JSON.stringify(seen));
  clearTimeout(limit);
}

main().catch((error) => { console.error(error); process.exit(1); });
