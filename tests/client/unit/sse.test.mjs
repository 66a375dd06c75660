import assert from 'node:assert/strict';
import { test } from 'node:test';

import { maker } from '../../../app/holdfast/web/client/transports/sse.js';
import { fakeEnvironment, fakeFetch, recorder, settle } from '../fakes.mjs';

const TARGET = {
  url: 'https://app.example/connection/sse?cid=1',
  emulationUrl: 'https://app.example/emulation',
  handshakeTimeout: 5000,
};
const EVENTS = { 'content-type': 'text/event-stream; charset=utf-8' };
const CONNECT = { id: 1, connect: { token: 'a.b.c' } };
const REPLY = 'data: {"id":1,"connect":{"client":"c","session":"s","node":"n"}}\n\n';

function opened() {
  const { requests, fetch } = fakeFetch();
  const events = recorder();
  const transport = maker(TARGET, fakeEnvironment({ fetch }), events);
  transport.open([CONNECT]);
  return { transport, requests, events };
}

async function streaming() {
  const parts = opened();
  const body = parts.requests[0].respond(200, undefined, EVENTS);
  await settle();
  return { ...parts, body };
}

test('the first commands are the body: no token stands in a URL, and no redirect is followed', () => {
  const [{ url, init }] = opened().requests;

  assert.equal(url, TARGET.url);
  assert.deepEqual([init.method, init.redirect, init.credentials], ['POST', 'manual', 'include']);
  assert.deepEqual(JSON.parse(init.body), CONNECT);
});

test('messages come, commands leave by requests of their own', async () => {
  const { transport, requests, events, body } = await streaming();

  body.push(REPLY);
  transport.send([{ id: 2, ping: {} }]);
  body.push('data: {}\n\n');
  await settle();

  assert.deepEqual(events.told[0], ['open']);
  assert.deepEqual(events.messages.map(({ id }) => id), [1, undefined]);
  assert.equal(requests[1].json.data, '{"id":2,"ping":{}}');
});

test('of an event its data counts, whatever else it has and wherever the network cuts it', async () => {
  const { events, body } = await streaming();
  const odd = '\u2028data:\u2029'; // ends of lines for a browser's regular expressions, not for a stream
  const text = `: hello\nretry: 1\n${REPLY}id: 7\r\ndata:${JSON.stringify({ push: { x: odd } })}\r\n\r\n`;

  for (const byte of new TextEncoder().encode(text)) body.push(Uint8Array.of(byte));
  for (let round = 0; round < text.length; round += 1) await settle();

  assert.deepEqual(events.messages.map((message) => Object.keys(message)[0]), ['id', 'push']);
  assert.equal(events.messages[1].push.x, odd);
  assert.equal(events.ending, undefined);
});

test('a line without an end is not collected for ever', async () => {
  const { events, body, requests } = await streaming();

  for (let count = 0; count < 6; count += 1) {
    body.push(`data: ${'x'.repeat(1_000_000)}`);
    await settle();
  }

  assert.deepEqual([events.ending.code, events.ending.slug], [4000, 'message_oversized']);
  assert.ok(body.isCancelled);
  assert.ok(requests[0].isAborted);
});

test('what is no event stream, and data that is no message, have a name', async () => {
  const lines = opened();
  lines.requests[0].respond(200, '{}\n', { 'content-type': 'application/x-ndjson' });
  await settle();
  const page = opened();
  page.requests[0].respond(200, '<html>Log in', { 'content-type': 'text/html' });
  await settle();
  const garbage = await streaming();
  garbage.body.push('data: hello\n\n');
  await settle();

  assert.equal(lines.events.ending.slug, 'answer_malformed');
  assert.equal(page.events.ending.slug, 'captive_portal');
  assert.equal(garbage.events.ending.slug, 'message_malformed');
});

test('close stops the stream at once', async () => {
  const { transport, requests, events } = await streaming();

  transport.close();
  await settle();

  assert.deepEqual(events.told, [['open'], ['end', { code: 1000, reason: '', wasOpen: true }]]);
  assert.ok(requests[0].isAborted);
});
