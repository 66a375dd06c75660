import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Degradation, paused, throttled } from '../../../app/holdfast/web/client/quality/degradation.js';
import { fakeEnvironment, seededRandom } from '../fakes.mjs';

const NAMES = ['typing', 'presence', 'prices'];

function world(options = {}) {
  const environment = fakeEnvironment();
  const service = Object.assign(new EventTarget(), { state: 'connected', quality: { grade: 'good' }, transport: 'websocket' });
  const [turned, events] = [[], []];
  const features = NAMES.map((name) => ({ name, down: () => turned.push(`-${name}`), up: () => turned.push(`+${name}`) }));
  const emit = (name, detail) => events.push({ event: name, ...detail });
  const degradation = new Degradation({ service, environment, emit }, features, options);
  const set = (changes) => {
    if (changes.grade) service.quality = { grade: changes.grade };
    Object.assign(service, changes);
    service.dispatchEvent(new Event(changes.grade ? 'quality' : 'transport' in changes ? 'transport' : 'state'));
  };
  return { environment, clock: environment.clock, service, degradation, features, turned, events, set };
}

test('while the connection is poor features go down one after the other', async () => {
  const { clock, degradation, events, turned, set } = world();
  assert.equal(clock.pending, 0);
  set({ grade: 'poor' });
  assert.deepEqual(turned, ['-typing']);
  await clock.advance(10_000);
  assert.deepEqual(turned, ['-typing', '-presence']);
  await clock.advance(60_000);

  assert.deepEqual([turned.length, degradation.level, clock.pending], [3, 3, 0]);
  assert.deepEqual(events[1], { event: 'level', from: 1, to: 2, name: 'presence', why: 'poor_quality' });
});

test('they come up in reverse, each after a while of good quality', async () => {
  const { clock, degradation, turned, set } = world();
  set({ grade: 'poor' });
  await clock.advance(25_000);
  turned.length = 0;
  set({ grade: 'good' });
  await clock.advance(29_000);
  assert.deepEqual(turned, []);
  await clock.advance(1000);
  assert.deepEqual(turned, ['+prices']);
  await clock.advance(120_000);

  assert.deepEqual([turned, degradation.level, clock.pending], [['+prices', '+presence', '+typing'], 0, 0]);
});

test('a fair connection leaves all as it is', async () => {
  const { clock, turned, set } = world();
  set({ grade: 'fair' });
  await clock.advance(600_000);
  assert.deepEqual(turned, []);
  set({ grade: 'poor' });
  set({ grade: 'fair' });
  await clock.advance(600_000);

  assert.deepEqual(turned, ['-typing']);
});

test('a fallback has a floor, and the way back frees it in steps', async () => {
  const { clock, degradation, turned, events, set } = world();
  set({ transport: 'poll' });
  assert.deepEqual([turned, events[0].why], [['-typing', '-presence'], 'fallback_poll']);
  await clock.advance(600_000);
  assert.equal(degradation.level, 2);

  set({ transport: 'websocket' });
  assert.equal(degradation.level, 2);
  await clock.advance(30_000);
  assert.equal(degradation.level, 1);
  await clock.advance(60_000);
  assert.equal(degradation.level, 0);
});

test('floors are the application\'s to choose, and never more than there are features', () => {
  const { degradation, set } = world({ floors: { sse: 0, poll: 99 } });
  set({ transport: 'sse' });
  assert.equal(degradation.level, 0);
  set({ transport: 'poll' });
  assert.equal(degradation.level, 3);
});

test('between two connections, and while the page is hidden, nothing moves', async () => {
  const { clock, degradation, environment, set } = world();
  set({ grade: 'poor' });
  set({ state: 'connecting', transport: 'websocket' });
  await clock.advance(600_000);
  assert.equal(degradation.level, 1);

  set({ state: 'connected' });
  environment.document.visibilityState = 'hidden';
  await clock.advance(600_000);
  assert.equal(degradation.level, 1);
  environment.document.visibilityState = 'visible';
  await clock.advance(10_000);
  assert.equal(degradation.level, 2);
});

test('a feature that fails to turn is told, and the others turn all the same', async () => {
  const { clock, degradation, environment, features, set } = world();
  features[0].down = () => {
    throw new Error('broken');
  };
  features[1].down = async () => {
    throw new Error('broken too');
  };
  set({ grade: 'poor' });
  await clock.advance(30_000);

  assert.deepEqual([degradation.level, environment.faults.map(({ message }) => message)], [3, ['broken', 'broken too']]);
});

test('the end turns everything up and looks no more', async () => {
  const { clock, degradation, turned, set } = world();
  set({ grade: 'poor' });
  await clock.advance(10_000);
  degradation.stop();
  set({ grade: 'good' });
  set({ grade: 'poor' });
  await clock.advance(600_000);

  assert.deepEqual([turned, clock.pending], [['-typing', '-presence', '+presence', '+typing'], 0]);
});

test('whatever happens, each feature is turned down and up in turns, in order, and not too often', async () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const random = seededRandom(seed);
    const { clock, degradation, events, set } = world();
    const moves = [];
    for (let step = 0; step < 80; step += 1) {
      const pick = (...values) => values[Math.floor(random() * values.length)];
      set(pick({ grade: pick('good', 'fair', 'poor') }, { transport: pick('websocket', 'sse', 'poll') }, { state: pick('connecting', 'connected') }));
      await clock.advance(random() * 20_000);
      for (const event of events.splice(0)) moves.push({ ...event, now: clock.time });
    }

    let level = 0;
    for (const { from, to, name } of moves) {
      assert.deepEqual([from, Math.abs(to - from), name], [level, 1, NAMES[Math.min(from, to)]], `seed ${seed}`);
      level = to;
    }
    const ups = moves.filter(({ from, to }) => to < from).map(({ now }) => now);
    assert.equal(degradation.level, level);
    assert.ok(ups.every((now, index) => index === 0 || now - ups[index - 1] > 10_000), `seed ${seed}: ${ups}`);
  }
});

test('a paused subscription leaves its channel and comes back', () => {
  const calls = [];
  const feature = paused('prices', { subscribe: () => calls.push('subscribe'), unsubscribe: () => calls.push('unsubscribe') });
  feature.down();
  feature.up();

  assert.deepEqual([feature.name, calls], ['prices', ['unsubscribe', 'subscribe']]);
});

test('a throttled callback gets everything while up, and the latest now and then while down', async () => {
  const { clock, ...environment } = fakeEnvironment();
  const got = [];
  const feature = throttled('prices', (price) => got.push(`${price}@${clock.time}`), 1000, environment);
  for (const price of [1, 2]) feature.call(price);
  feature.down();
  for (const price of [3, 4, 5]) feature.call(price);
  await clock.advance(1500);
  feature.call(6);
  await clock.advance(600);
  feature.call(7);
  feature.up();
  feature.call(8);
  await clock.advance(5000);

  assert.deepEqual(got, ['1@0', '2@0', '5@1000', '6@2000', '7@2100', '8@2100']);
  assert.equal(clock.pending, 0);
});
