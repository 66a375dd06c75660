import assert from 'node:assert/strict';
import { test } from 'node:test';

import { StateSync } from '../../../app/holdfast/web/client/state-sync.js';
import { fakeEnvironment, settle } from '../fakes.mjs';

const GAP = { from: null, to: null, reason: 'no_history' };

function syncOf(getState) {
  const environment = fakeEnvironment({ random: () => 0.5 });
  const it = { environment, states: [], errors: [] };
  it.sync = new StateSync('news', getState, environment, {
    onState: (state) => it.states.push(state),
    onError: (error) => it.errors.push(error),
  });
  return it;
}

test('the callback is told why it is asked', async () => {
  const asked = [];
  const it = syncOf(async (context) => asked.push(context) && { offset: 1 });

  it.sync.start(null);
  await settle();
  it.sync.start(GAP);
  await settle();

  assert.deepEqual(asked.map(({ channel, reason, gap }) => [channel, reason, gap]), [['news', 'first', null], ['news', 'gap', GAP]]);
  assert.deepEqual(it.states, [{ offset: 1 }, { offset: 1 }]);
});

test('a callback that fails is asked again, later each time', async () => {
  let calls = 0;
  const it = syncOf(async () => {
    calls += 1;
    if (calls < 4) throw new Error('no backend');
    return {};
  });

  it.sync.start(null);
  await it.environment.clock.advance(0);
  const waits = [];
  while (it.states.length === 0) {
    waits.push(it.environment.clock.untilNext);
    await it.environment.clock.advance(waits.at(-1));
  }

  assert.deepEqual(waits, [750, 1250, 2250]);
  assert.deepEqual(it.errors.map(({ slug }) => slug), Array(3).fill('state_sync_failed'));
});

test('a callback that throws at once fails like one that rejects', async () => {
  const it = syncOf(() => {
    throw new TypeError('no function');
  });

  it.sync.start(null);
  await settle();

  assert.equal(it.errors[0].slug, 'state_sync_failed');
});

test('an answer that nobody waits for any more is dropped, and its signal says so', async () => {
  const contexts = [];
  const it = syncOf((context) => new Promise((resolve) => contexts.push({ ...context, resolve })));

  it.sync.start(null);
  it.sync.start(GAP);
  contexts[0].resolve({ offset: 1 });
  contexts[1].resolve({ offset: 2 });
  await settle();

  assert.equal(contexts[0].signal.aborted, true);
  assert.deepEqual(it.states, [{ offset: 2 }]);
});

test('a snapshot that was of no use makes the next one wait, until one was', async () => {
  const it = syncOf(async () => ({}));

  it.sync.refuse(GAP, 'too old');
  assert.equal(it.environment.clock.untilNext, 750);
  it.sync.stop();
  assert.equal(it.environment.clock.pending, 0);
  it.sync.succeed();
  it.sync.start(null);
  await settle();

  assert.equal(it.states.length, 1);
});

test('what was stopped goes on, what goes on is not begun again', async () => {
  const asked = [];
  const it = syncOf((context) => asked.push(context) && new Promise(() => {}));

  it.sync.start(GAP);
  it.sync.resume(GAP);
  assert.equal(asked.length, 1);
  it.sync.stop();
  assert.ok(asked[0].signal.aborted);
  it.sync.resume(GAP);

  assert.deepEqual([asked.length, asked[1].gap], [2, GAP]);
});
