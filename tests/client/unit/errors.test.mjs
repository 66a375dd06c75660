import assert from 'node:assert/strict';
import { test } from 'node:test';
import { causes } from '../../../app/holdfast/web/client/causes.js';
import { actionOf, errorOf, HoldfastError } from '../../../app/holdfast/web/client/errors.js';

test('an error has the slug, number and action of the table, and what came', () => {
  const error = errorOf({ slug: 'token_expired', detail: 'expired 5 s ago', attempt: 'ab' });

  assert.ok(error instanceof causes.TokenExpiredError && error instanceof HoldfastError && error instanceof Error);
  assert.ok(!(error instanceof causes.TokenMissingError));
  assert.deepEqual([error.slug, error.number, error.action], ['token_expired', 109, 'fetch_token']);
  assert.deepEqual([error.name, error.message, error.attempt], ['TokenExpiredError', 'token_expired: expired 5 s ago', 'ab']);
  assert.ok(error.isTemporary);
});

test('the reason of a close is its slug, and the number decides what is done', () => {
  const error = errorOf({ kind: 'close', code: 3500, reason: 'token_wrong_signature' });
  const renumbered = errorOf({ kind: 'close', code: 4600, reason: 'token_wrong_signature' });

  assert.deepEqual([error.slug, error.action, error.isTemporary], ['token_wrong_signature', 'stop', false]);
  assert.deepEqual([renumbered.number, renumbered.action], [4600, 'stop']);
});

test('numbers that this client does not know are decided by their range', () => {
  const rows = [
    ['close', 3000, 'retry'], ['close', 3499, 'retry'], ['close', 3500, 'stop'], ['close', 3999, 'stop'],
    ['close', 4499, 'retry'], ['close', 4500, 'stop'], ['close', 4999, 'stop'], ['close', 1009, 'stop'],
    ['close', 1006, 'retry'], ['close', 1011, 'retry'], ['error', 109, 'fetch_token'], ['error', 100, 'retry'],
    ['error', 103, 'stop'], ['unsubscribe', 2499, 'stop'], ['unsubscribe', 2500, 'retry'],
  ];

  for (const [kind, code, action] of rows) assert.equal(actionOf(kind, code), action, `${kind} ${code}`);
  assert.equal(actionOf('error', 555, true), 'retry');
});

test('a slug that only a newer server knows is taken from numbers of ours alone', () => {
  const rows = [
    ['close', 3501, 'moon_too_bright'], ['close', 4150, 'moon_too_bright'], ['error', 1999, 'moon_too_bright'],
    ['close', 4300, 'application'], ['close', 4501, 'application'], ['error', 404, 'application_error'],
  ];
  for (const [kind, code, slug] of rows) {
    const error = errorOf({ kind, code, reason: 'moon_too_bright' });

    assert.deepEqual([error.slug, error.number], [slug, code]);
  }
});

test('a reason that is no slug is detail, shortened, and never a slug', () => {
  const close = errorOf({ kind: 'close', code: 4501, reason: 'x'.repeat(5000) });
  const error = errorOf({ kind: 'error', code: 404, reason: 'no such room' });
  const odd = errorOf({ kind: 'close', code: 3555, reason: '__proto__' });

  assert.equal(close.slug, 'application');
  assert.ok(close.detail.length < 300);
  assert.deepEqual([error.slug, error.number, error.detail], ['application_error', 404, 'no such room']);
  assert.deepEqual([odd.slug, odd.action, odd.detail], ['unknown_cause', 'stop', '__proto__']);
});

test('an end without a close frame is a cut connection', () => {
  assert.equal(errorOf({ kind: 'close', code: 1006 }).slug, 'connection_cut');
});

test('a cause that this client is too old for keeps its slug and is tried again', () => {
  const error = errorOf({ slug: 'moon_too_bright', detail: 'full' });

  assert.deepEqual([error.slug, error.name, error.action], ['moon_too_bright', 'MoonTooBrightError', 'retry']);
  assert.equal(error.meaning, 'moon too bright');
});

test('meaning and remedy are the slug in words until the texts are there', async () => {
  const error = errorOf({ slug: 'queue_full' });
  assert.deepEqual([error.meaning, error.remedy], ['queue full', '']);

  await import('../../../app/holdfast/web/client/texts.js');

  assert.match(error.meaning, /As many messages/);
  assert.match(error.remedy, /queueSize/);
});
