import assert from 'node:assert/strict';
import { test } from 'node:test';

import { batchOf, MOST_BYTES, MOST_LINES } from '../../../app/holdfast/web/client/log/batch.js';

const line = (attempt, fields = {}) => ({ t: 1, level: 'info', event: 'said', attempt, ...fields });

test('lines of one attempt go under its token', () => {
  const tokens = new Map([['a', 'token-a'], ['b', 'token-b']]);
  const batch = batchOf([line('a'), line('a'), line('b'), line('a')], tokens, 5.4);

  assert.deepEqual([batch.count, batch.attempt, batch.token], [2, 'a', 'token-a']);
  assert.deepEqual(JSON.parse(batch.body), { log_token: 'token-a', sent: 5, lines: [line('a'), line('a')] });
});

test('lines of attempts that the gateway never saw go under the newest token', () => {
  const tokens = new Map([['a', 'token-a'], ['b', 'token-b']]);
  const batch = batchOf([line('lost'), line(undefined), line('b'), line('a')], tokens, 5);

  assert.deepEqual([batch.count, batch.token], [3, 'token-b']);
});

test('without a token there is no batch', () => {
  assert.equal(batchOf([line('a')], new Map(), 5), null);
});

test('a batch has at most as many lines and bytes as are taken', () => {
  const tokens = new Map([['a', 't']]);
  const many = batchOf(Array.from({ length: 300 }, () => line('a')), tokens, 5);
  const wide = batchOf(Array.from({ length: 100 }, () => line('a', { text: '😀'.repeat(450) })), tokens, 5);

  assert.equal(many.count, MOST_LINES);
  assert.ok(wide.count > 20 && wide.count < 40);
  assert.ok(Buffer.byteLength(wide.body) <= MOST_BYTES);
});

test('a line that is too long by itself goes without its fields', () => {
  const huge = line('a', Object.fromEntries(Array.from({ length: 19 }, (_, index) => [`n${index}`, '漢'.repeat(1000)])));
  const batch = batchOf([huge], new Map([['a', 't']]), 5);

  assert.deepEqual(JSON.parse(batch.body).lines, [{ ...line('a'), is_cut: true }]);
});
