import assert from 'node:assert/strict';
import { test } from 'node:test';

import { pause, Timer, within } from '../../../app/holdfast/web/client/timer.js';
import { fakeEnvironment } from '../fakes.mjs';

test('what is waited for next takes the place of what was', async () => {
  const environment = fakeEnvironment();
  const timer = new Timer(environment);
  const called = [];
  timer.set(100, () => called.push('first'));
  timer.set(200, () => called.push('second'));
  assert.equal(timer.isSet, true);
  await environment.clock.advance(200);

  assert.deepEqual([called, timer.isSet, environment.clock.pending], [['second'], false, 0]);
});

test('a callback may wait again, and nothing comes of what was stopped', async () => {
  const environment = fakeEnvironment();
  const timer = new Timer(environment);
  let count = 0;
  const again = () => {
    count += 1;
    timer.set(100, again);
  };
  again();
  await environment.clock.advance(300);
  timer.stop();
  await environment.clock.advance(300);

  assert.deepEqual([count, environment.clock.pending], [4, 0]);
});

test('work is waited for so long, and no timer stays behind', async () => {
  const environment = fakeEnvironment();
  assert.equal(await within(environment, 100, Promise.resolve('done'), { slug: 'import_failed' }), 'done');
  await assert.rejects(within(environment, 100, Promise.reject(new Error('broken')), { slug: 'import_failed' }), /broken/);
  const late = assert.rejects(within(environment, 100, new Promise(() => {}), { slug: 'import_failed' }), { slug: 'import_failed' });
  await environment.clock.advance(100);
  await late;

  assert.equal(environment.clock.pending, 0);
});

test('a pause is over when its time is', async () => {
  const environment = fakeEnvironment();
  let isOver = false;
  const paused = pause(environment, 100).then(() => (isOver = true));
  await environment.clock.advance(99);
  assert.equal(isOver, false);

  await environment.clock.advance(1);
  assert.equal(await paused, true);
});

test('whoever does not wait any more leaves no timer, also where that is so from the beginning', async () => {
  const environment = fakeEnvironment();
  const controller = new AbortController();
  const waiting = () => [
    assert.rejects(within(environment, 100, new Promise(() => {}), { slug: 'import_failed' }, controller.signal), { name: 'AbortError' }),
    pause(environment, 100, controller.signal),
  ];
  const before = waiting();
  controller.abort();
  await Promise.all([...before, ...waiting()]);

  assert.equal(environment.clock.pending, 0);
});
