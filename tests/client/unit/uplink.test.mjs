import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Uplink } from '../../../app/holdfast/web/client/transports/uplink.js';
import { fakeEnvironment, fakeFetch, settle } from '../fakes.mjs';

const URL_ = 'https://app.example/emulation';

function made() {
  const { requests, fetch } = fakeFetch();
  const environment = fakeEnvironment({ fetch });
  const failures = [];
  const uplink = new Uplink(URL_, environment, (cause) => failures.push(cause));
  uplink.start({ session: 's', node: 'n' });
  return { uplink, requests, failures, clock: environment.clock };
}

const idsOf = (request) => request.json.data.split('\n').map((line) => JSON.parse(line).id);
const ping = (id) => ({ id, ping: {} });
const publish = (id) => ({ id, publish: { channel: 'x', data: id } });

test('one request is under way at a time, and what comes meanwhile goes together, in order', async () => {
  const { uplink, requests } = made();

  uplink.send([ping(1)]);
  uplink.send([ping(2)]);
  uplink.send([ping(3)]);
  await settle();
  assert.deepEqual(requests.map(idsOf), [[1]]);
  requests[0].respond(204, '');
  await settle();

  assert.deepEqual(requests.map(idsOf), [[1], [2, 3]]);
});

test('more than a body may have is split, and a large command goes alone', async () => {
  const { uplink, requests } = made();
  const large = { id: 3, publish: { data: 'x'.repeat(50_000) } };

  uplink.send([ping(1), ping(2), large, ping(4)]);
  for (let index = 0; index < 3; index += 1) {
    await settle();
    requests[index].respond(204, '');
  }
  await settle();

  assert.deepEqual(requests.map(idsOf), [[1, 2], [3], [4]]);
});

test('what may come twice is repeated until it arrives', async () => {
  const { uplink, requests, failures, clock } = made();

  uplink.send([ping(1), {}, { id: 2, subscribe: { channel: 'x' } }]);
  await settle();
  requests[0].fail();
  await clock.advance(2000);
  requests[1].respond(502, '<html>', { 'content-type': 'text/html' });
  await clock.advance(2000);
  requests[2].respond(204, '');
  await settle();

  assert.equal(requests.length, 3);
  assert.equal(requests[2].init.body, requests[0].init.body);
  assert.deepEqual(failures, []);
});

test('the second reply to what came twice is dropped', async () => {
  const { uplink, requests, clock } = made();

  uplink.send([ping(1), ping(2)]);
  await settle();
  assert.equal(uplink.filter([{ id: 1, ping: {} }]).length, 1);
  requests[0].fail();
  await clock.advance(2000);

  assert.equal(requests.length, 2);
  const replies = [{ id: 1, ping: {} }, { id: 2, ping: {} }, { push: {} }, { id: 2, ping: {} }, { id: 3, ping: {} }];
  assert.deepEqual(uplink.filter(replies), [{ id: 2, ping: {} }, { push: {} }, { id: 3, ping: {} }]);
});

test('a publication is never sent twice: without an answer the session ends', async () => {
  const { uplink, requests, failures, clock } = made();

  uplink.send([publish(1)]);
  await settle();
  requests[0].fail();
  await clock.advance(5000);

  assert.equal(requests.length, 1);
  assert.deepEqual(failures.map(({ code, slug }) => [code, slug]), [[1006, 'commands_undelivered']]);
});

test('a request whose replies have come had arrived, whatever became of its answer', async () => {
  const { uplink, requests, failures, clock } = made();

  uplink.send([publish(1)]);
  await settle();
  requests[0].fail();
  uplink.filter([{ id: 1, publish: {} }]);
  uplink.send([publish(2)]);
  await clock.advance(5000);

  assert.deepEqual(requests.map(idsOf), [[1], [2]]);
  assert.deepEqual(failures, []);
});

test('a request that hangs is given up', async () => {
  const { uplink, requests, failures, clock } = made();

  uplink.send([publish(1)]);
  await clock.advance(15_000);

  assert.ok(requests[0].isAborted);
  assert.equal(failures[0].slug, 'commands_undelivered');
});

test('what is refused is not repeated, and its cause is told', async () => {
  const unknown = { code: 1931, slug: 'unknown_session' };
  const html = { 'content-type': 'text/html' };
  const rows = [
    [(request) => request.respond(404, unknown), 'unknown_session', 1],
    [(request) => request.respond(413, ''), 'answer_malformed', 1],
    [(request) => request.respond(200, '<html>', html), 'captive_portal', 4],
    [(request) => request.redirect(), 'captive_portal', 4],
    [(request) => request.respond(200, ''), 'answer_malformed', 4],
  ];
  for (const [answer, slug, times] of rows) {
    const { uplink, requests, failures, clock } = made();

    uplink.send([ping(1)]);
    for (let index = 0; index < times; index += 1) {
      await settle();
      answer(requests[index]);
      await clock.advance(3000);
    }

    assert.deepEqual([failures.length, failures[0]?.slug, requests.length], [1, slug, times]);
  }
});

test('nothing leaves after stop', async () => {
  const { uplink, requests, failures, clock } = made();

  uplink.send([ping(1)]);
  uplink.send([ping(2)]);
  await settle();
  uplink.stop();
  uplink.send([ping(3)]);
  await clock.advance(60_000);

  assert.equal(requests.length, 1);
  assert.ok(requests[0].isAborted);
  assert.deepEqual(failures, []);
});

test('a stop between two tries leaves no timer behind', async () => {
  const { uplink, requests, clock } = made();
  uplink.send([ping(1)]);
  await settle();
  requests[0].fail();
  await settle();
  assert.equal(clock.pending, 1);
  uplink.stop();
  await settle();

  assert.equal(clock.pending, 0);
  assert.equal(requests.length, 1);
});
