// A chat on the stock Centrifuge SDK: prints what others say and who comes and goes, and says what you type.
import readline from 'node:readline';
import { Centrifuge } from 'centrifuge';
import WebSocket from 'ws';

const {
  CHAT_URL = 'ws://127.0.0.1:8000/connection/websocket',
  CHAT_TOKEN,
  CHAT_CHANNEL = 'news',
} = process.env;

if (!CHAT_TOKEN) {
  console.error('Set CHAT_TOKEN to a connection token; `holdfast token create alice` makes one.');
  process.exit(3);
}

// A page gives `getToken` instead of `token`: the SDK then fetches a fresh one from your backend before the old one expires.
// Node before version 22 has no WebSocket of its own, so the `ws` package stands in.
const centrifuge = new Centrifuge(CHAT_URL, { token: CHAT_TOKEN, websocket: WebSocket });
centrifuge.on('connecting', ({ code, reason }) => console.log(`connecting: ${reason} (${code})`));
centrifuge.on('connected', ({ client }) => console.log(`connected as client ${client}`));
centrifuge.on('disconnected', ({ code, reason }) => {
  console.log(`disconnected: ${reason} (${code})`);
  process.exit(code === 0 ? 0 : 2);
});

const room = centrifuge.newSubscription(CHAT_CHANNEL, { joinLeave: true });
room.on('publication', ({ data, info }) => console.log(`${info?.user ?? 'backend'}: ${data.text}`));
room.on('join', ({ info }) => console.log(`+ ${info.user}`));
room.on('leave', ({ info }) => console.log(`- ${info.user}`));
room.on('unsubscribed', ({ code, reason }) => console.log(`unsubscribed: ${reason} (${code})`));
room.on('subscribed', async ({ recovered, wasRecovering }) => {
  console.log(`subscribed to ${CHAT_CHANNEL}`);
  if (wasRecovering && !recovered) console.log('some messages were missed: load them from your backend');
  const { clients } = await room.presence();
  console.log(`here now: ${Object.values(clients).map((info) => info.user).sort().join(', ')}`);
});

room.subscribe();
centrifuge.connect();

const lines = readline.createInterface({ input: process.stdin });
lines.on('line', (text) => {
  room.publish({ text }).catch((error) => console.log(`not sent: ${error.message} (${error.code})`));
});
lines.on('close', async () => {
  await room.ready().catch(() => {});
  // Whatever was typed last is acknowledged before the presence call's reply, for replies come in order.
  await room.presenceStats().catch(() => {});
  centrifuge.disconnect();
});
