import assert from 'node:assert/strict';
import { test } from 'node:test';

import { maker } from '../../../app/holdfast/web/client/transports/poll.js';
import { fakeEnvironment, fakeFetch, recorder, settle } from '../fakes.mjs';

const TARGET = { url: 'https://app.example/connection/poll?cid=1', emulationUrl: '', handshakeTimeout: 10_000, spread: () => 2_500 };
const CONNECT = { id: 1, connect: { token: 'a.b.c' } };
const REPLY = { id: 1, connect: { client: 'c' } };
const OPENING = { session: 's', node: 'n', timeout: 25, first: 1, messages: [REPLY] };
const HTML = { 'content-type': 'text/html' };

function opening(changes = {}) {
  const { requests, fetch } = fakeFetch();
  const environment = fakeEnvironment({ fetch });
  const events = recorder();
  const transport = maker({ ...TARGET, ...changes }, environment, events);
  transport.open([CONNECT]);
  return { transport, requests, events, clock: environment.clock, last: () => requests[requests.length - 1] };
}

async function waiting(changes) {
  const parts = opening(changes);
  await settle();
  parts.requests[0].respond(200, OPENING);
  await settle();
  return parts;
}

const push = (n) => ({ push: { n } });
const numbersOf = (events) => events.messages.slice(1).map((message) => message.push.n);

test('it opens with a key and waits for what follows', async () => {
  const { requests, events } = await waiting();

  assert.match(requests[0].json.key, /^[0-9a-f]{32}$/);
  assert.deepEqual(requests[0].json.commands, [CONNECT]);
  assert.deepEqual(events.told, [['open'], ['message', REPLY]]);
  assert.deepEqual(requests[1].json, { session: 's', node: 'n', seq: 1, ack: 1 });
});

test('an opening without an answer is repeated byte for byte', async () => {
  const { requests, events, clock } = opening();

  await clock.advance(6000); // the first one hangs
  requests[1].fail();
  await clock.advance(2000);
  requests[2].respond(200, OPENING);
  await settle();

  assert.ok(requests[0].isAborted);
  assert.equal(requests[1].init.body, requests[0].init.body);
  assert.equal(requests[2].init.body, requests[0].init.body);
  assert.deepEqual(events.told[0], ['open']);
});

test('messages are handled once and in order, whatever is given again', async () => {
  const { requests, events, last } = await waiting();

  last().respond(200, { first: 2, messages: [push(2), push(3)] });
  await settle();
  last().respond(200, { first: 2, messages: [push(2), push(3), push(4)] });
  await settle();

  assert.deepEqual(numbersOf(events), [2, 3, 4]);
  assert.deepEqual(requests.slice(1).map(({ json }) => [json.seq, json.ack]), [[1, 1], [2, 3], [3, 4]]);
});

test('commands overtake a request that waits, and its late answer is ignored', async () => {
  const { transport, requests, events } = await waiting();

  transport.send([{ id: 2, ping: {} }]);
  transport.send([{ id: 3, ping: {} }]);
  await settle();
  requests[1].respond(200, { superseded: true, messages: [] });
  await settle();
  assert.deepEqual(requests.slice(2).map(({ json }) => [json.seq, json.commands]), [[2, [{ id: 2, ping: {} }]]]);
  requests[2].respond(200, { first: 2, messages: [{ id: 2, ping: {} }] });
  await settle();

  assert.deepEqual(requests[3].json, { session: 's', node: 'n', seq: 3, ack: 2, commands: [{ id: 3, ping: {} }] });
  assert.equal(events.messages.length, 2);
});

test('what fails for a while is repeated with the same number and commands', async () => {
  const failures = [
    (request) => request.fail(),
    (request) => request.respond(502, '<html>', HTML),
    (request) => request.respond(429, ''),
    (request) => request.respond(408, ''),
    (request) => request.respond(200, '{"first":2,"mess'),
    (request) => request.respond(200, '<html>Log in', HTML),
    (request) => request.redirect(),
  ];
  for (const fail of failures) {
    const { transport, requests, events, clock } = await waiting();

    transport.send([{ id: 2, publish: {} }]);
    await settle();
    fail(requests[2]);
    await clock.advance(3000);
    requests[3].respond(200, { first: 2, messages: [{ id: 2, publish: {} }] });
    await settle();

    assert.equal(requests[3].init.body, requests[2].init.body);
    assert.deepEqual(events.messages[1], { id: 2, publish: {} });
    assert.equal(events.ending, undefined);
  }
});

