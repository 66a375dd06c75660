import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServerClock } from '../../../app/holdfast/web/client/tokens/clock.js';
import { FakeClock } from '../fakes.mjs';

function clockOf() {
  const device = new FakeClock();
  return { device, clock: new ServerClock({ wallClock: () => device.time + device.wallOffset }) };
}

test('the device is believed until the server has told its time', () => {
  const { clock } = clockOf();

  assert.deepEqual([clock.isLearned, clock.now()], [false, 1_800_000_000]);
});

test('the server is believed from then on, also after a sleep', () => {
  const { clock, device } = clockOf();
  clock.learn(1_800_003_600);
  device.sleep(60_000);

  assert.deepEqual([clock.isLearned, clock.now()], [true, 1_800_003_660]);
});

test('nonsense teaches nothing', () => {
  const { clock } = clockOf();
  for (const time of [undefined, null, 'now', NaN, 0, -5, 1.8e12]) clock.learn(time);

  assert.ok(!clock.isLearned);
});
