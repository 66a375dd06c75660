import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Network } from '../../../app/holdfast/web/client/network.js';
import { fakeEnvironment } from '../fakes.mjs';

const make = () => {
  const environment = fakeEnvironment();
  const signals = [];
  const network = new Network(environment, (signal) => signals.push(signal));
  network.start();
  return { environment, signals, network };
};

const show = (environment, state) => {
  environment.document.visibilityState = state;
  environment.document.dispatchEvent(new Event('visibilitychange'));
};

test('what happens to page and network is told', () => {
  const { environment, signals } = make();
  for (const type of ['offline', 'online', 'pagehide', 'pageshow']) environment.page.dispatchEvent(new Event(type));
  environment.document.dispatchEvent(new Event('resume'));
  show(environment, 'hidden');
  show(environment, 'visible');

  assert.deepEqual(signals, ['offline', 'online', 'leaving', 'restored', 'awake', 'hidden', 'shown']);
});

test('another kind of network is told, another estimate of its speed is not', () => {
  const { environment, signals } = make();
  const { connection } = environment;
  connection.rtt = 50;
  connection.dispatchEvent(new Event('change'));
  connection.type = 'wifi';
  connection.dispatchEvent(new Event('change'));
  connection.dispatchEvent(new Event('change'));

  assert.deepEqual(signals, ['changed']);
});

test('sleep is seen where the monotonic clock stood still', async () => {
  const { environment, signals } = make();
  await environment.clock.advance(60_000);
  assert.deepEqual(signals, []);
  environment.clock.sleep(120_000);
  await environment.clock.advance(5_000);

  assert.deepEqual(signals, ['awake']);
});

test('sleep is seen where the monotonic clock went on and the timer was late', async () => {
  const { environment, signals } = make();
  environment.clock.time += 120_000;
  await environment.clock.advance(0);

  assert.deepEqual(signals, ['awake']);
});

test('a hidden page does not tick', () => {
  const { environment } = make();
  show(environment, 'hidden');

  assert.equal(environment.clock.pending, 0);
});

test('after stop nothing is told and nothing runs; start works again, and twice is once', () => {
  const { environment, signals, network } = make();
  network.stop();
  environment.page.dispatchEvent(new Event('online'));
  assert.deepEqual([signals.length, environment.clock.pending], [0, 0]);
  network.start();
  network.start();
  environment.page.dispatchEvent(new Event('online'));

  assert.deepEqual([signals.length, environment.clock.pending], [1, 1]);
});

test('surroundings without page, document or connection will do', async () => {
  const environment = fakeEnvironment({ page: undefined, document: undefined, connection: undefined, isHidden: () => false });
  const network = new Network(environment, () => {});
  network.start();
  await environment.clock.advance(10_000);
  network.stop();

  assert.equal(environment.clock.pending, 0);
});