test('a connection that ends without a word is repeated at a moment of the remembered window', async () => {
  for (const fail of [(request) => request.fail(), (request) => request.respond(502, '<html>', HTML)]) {
    const { transport, requests, clock } = await waiting();

    fail(requests[1]);
    await clock.advance(0);
    transport.send([{ id: 2, ping: {} }]); // must not let a crowd come back at once
    await clock.advance(2_499);
    assert.equal(requests.length, 2);
    await clock.advance(1);

    assert.deepEqual([requests[2].json.seq, requests[2].json.commands], [2, [{ id: 2, ping: {} }]]);
    requests[2].fail(); // from here on it is a matter of one client
    await clock.advance(2_000);
    assert.deepEqual(requests[3].init.body, requests[2].init.body);
  }
});

test('a repetition hurries when the network may be back, and waits as long as a server wants', async () => {
  const { transport, requests, clock } = await waiting();

  requests[1].fail();
  await settle();
  transport.hurry();
  await settle();
  assert.equal(requests.length, 3);
  requests[2].respond(503, '', { 'retry-after': '7' });
  await clock.advance(6_999);
  assert.equal(requests.length, 3);
  await clock.advance(1);

  assert.equal(requests.length, 4);
});

test('where the window is longer than a gateway is waited for, the session ends, and the moment stays', async () => {
  const { requests, events, clock } = await waiting({ spread: () => 25_000 });

  await clock.advance(20_000);
  requests[1].fail();
  await settle();

  assert.deepEqual(events.ending, { code: 1006, reason: '', slug: 'connection_cut', status: undefined, delay: 25_000, wasOpen: true });
  assert.deepEqual([requests.length, clock.pending], [2, 0]);
});

test('nor does a proxy that wants an hour keep it connected to nobody', async () => {
  const { requests, events, clock } = await waiting();

  requests[1].respond(503, '', { 'retry-after': '3600' });
  await settle();

  assert.deepEqual([events.ending.slug, events.ending.retryAfter], ['upgrade_no_gateway', 3_600_000]);
  assert.equal(clock.pending, 0);
});

test('a server that says something at once, again and again, is not asked in a tight loop', async () => {
  const { requests, events, clock } = await waiting();

  for (let answered = 1; clock.time < 60_000; ) {
    for (; answered < requests.length; answered += 1) {
      requests[answered].respond(200, { first: answered + 1, messages: [push(answered)] });
      await settle();
    }
    await clock.advance(100);
  }

  assert.equal(events.ending, undefined);
  assert.ok(requests.length < 150, `${requests.length} requests`);
  assert.equal(events.messages.length, requests.length - 1);
});

test('a path that stays dead ends it with the last cause', async () => {
  const { requests, events, clock, last } = await waiting();

  for (let second = 0; second < 120 && !events.ending; second += 1) {
    last().respond(502, '<html>', HTML);
    await clock.advance(1000);
  }

  assert.deepEqual([events.ending.code, events.ending.slug, events.ending.wasOpen], [1006, 'upgrade_no_gateway', true]);
  assert.ok(clock.time >= 35_000 && clock.time < 46_000);
  assert.ok(requests.length < 20);
});

test('a request without an answer ends it when the gateway and the way back had their time', async () => {
  const { events, clock } = await waiting();

  await clock.advance(34_000);
  assert.equal(events.ending, undefined);
  await clock.advance(2_000);

  assert.equal(events.ending.slug, 'connection_cut');
});

test('a session that the gateway does not know is at its end', async () => {
  const { events, last } = await waiting();

  last().respond(404, { code: 1931, slug: 'unknown_session' });
  await settle();

  assert.deepEqual([events.ending.code, events.ending.slug], [1931, 'unknown_session']);
});

