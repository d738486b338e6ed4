// Two @stomp/stompjs clients in one relay room: each sends n messages; both must hear all of them, each sender's in order.
// Usage: node stompjs.mjs '[{"token":..,"user":..,"url":..,"topic":..,"queue":..}, ...]' n
import { Client } from '@stomp/stompjs';
import { WebSocket } from 'ws';

const players = JSON.parse(process.argv[2]);
const n = Number(process.argv[3]);
const fail = (why) => { console.error(why); process.exit(1); };
setTimeout(() => fail('no end after 60 s'), 60_000).unref();

const heard = players.map(() => new Map(players.map((p) => [p.user, 0])));
const order = players.map(() => []);
let live = 0;
let done = 0;

players.forEach((player, i) => {
  const client = new Client({
    webSocketFactory: () => new WebSocket(player.url, ['v12.stomp', 'v11.stomp', 'v10.stomp']),
    connectHeaders: { passcode: player.token },
    reconnectDelay: 0,
    onStompError: (frame) => fail(`ERROR ${JSON.stringify(frame.headers)} ${frame.body}`),
    onWebSocketError: (event) => fail(`socket: ${event.message}`),
    onConnect: () => {
      client.subscribe(player.topic, (message) => {
        if (message.headers.type === '$snapshot' && ++live === players.length) clients.forEach(talk);
        if (message.headers.type !== 'say') return;
        const next = heard[i].get(message.headers.from);
        if (message.body !== `${message.headers.from} says ${next}`) fail(`player ${i} heard "${message.body}", wanted number ${next}`);
        heard[i].set(message.headers.from, next + 1);
        order[i].push(message.headers['message-id']);
        if (order[i].length === n * players.length && ++done === players.length) end();
      });
    },
  });
  player.client = client;
  client.activate();
});

const clients = players;
function talk({ client, queue, user }) {
  for (let k = 0; k < n; k++) {
    client.publish({ destination: queue, headers: { type: 'say', seq: String(k + 1) }, body: `${user} says ${k}` });
  }
}

async function end() {
  if (order.some((ids) => ids.join() !== order[0].join())) fail('the players heard different orders');
  await Promise.all(clients.map(({ client }) => client.deactivate()));
  console.log(`heard ${order[0].length} each, in one order`);
  process.exit(0);
}
