import assert from 'node:assert/strict';
import { test } from 'node:test';

import { backoffDelay } from '../../../app/holdfast/web/client/backoff.js';
import { seededRandom } from '../fakes.mjs';

const LIMITS = { minReconnectDelay: 500, maxReconnectDelay: 20000 };

test('a delay lies between the minimum and a ceiling that doubles', () => {
  for (let attempt = 0; attempt < 40; attempt += 1) {
    const ceiling = Math.min(20000, 500 * 2 ** (attempt + 1));

    assert.equal(backoffDelay(attempt, LIMITS, () => 0), 500);
    assert.ok(backoffDelay(attempt, LIMITS, () => 0.999999) < ceiling);
    assert.ok(backoffDelay(attempt, LIMITS, () => 0.999999) > 0.99 * ceiling);
  }
});

test('each attempt draws its own delay', () => {
  const random = seededRandom(1);
  const delays = new Set(Array.from({ length: 100 }, () => backoffDelay(3, LIMITS, random)));

  assert.equal(delays.size, 100);
});

test('a minimum above the maximum is kept', () => {
  assert.equal(backoffDelay(5, { minReconnectDelay: 30000, maxReconnectDelay: 20000 }, () => 0.5), 30000);
});
