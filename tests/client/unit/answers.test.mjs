import assert from 'node:assert/strict';
import { test } from 'node:test';

import { causeOf, jsonOf, takeBatch, textsOf } from '../../../app/holdfast/web/client/transports/answers.js';
import { FakeBody } from '../fakes.mjs';

const answer = (status, body, headers = {}) => new Response(body, { status, headers });

test('a refusal of the gateway is told with its slug and number', async () => {
  const refusal = JSON.stringify({ code: 1914, slug: 'address_connection_limit', message: 'Many.', remedy: 'Look.' });

  assert.deepEqual(await causeOf(answer(429, refusal, { 'retry-after': '12' })), {
    code: 1914,
    reason: 'address_connection_limit',
    slug: 'address_connection_limit',
    status: 429,
    retryAfter: 12_000,
    meaning: 'Many.',
    remedy: 'Look.',
  });
});

test('what only looks like a refusal is none', async () => {
  for (const body of ['{"code":"x","slug":"y"}', '{"code":1,"slug":"<b>"}', '{"code":1}', 'null', '[]', '{"co']) {
    assert.equal((await causeOf(answer(403, body))).slug, 'answer_malformed');
  }
});

test('a date, a text or nonsense is no Retry-After', async () => {
  for (const value of ['Wed, 21 Oct 2026 07:28:00 GMT', '-1', '1e9']) {
    assert.equal((await causeOf(answer(503, '', { 'retry-after': value }))).retryAfter, undefined);
  }
});

test('no Retry-After keeps a client waiting for more than an hour', async () => {
  assert.equal((await causeOf(answer(503, '', { 'retry-after': '9'.repeat(400) }))).retryAfter, 3_600_000);
});

test('JSON that never ends is given up and cancelled', async () => {
  const body = new FakeBody();
  for (let count = 0; count < 6; count += 1) body.push('x'.repeat(1_000_000));

  assert.equal(await jsonOf({ body }), undefined);
  assert.ok(body.isCancelled);
});

test('texts are whole characters, however the bytes come', async () => {
  const body = new FakeBody();
  for (const byte of new TextEncoder().encode('é😀')) body.push(Uint8Array.of(byte));
  body.end();

  let text = '';
  for await (const part of textsOf({ body })) text += part;

  assert.equal(text, 'é😀');
});

test('a batch takes what fits, in order, and at least one', () => {
  const queue = [{ id: 1, data: 'x'.repeat(20_000) }, { id: 2 }, { id: 3 }];

  assert.deepEqual(takeBatch(queue).map(({ id }) => id), [1]);
  assert.deepEqual(takeBatch(queue).map(({ id }) => id), [2, 3]);
  assert.deepEqual(takeBatch(queue), []);
});
