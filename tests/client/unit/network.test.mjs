import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Network } from '../../../app/holdfast/web/client/network.js';
import { fakeEnvironment } from '../fakes.mjs';

const make = () => {
  const environment = fakeEnvironment();
  const signals = [];
  const network = new Network(environment, ({ type }) => signals.push(type));
  const stop = new AbortController();
  network.start(stop.signal);
  return { environment, signals, network, stop };
};

const show = (environment, state) => {
  environment.document.visibilityState = state;
  environment.document.dispatchEvent(new Event('visibilitychange'));
};

test('what happens to the page is told', () => {
  const { environment, signals } = make();
  environment.document.dispatchEvent(new Event('resume'));
  show(environment, 'hidden');
  show(environment, 'visible');

  assert.deepEqual(signals, ['resume', 'hidden', 'shown']);
});

test('another kind of network is told, another estimate of its speed is not', () => {
  const { environment, signals } = make();
  const { connection } = environment;
  connection.rtt = 50;
  connection.dispatchEvent(new Event('change'));
  connection.type = 'wifi';
  connection.dispatchEvent(new Event('change'));
  connection.dispatchEvent(new Event('change'));

  assert.deepEqual(signals, ['change']);
});

test('sleep is seen where the monotonic clock stood still', async () => {
  const { environment, signals } = make();
  await environment.clock.advance(60_000);
  assert.deepEqual(signals, []);
  environment.clock.sleep(120_000);
  await environment.clock.advance(5_000);

  assert.deepEqual(signals, ['resume']);
});

test('sleep is seen where the monotonic clock went on and the timer was late', async () => {
  const { environment, signals } = make();
  environment.clock.time += 120_000;
  await environment.clock.advance(0);

  assert.deepEqual(signals, ['resume']);
});

test('a hidden page does not tick', () => {
  const { environment } = make();
  show(environment, 'hidden');

  assert.equal(environment.clock.pending, 0);
});

test('after the stop nothing is told and nothing runs; start works again, and twice is once', () => {
  const { environment, signals, network, stop } = make();
  stop.abort();
  network.start(stop.signal);
  show(environment, 'visible');
  assert.deepEqual([signals.length, environment.clock.pending], [0, 0]);
  const { signal } = new AbortController();
  network.start(signal);
  network.start(signal);
  show(environment, 'visible');

  assert.deepEqual([signals.length, environment.clock.pending], [1, 1]);
});

test('surroundings without document or connection will do', async () => {
  const environment = fakeEnvironment({ document: undefined, connection: undefined, isHidden: () => false });
  const stop = new AbortController();
  new Network(environment, () => {}).start(stop.signal);
  await environment.clock.advance(10_000);
  stop.abort();

  assert.equal(environment.clock.pending, 0);
});
