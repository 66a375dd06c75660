import assert from 'node:assert/strict';
import { test } from 'node:test';

import { SharedFetch } from '../../../app/holdfast/web/client/tokens/shared.js';
import { fakeChannels, fakeEnvironment, FakeLocks, pass } from '../fakes.mjs';

const WANTED = new AbortController().signal;

/** Two tabs of one origin, and what each has heard. */
function tabs() {
  const { Channel } = fakeChannels();
  const environment = fakeEnvironment({ BroadcastChannel: Channel, locks: new FakeLocks() });
  const heard = [[], []];
  const made = heard.map((mine) => new SharedFetch({
    environment, name: 'x', patience: 15_000, onMessage: (message) => mine.push(message), onAsked: () => ({ token: 'at hand' }),
  }));
  return { environment, heard, made };
}

test('one is at it at a time, and whoever waited asks the others first', async () => {
  const { environment, heard, made } = tabs();
  const order = [];
  const work = (name) => async (hadToWait) => {
    order.push(`${name} begins ${hadToWait}`);
    await new Promise((resolve) => environment.setTimer(resolve, 1000));
    order.push(`${name} ends`);
  };
  const both = Promise.all([made[0].run(work('first'), WANTED), made[1].run(work('second'), WANTED)]);
  await pass(environment.clock, 3000);
  await both;

  assert.deepEqual(order, ['first begins false', 'first ends', 'second begins true', 'second ends']);
  assert.deepEqual(heard[1], [{ token: 'at hand' }]);
});

test('what one tells the others hear, and a failure lets the next one in', async () => {
  const { environment, heard, made } = tabs();
  await assert.rejects(made[0].run(async () => Promise.reject(new Error('broken')), WANTED), /broken/);
  made[0].tell({ token: 'a' });
  await pass(environment.clock, 100);

  assert.equal(await made[1].run(async () => 'done', WANTED), 'done');
  assert.deepEqual(heard, [[], [{ token: 'a' }]]);
});

test('who waits for another tab may leave, and holds nobody up', async () => {
  const { environment, made } = tabs();
  let finish;
  const first = made[0].run(() => new Promise((resolve) => (finish = resolve)), WANTED);
  const controller = new AbortController();
  const second = assert.rejects(made[1].run(() => assert.fail('asked'), controller.signal), { name: 'AbortError' });
  await pass(environment.clock, 100);
  controller.abort();
  await second;
  assert.equal(environment.clock.pending, 0);
  finish('done');

  assert.equal(await first, 'done');
  assert.equal(await made[0].run(async () => 'again', WANTED), 'again');
});
