import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scheduleRenewal } from '../../../app/holdfast/web/client/tokens/renewal.js';
import { fakeEnvironment } from '../fakes.mjs';

function scheduled(ttl) {
  const environment = fakeEnvironment();
  const calls = [];
  const cancel = scheduleRenewal(environment, ttl, () => calls.push(environment.clock.time / 1000));
  return { environment, calls, cancel };
}

test('renewal comes before the end, and not at the same moment for everybody', async () => {
  for (const [ttl, earliest] of [[3, 2.1], [600, 420], [86_400, 86_100]]) {
    const { environment, calls } = scheduled(ttl);
    await environment.clock.advance(ttl * 1000);

    assert.equal(calls.length, 1);
    assert.ok(calls[0] >= earliest && calls[0] < ttl, `${ttl}: ${calls[0]}`);
    assert.equal(environment.clock.pending, 0);
  }
});

test('a page that wakes up too late renews at once', async () => {
  const { environment, calls } = scheduled(600);
  environment.clock.sleep(3_600_000);
  environment.document.dispatchEvent(new Event('visibilitychange'));

  assert.equal(calls.length, 1);
  environment.page.dispatchEvent(new Event('online'));
  assert.equal(calls.length, 1);
});

test('a page that wakes up in time goes on waiting', async () => {
  const { environment, calls } = scheduled(600);
  environment.page.dispatchEvent(new Event('pageshow'));

  assert.equal(calls.length, 0);
  assert.equal(environment.clock.pending, 1);
});

test('a cancelled renewal never comes', async () => {
  const { environment, calls, cancel } = scheduled(60);
  cancel();
  await environment.clock.advance(120_000);
  environment.page.dispatchEvent(new Event('online'));

  assert.deepEqual([calls.length, environment.clock.pending], [0, 0]);
});
