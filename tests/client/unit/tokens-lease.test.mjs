import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lease } from '../../../app/holdfast/web/client/tokens/lease.js';
import { fakeEnvironment, settle } from '../fakes.mjs';

/** Begin to acquire; `held` is undefined until it has, then whether another tab had it. */
function acquiring(lease, patience = 15_000, signal = new AbortController().signal) {
  const waiting = { held: undefined };
  void lease.acquire(patience, signal).then((hadToWait) => (waiting.held = hadToWait));
  return waiting;
}

test('a free lease is had within a moment', async () => {
  const environment = fakeEnvironment();
  const waiting = acquiring(new Lease(environment, 'key'));

  await environment.clock.advance(60);

  assert.equal(waiting.held, false);
});

test('another tab waits until it is released', async () => {
  const environment = fakeEnvironment();
  const first = new Lease(environment, 'key');
  acquiring(first);
  await environment.clock.advance(60);
  const waiting = acquiring(new Lease(environment, 'key'));
  await environment.clock.advance(10_000);
  assert.equal(waiting.held, undefined);

  first.release();
  await environment.clock.advance(200);

  assert.equal(waiting.held, true);
});

test('whoever has waited long enough goes on without', async () => {
  const environment = fakeEnvironment();
  acquiring(new Lease(environment, 'key'));
  await environment.clock.advance(60);
  const waiting = acquiring(new Lease(environment, 'key'), 2_000);

  await environment.clock.advance(2_200);

  assert.equal(waiting.held, true);
});

test('a storage that is full is done without', async () => {
  const environment = fakeEnvironment();
  environment.storage.setItem = () => {
    throw new DOMException('full', 'QuotaExceededError');
  };
  const waiting = acquiring(new Lease(environment, 'key'));

  await environment.clock.advance(60);

  assert.equal(waiting.held, false);
});

test('whoever does not want to wait any longer leaves no timer, and no lease', async () => {
  const environment = fakeEnvironment();
  const first = new Lease(environment, 'key');
  for (const moment of [0, 100]) {
    const controller = new AbortController();
    const lease = new Lease(environment, 'key');
    const waiting = acquiring(lease, 15_000, controller.signal);
    await environment.clock.advance(moment);
    controller.abort();
    await settle();
    lease.release();

    assert.notEqual(waiting.held, undefined);
    assert.equal(environment.clock.pending, 0);
  }
  const waiting = acquiring(first);
  await environment.clock.advance(60);

  assert.equal(waiting.held, false);
});
