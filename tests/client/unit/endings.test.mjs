import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide } from '../../../app/holdfast/web/client/endings.js';

const DELAYS = { backoff: () => 2000, spread: () => 7000, quick: () => 100 };
const after = (ending) => decide({ reason: '', wasOpen: true, ...ending }, DELAYS);

test('after an end without a close frame the first attempt is spread over the window', () => {
  assert.deepEqual(after({ code: 1006 }), { action: 'retry', delay: 7000 });
});

test('a moment that a transport has drawn is not drawn again', () => {
  assert.deepEqual(after({ code: 1006, delay: 0 }), { action: 'retry', delay: 0 });
  assert.deepEqual(after({ code: 1006, delay: 9000, retryAfter: 9500 }), { action: 'retry', delay: 9500 });
});

test('after a close frame the backoff counts', () => {
  for (const code of [1000, 1001, 1011, 1012, 3000, 3001, 3012, 4000, 4100, 4499]) {
    assert.deepEqual(after({ code }), { action: 'retry', delay: 2000 }, `${code}`);
  }
});

test('what never opened is tried again by the backoff', () => {
  assert.deepEqual(after({ code: 1006, wasOpen: false }), { action: 'retry', delay: 2000 });
});

test('final codes stop, by their range alone', () => {
  for (const code of [1009, 3501, 3503, 3999, 4500, 4600, 4999]) assert.equal(after({ code }).action, 'stop', `${code}`);
  for (const code of [3499, 4000, 5000, 0, NaN]) assert.equal(after({ code }).action, 'retry', `${code}`);
});

test('a reason is never parsed', () => {
  assert.equal(after({ code: 3001, reason: '{"reconnect": false}' }).action, 'retry');
  assert.equal(after({ code: 3501, reason: '{"reconnect": true}' }).action, 'stop');
});

test('an expired connection fetches a token at once, an incurable token leads to the login', () => {
  assert.deepEqual(after({ code: 3005 }), { action: 'fetch_token', delay: 100 });
  assert.deepEqual(after({ code: 109, isError: true }), { action: 'fetch_token', delay: 100 });
  assert.deepEqual(after({ code: 3500 }), { action: 'login', delay: 0 });
});

test('a connect that is refused for a while is tried again, any other is not', () => {
  assert.deepEqual(after({ code: 1900, isError: true, isTemporary: true }), { action: 'retry', delay: 2000 });
  assert.deepEqual(after({ code: 100, isError: true }), { action: 'retry', delay: 2000 });
  assert.deepEqual(after({ code: 103, isError: true }), { action: 'stop', delay: 0 });
});

test('what the device itself caused is no crowd and is tried again at once', () => {
  assert.deepEqual(after({ code: 1006, isLocal: true }), { action: 'retry', delay: 100 });
});

test('Retry-After is honoured', () => {
  assert.equal(after({ code: 1900, retryAfter: 9000 }).delay, 9000);
  assert.equal(after({ code: 1900, retryAfter: 1 }).delay, 2000);
});
