import assert from 'node:assert/strict';
import { test } from 'node:test';

import { browserEnvironment } from '../../../app/holdfast/web/client/environment.js';
import { load, loaded, soon, use } from '../../../app/holdfast/web/client/on-demand.js';
import { TokenSource } from '../../../app/holdfast/web/client/tokens/source.js';

test('an import that fails is a temporary cause, and the next one asks for another address', async () => {
  const asked = [];
  const importFile = async (address) => {
    asked.push(address);
    if (asked.length < 3) throw new TypeError('Failed to fetch dynamically imported module');
    return { maker: 'maker' };
  };
  for (let count = 0; count < 2; count += 1) {
    await assert.rejects(load('transports/sse', importFile), (error) => error.slug === 'import_failed' && error.isTemporary);
  }

  const used = [];
  assert.equal((await load('transports/sse', importFile)).maker, 'maker');
  use('transports/sse', ({ maker }) => used.push(maker));
  assert.deepEqual([loaded['transports/sse'].maker, used], ['maker', ['maker']]);
  assert.match(asked[0], /\/sse\.js\?again=0$/);
  assert.match(asked[1], /^file:.*\/transports\/sse\.js\?again=1$/);
  assert.match(asked[2], /\/sse\.js\?again=2$/);
});

test('who asks meanwhile gets the same, and a part that is not here is used when it comes', async () => {
  let come;
  const coming = load('transports/poll', () => new Promise((resolve) => (come = resolve)));
  const used = [];
  use('transports/poll', (part) => used.push(part));
  assert.deepEqual([load('transports/poll'), used], [coming, []]);
  come('part');
  await coming;

  assert.deepEqual(used, ['part']);
});

test('who can go on without a part waits for it, but not for long', async () => {
  const timers = [];
  const environment = { setTimer: (callback, milliseconds) => timers.push({ callback, milliseconds }), clearTimer() {} };
  load('renewal', () => new Promise(() => {}));
  const { signal } = new AbortController();
  const waiting = soon('renewal', environment, signal);
  assert.equal(timers[0].milliseconds, 2000);
  timers[0].callback();

  await waiting;
  await soon('renewal', environment, AbortSignal.abort());
  assert.equal(timers.length, 1);
});

test('the first error of getToken has its words already', async () => {
  const getToken = () => Promise.reject(new Error('boom'));
  const source = new TokenSource({ getToken, share: '', environment: browserEnvironment() });

  await assert.rejects(source.obtain('first'), (error) => /answered with an error/.test(error.meaning) && error.remedy !== '');
});
