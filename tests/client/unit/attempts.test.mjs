import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Attempts, ATTEMPTS_PER_MINUTE } from '../../../app/holdfast/web/client/attempts.js';
import { fakeEnvironment } from '../fakes.mjs';

const LIMITS = { minReconnectDelay: 500, maxReconnectDelay: 20_000, stableAfter: 10_000 };

const make = (changes) => {
  const environment = fakeEnvironment(changes);
  return { environment, attempts: new Attempts(environment, LIMITS, 'wss://a.example') };
};

test('the delay grows with failed attempts and keeps its bounds', () => {
  const { attempts } = make();
  for (let failed = 1; failed <= 40; failed += 1) {
    attempts.begin();
    attempts.ended();
    const delay = attempts.backoff();

    assert.ok(delay >= 500 && delay <= Math.min(20_000, 500 * 2 ** failed), `${delay} after ${failed}`);
  }
});

test('only a connection that lasted makes the count start again', () => {
  const { attempts, environment } = make();
  attempts.begin();
  attempts.connected(0);
  environment.clock.time += 9_999;
  attempts.ended();

  assert.equal(attempts.count, 1);

  attempts.begin();
  attempts.connected(0);
  environment.clock.time += 10_000;
  attempts.ended();

  assert.equal(attempts.count, 0);
});

test('the window is remembered for the origin, and nonsense is none', () => {
  const { attempts, environment } = make({ random: () => 0.5 });
  attempts.connected(30_000);

  assert.equal(attempts.spread(), 15_000);
  assert.equal(new Attempts(environment, LIMITS, 'wss://a.example').spread(), 15_000);
  assert.equal(new Attempts(environment, LIMITS, 'wss://b.example').spread(), 750);
  for (const nonsense of [-5, NaN]) {
    attempts.connected(nonsense);
    assert.equal(attempts.spread(), 750);
  }
  attempts.connected(1e12);
  assert.equal(attempts.spread(), 150_000);
});

test('a storage that throws is done without', () => {
  const broken = () => {
    throw new DOMException('no', 'SecurityError');
  };
  const { attempts } = make({ storage: { getItem: broken, setItem: broken, removeItem: broken } });
  attempts.connected(10_000);

  assert.ok(attempts.spread() <= 10_000);
});

test('three attempts may follow each other at once, then one in a second', () => {
  const { attempts, environment } = make();
  const delays = [];
  for (let click = 0; click < 5; click += 1) {
    const delay = attempts.quick();
    delays.push(delay);
    environment.clock.time += delay;
    attempts.begin();
  }

  assert.deepEqual(delays, [0, 0, 0, 1000, 1000]);
});

test('no minute has more attempts than allowed', () => {
  const { attempts, environment } = make();
  const starts = [];
  for (let round = 0; round < 300; round += 1) {
    environment.clock.time += attempts.earliest();
    attempts.begin();
    starts.push(environment.clock.time);
  }

  for (let index = ATTEMPTS_PER_MINUTE; index < starts.length; index += 1) {
    assert.ok(starts[index] - starts[index - ATTEMPTS_PER_MINUTE] > 60_000);
  }
});
