import assert from 'node:assert/strict';
import { test } from 'node:test';

import { meantBy } from '../../../app/holdfast/web/client/tokens/meaning.js';
import { fakeToken } from '../fakes.mjs';

test('who is refused has to log in', () => {
  for (const status of [401, 403]) {
    const cause = Object.assign(new Error('no'), { status });
    const error = meantBy(cause);

    assert.deepEqual([error.slug, error.action, error.cause], ['login_required', 'login', cause]);
  }
});

test('a dead network is told apart from a server that fails', () => {
  assert.equal(meantBy(new TypeError('Failed to fetch')).slug, 'token_source_unreachable');
  assert.equal(meantBy(new TypeError('x is not a function')).slug, 'token_source_failed');
  assert.equal(meantBy(Object.assign(new Error('x'), { status: 500 })).slug, 'token_source_failed');
});

test('a wait that was asked for is bounded, and no wait where it makes no sense', () => {
  assert.equal(meantBy({ retryAfter: 5_000 }).retryAfter, 5_000);
  assert.equal(meantBy({ retryAfter: 1e12 }).retryAfter, 3_600_000);
  assert.equal(meantBy({ retryAfter: 'soon' }).retryAfter, 0);
});

test('whatever is thrown has a detail, without tokens', () => {
  assert.match(meantBy(undefined).detail, /^Error: undefined$/);
  const token = fakeToken({ sub: 'u' });

  assert.ok(!meantBy(new Error(`bad ${token}`)).detail.includes(token));
});
