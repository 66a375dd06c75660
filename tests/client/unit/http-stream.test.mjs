import assert from 'node:assert/strict';
import { test } from 'node:test';

import { maker } from '../../../app/holdfast/web/client/transports/http-stream.js';
import { fakeEnvironment, fakeFetch, recorder, settle } from '../fakes.mjs';

const TARGET = {
  url: 'https://app.example/connection/http_stream?cid=1',
  emulationUrl: 'https://app.example/emulation',
  handshakeTimeout: 5000,
};
const LINES = { 'content-type': 'application/x-ndjson' };
const CONNECT = { id: 1, connect: { token: 'a.b.c' } };
const REPLY = '{"id":1,"connect":{"client":"c","session":"s","node":"n"}}\n';

/** A transport whose first request waits for its answer. */
function opened() {
  const { requests, fetch } = fakeFetch();
  const environment = fakeEnvironment({ fetch });
  const events = recorder();
  const transport = maker(TARGET, environment, events);
  transport.open([CONNECT, { id: 2, subscribe: { channel: 'x' } }]);
  return { transport, requests, environment, events };
}

/** A stream that has begun. */
async function streaming() {
  const parts = opened();
  const body = parts.requests[0].respond(200, undefined, LINES);
  await settle();
  return { ...parts, body };
}

test('the first commands are the body, a line each, and no redirect is followed', () => {
  const { requests } = opened();

  assert.equal(requests[0].url, TARGET.url);
  assert.equal(requests[0].init.method, 'POST');
  assert.equal(requests[0].init.redirect, 'manual');
  assert.equal(requests[0].init.credentials, 'include');
  assert.deepEqual(requests[0].init.body.split('\n').map((line) => JSON.parse(line).id), [1, 2]);
});

test('messages arrive in order, wherever the network cuts them', async () => {
  const { events, body } = await streaming();
  const text = new TextEncoder().encode(`${REPLY}{"push":{"x":"é€😀"}}\n{}\n`);

  for (const byte of text) body.push(Uint8Array.of(byte));
  await settle();
  for (let round = 0; round < text.length; round += 1) await settle();

  assert.deepEqual(events.told[0], ['open']);
  assert.deepEqual(events.messages.map((message) => Object.keys(message)[0]), ['id', 'push', undefined]);
  assert.equal(events.messages[1].push.x, 'é€😀');
});

test('commands wait for the session, then leave by requests of their own', async () => {
  const { transport, requests, body } = await streaming();

  transport.send([{ id: 3, publish: { channel: 'x', data: 1 } }]);
  await settle();
  assert.equal(requests.length, 1);
  body.push(REPLY);
  await settle();

  assert.equal(requests[1].url, TARGET.emulationUrl);
  assert.deepEqual(requests[1].json, {
    session: 's',
    node: 'n',
    data: '{"id":3,"publish":{"channel":"x","data":1}}',
  });
});

test('a response that ends, is cut, or stops in the middle of a line is a cut connection', async () => {
  for (const how of ['end', 'cut']) {
    const { events, body } = await streaming();

    body.push(`${REPLY}{"push":`);
    body[how]();
    await settle();

    assert.deepEqual([events.ending.code, events.ending.slug, events.ending.wasOpen], [1006, 'connection_cut', true]);
    assert.equal(events.messages.length, 1);
  }
});

test('what is no message ends it with a name', async () => {
  for (const bytes of ['<html>\n', '[1]\n', '"text"\n', '{"id":1}{"id":2}\n', Uint8Array.of(0xff, 0xfe, 10)]) {
    const { events, body, requests } = await streaming();

    body.push(bytes);
    await settle();

    assert.deepEqual([events.ending.code, events.ending.slug], [4000, 'message_malformed']);
    assert.ok(requests[0].isAborted);
  }
});

test('a line without an end is not collected for ever', async () => {
  const { events, body } = await streaming();
  const piece = 'x'.repeat(1_000_000);

  for (let count = 0; count < 6; count += 1) {
    body.push(piece);
    await settle();
  }

  assert.deepEqual([events.ending.code, events.ending.slug], [4000, 'message_oversized']);
  assert.ok(body.isCancelled);
});

test('whatever else answers has a name', async () => {
  const html = { 'content-type': 'text/html; charset=utf-8' };
  const refusal = { code: 1920, slug: 'draining', message: '', remedy: '' };
  const rows = [
    [(request) => request.redirect(), 'captive_portal', 1006],
    [(request) => request.respond(302, ''), 'captive_portal', 1006],
    [(request) => request.respond(200, '<html>Log in', html), 'captive_portal', 1006],
    [(request) => request.respond(511, '<html>Log in', html), 'captive_portal', 1006],
    [(request) => request.respond(200, ''), 'answer_malformed', 1006],
    [(request) => request.respond(200, '{}', { 'content-type': 'application/json' }), 'answer_malformed', 1006],
    [(request) => request.respond(404, '<html>', html), 'path_not_found', 1006],
    [(request) => request.respond(502, '<html>', html), 'upgrade_no_gateway', 1006],
    [(request) => request.respond(500, ''), 'upgrade_no_gateway', 1006],
    [(request) => request.respond(403, '<html>', html), 'answer_malformed', 1006],
    [(request) => request.respond(503, refusal, { 'retry-after': '7' }), 'draining', 1920],
    [(request) => request.fail(), 'open_failed', 1006],
  ];
  for (const [answer, slug, code] of rows) {
    const { requests, events } = opened();

    answer(requests[0]);
    await settle();

    assert.deepEqual([events.ending.slug, events.ending.code, events.ending.wasOpen], [slug, code, false]);
    assert.equal(events.ending.retryAfter, slug === 'draining' ? 7000 : undefined);
    assert.equal(events.told.length, 1);
  }
});

test('a browser that has no bodies is told apart', async () => {
  const { requests, events } = opened();

  requests[0].resolve({ status: 200, ok: true, type: 'cors', headers: new Headers(LINES), body: null });
  await settle();

  assert.equal(events.ending.slug, 'transport_unsupported');
});

test('close ends it at once, once, and lets go of the connection', async () => {
  const { transport, requests, events, body } = await streaming();

  transport.close(1000, 'bye');
  transport.close();
  body.push(REPLY);
  transport.send([{ id: 9, ping: {} }]);
  await settle();

  assert.deepEqual(events.told, [['open'], ['end', { code: 1000, reason: 'bye', wasOpen: true }]]);
  assert.ok(requests[0].isAborted);
  assert.equal(requests.length, 1);
});

test('close while it opens lets go too', async () => {
  const { transport, requests, events } = opened();

  transport.close();
  await settle();

  assert.ok(requests[0].isAborted);
  assert.equal(events.told.length, 1);
});
