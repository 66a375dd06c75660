/** A whole client against hostile WebSocket servers over real sockets: a name, a sane state, no heat, no growth. */

import assert from 'node:assert/strict';
import http from 'node:http';
import { after, describe, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { browserEnvironment } from '../../../app/holdfast/web/client/environment.js';
import { ResilientWebSocketService } from '../../../app/holdfast/web/client/index.js';
import WebSocket, { WebSocketServer } from '../../sdk/node_modules/ws/wrapper.mjs';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

const unhandled = [];
process.on('unhandledRejection', (fault) => unhandled.push(fault));
after(() => assert.deepEqual(unhandled, []));

const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const json = (ws, ...messages) => ws.send(messages.map((message) => JSON.stringify(message)).join('\n'));
const nested = (depth) => '['.repeat(depth) + ']'.repeat(depth);
const raw = (ws, ...bytes) => ws._socket.write(Buffer.from(bytes));

/** What a server does when the connect command has come; with the slug that follows, or null where it is survived. */
const ATTACKS = {
  '100 MB in one message': [(ws) => ws.send('x'.repeat(100_000_000)), 'message_oversized'],
  'a message in pieces, one byte at a time': [drip, 'connect_timeout'],
  'a publication of 60 MB': [(ws) => ws.send(`{"push":{"pub":{"data":"${'x'.repeat(60_000_000)}"}}}`), 'message_oversized'],
  'JSON a million levels deep': [(ws, id) => (json(ws, { id, connect: {} }), ws.send(`{"push":{"message":{"data":${nested(1_000_000)}}}}`)), null],
  'a binary frame': [(ws) => ws.send(Buffer.from([1, 2, 0xff])), 'message_malformed'],
  'text that is no UTF-8': [(ws) => raw(ws, 0x81, 2, 0xff, 0xfe), 'connection_cut'],
  'a frame that is none': [(ws) => raw(ws, 0xff, 0xff, 0xff), 'connection_cut'],
  'a close code that is none': [(ws) => raw(ws, 0x88, 2, 0, 1), 'connection_cut'],
  '200,000 pings at once': [(ws, id) => (json(ws, { id, connect: { pong: true } }), ws.send('{}\n'.repeat(200_000))), null],
  'a reply that nobody asked for': [(ws) => json(ws, { id: 77, connect: {} }), 'message_malformed'],
  'an id of another type': [(ws) => json(ws, { id: '__proto__', connect: {} }), 'message_malformed'],
  'a push before the reply': [(ws) => json(ws, { push: { channel: 'a', pub: { data: 1 } } }), 'message_malformed'],
  'the reply twice': [(ws, id) => json(ws, { id, connect: {} }, { id, connect: {} }), null],
  'a reply that is a number': [(ws, id) => json(ws, { id, connect: 5 }), 'message_malformed'],
  'an error that says nothing': [(ws, id) => json(ws, { id, error: {} }), 'unknown_cause'],
  silence: [() => {}, 'connect_timeout'],
};

function drip(ws) {
  let count = 0;
  const timer = setInterval(() => raw(ws, count++ ? 0 : 1, 1, 0x7b), 50);
  ws.on('close', () => clearInterval(timer));
}

/** A server that does this to each connection, and an environment that knows its timers. */
async function besieged(attack, options = {}) {
  const server = http.createServer((_, response) => response.writeHead(404).end());
  const sockets = new WebSocketServer({ server });
  const counts = { attempts: 0, timers: new Set() };
  sockets.on('connection', (ws) => {
    counts.attempts += 1;
    ws.on('error', () => {});
    ws.once('message', (text) => attack(ws, JSON.parse(String(text).split('\n')[0]).id));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const real = browserEnvironment();
  const setTimer = (callback, milliseconds) => {
    const timer = real.setTimer(() => counts.timers.delete(timer) && callback(), milliseconds);
    counts.timers.add(timer);
    return timer;
  };
  const clearTimer = (timer) => (counts.timers.delete(timer), real.clearTimer(timer));
  const environment = { ...real, WebSocket, page: new EventTarget(), setTimer, clearTimer, ...options.environment };
  const url = `ws://127.0.0.1:${server.address().port}/connection/websocket`;
  const service = new ResilientWebSocketService(url, { transports: ['websocket'], ...options, environment });
  const close = () => {
    for (const ws of sockets.clients) ws.terminate();
    server.closeAllConnections();
    server.close();
  };
  return { service, counts, close };
}

describe('a server that means no good', () => {
  for (const [name, [attack, slug]] of Object.entries(ATTACKS)) {
    test(name, async (t) => {
      const { service, counts, close } = await besieged(attack, { connectTimeout: slug === 'connect_timeout' ? 1500 : 20_000 });
      t.after(close);
      const slugs = new Set();
      service.addEventListener('error', ({ detail }) => slugs.add(detail.error.slug));
      service.addEventListener('disconnected', ({ detail }) => slugs.add(detail.error.slug));
      service.connect();
      while (slug === null ? service.state !== 'connected' : slugs.size === 0) await wait(20);
      await wait(700);
      const { state } = service;
      service.disconnect();
      await wait(50);

      slugs.delete('disconnect_called');
      assert.deepEqual([state, ...slugs], slug === null ? ['connected'] : ['connecting', slug]);
      assert.ok(counts.attempts <= 4, `${counts.attempts} attempts`);
      assert.equal(counts.timers.size, 0);
    });
  }
});

const TIMEOUT = 10_000;
/** Of what is waited for; all else is a pause. */
const TIMEOUTS = [TIMEOUT, 2 * TIMEOUT + 1000];

/** Let hours pass in moments: each pause is cut to nothing, and the clock says that it was over. */
function hurried() {
  let ahead = 0;
  const real = browserEnvironment();
  const skip = (callback, milliseconds) => real.setTimer(() => ((ahead += milliseconds), callback()), 0);
  return {
    now: () => real.now() + ahead,
    setTimer: (callback, milliseconds) => (TIMEOUTS.includes(milliseconds) ? real.setTimer : skip)(callback, milliseconds),
    clearTimer: real.clearTimer,
    isHidden: () => true, // nothing is measured
  };
}

test('a thousand reconnects need no more memory than a hundred', async (t) => {
  const reason = 'x'.repeat(100_000);
  const attack = (ws, id) => json(ws, { id, connect: {} }, { push: { disconnect: { code: 3000, reason } } });
  const options = { connectTimeout: TIMEOUT, queueTimeout: TIMEOUT, environment: hurried() };
  const { service, counts, close } = await besieged(attack, options);
  t.after(close);
  for (let channel = 0; channel < 20; channel += 1) service.subscribe(`news${channel}`);
  const settled = { count: 0 };
  service.addEventListener('disconnected', () => {
    const done = () => (settled.count += 1);
    service.publish('news0', reason.slice(0, 1000)).then(done, done);
  });
  service.connect();
  const heapAt = async (attempts) => {
    while (counts.attempts < attempts) await wait(20);
    collect();
    return process.memoryUsage().heapUsed / 1_048_576;
  };
  const early = await heapAt(200);
  const late = await heapAt(1200);
  service.disconnect();
  await wait(50);

  assert.ok(late - early < 3, `${early.toFixed(1)} MiB, then ${late.toFixed(1)} MiB`);
  assert.ok(settled.count >= counts.attempts - 2, `${settled.count} of ${counts.attempts} promises are settled`);
  assert.equal(service.state, 'disconnected');
});