test('a refused opening ends at once with the cause that came', async () => {
  const rows = [
    [(request) => request.respond(503, { code: 1920, slug: 'draining' }, { 'retry-after': '2' }), 'draining'],
    [(request) => request.respond(403, { code: 1903, slug: 'origin_not_allowed' }), 'origin_not_allowed'],
    [(request) => request.respond(200, '<html>', HTML), 'captive_portal'],
    [(request) => request.redirect(), 'captive_portal'],
    [(request) => request.respond(404, '<html>', HTML), 'path_not_found'],
    [(request) => request.respond(200, { messages: [] }), 'answer_malformed'],
    [(request) => request.respond(200, { ...OPENING, timeout: 'soon' }), 'answer_malformed'],
    [(request) => request.respond(200, [1]), 'answer_malformed'],
    [(request) => request.respond(200, 'null'), 'answer_malformed'],
  ];
  for (const [answer, slug] of rows) {
    const { requests, events } = opening();

    answer(requests[0]);
    await settle();

    assert.deepEqual([events.ending?.slug, events.ending?.wasOpen], [slug, false]);
  }
});

test('an opening that keeps failing ends with what it met', async () => {
  const { requests, events, clock, last } = opening();

  for (let count = 0; count < 5 && !events.ending; count += 1) {
    last().respond(500, '');
    await clock.advance(4000);
  }

  assert.equal(requests.length, 3);
  assert.equal(events.ending.slug, 'upgrade_no_gateway');
});

test('a gap, and an answer of another shape, end it', async () => {
  for (const answer of [{ first: 4, messages: [push(4)] }, { first: 0, messages: [] }, { first: 2, messages: [1] }, {}]) {
    const { events, last } = await waiting();

    last().respond(200, answer);
    await settle();

    assert.deepEqual([events.ending.code, events.ending.slug], [4000, 'answer_malformed']);
    assert.equal(events.messages.length, 1);
  }
});

test('an answer without an end is not collected for ever', async () => {
  const { events, last } = await waiting();
  const body = last().respond(200, undefined);

  for (let count = 0; count < 6; count += 1) {
    body.push('x'.repeat(1_000_000));
    await settle();
  }
  await settle();

  assert.ok(body.isCancelled);
  assert.equal(events.messages.length, 1);
});

test('a server that answers nothing at once is not asked in a tight loop', async () => {
  for (const answer of [{ first: 2, messages: [] }, { superseded: true, messages: [] }]) {
    const { requests, clock, last } = await waiting();

    for (let round = 0; round < 600; round += 1) {
      if (!last().answer) last().respond(200, answer);
      await clock.advance(100);
    }

    assert.ok(requests.length < 30, `${requests.length} in a minute`);
  }
});

test('close ends it at once and tells the gateway', async () => {
  const { transport, requests, events } = await waiting();

  transport.close(1000, '');
  transport.close();
  await settle();

  assert.deepEqual(events.ending, { code: 1000, reason: '', wasOpen: true });
  assert.ok(requests[1].isAborted);
  assert.deepEqual(requests[2].json, { session: 's', node: 'n', seq: 2, ack: 1, close: true });
  assert.equal(requests[2].init.keepalive, true);
  requests[2].fail();
  await settle();
  assert.equal(requests.length, 3);
});

test('a session that is left while it opens is left when it is known', async () => {
  const { transport, requests, events } = opening();

  transport.close();
  assert.equal(events.ending.wasOpen, false);
  requests[0].respond(200, OPENING);
  await settle();

  assert.equal(requests.length, 2);
  assert.equal(requests[1].json.close, true);
  assert.equal(events.told.length, 1);
});

test('nobody says goodbye to a session that the gateway has ended', async () => {
  const { transport, requests, last, events } = await waiting();
  events.onMessages = () => transport.close();

  last().respond(200, { first: 2, messages: [{ push: { disconnect: { code: 3001, reason: 'shutdown' } } }] });
  await settle();

  assert.equal(requests.length, 2);
});

test('a close between two tries leaves no timer behind', async () => {
  const { transport, requests, clock } = await waiting();
  requests[1].fail();
  await settle();
  assert.ok(clock.pending > 0);
  transport.close();
  await settle();

  assert.equal(clock.pending, 0);
});

test('a request waits for minutes at most, whatever the gateway says', async () => {
  const { requests, events, clock } = opening();
  await settle();
  requests[0].respond(200, { ...OPENING, timeout: 1e300 });
  await settle();
  await clock.advance(700_000);

  assert.equal(events.ending.slug, 'connection_cut');
});
