import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CAPACITY, Log } from '../../../app/holdfast/web/client/log/log.js';
import { fakeEnvironment } from '../fakes.mjs';

test('a line has the time of the user\'s clock, level, event, attempt and fields', () => {
  const environment = fakeEnvironment();
  const log = new Log(environment);
  log.attempt = 'ab12';
  log.write('warning', 'connection_closed', { slug: 'pings_missing', code: 1006 });
  log.write('info', 'said', { attempt: 'other' });

  assert.deepEqual(log.lines, [
    { t: environment.wallClock(), level: 'warning', event: 'connection_closed', attempt: 'ab12', slug: 'pings_missing', code: 1006 },
    { t: environment.wallClock(), level: 'info', event: 'said', attempt: 'other' },
  ]);
});

test('fields never take the place of time, level or event', () => {
  const log = new Log(fakeEnvironment());
  log.write('debug', 'listener_failed', { t: 1, level: 'error', event: 'gap' });

  assert.deepEqual([log.lines[0].level, log.lines[0].event, log.lines[0].t > 1], ['debug', 'listener_failed', true]);
});

test('the last 200 lines are kept, and how many there were', () => {
  const log = new Log(fakeEnvironment());
  for (let number = 1; number <= 1000; number += 1) log.write('info', 'counted', { number });

  assert.deepEqual([log.lines.length, log.count, log.lines[0].number, log.lines.at(-1).number], [CAPACITY, 1000, 801, 1000]);
});

test('no secret is in it, neither as a field nor in a text', async () => {
  const log = new Log(fakeEnvironment());
  log.write('error', 'failed with eyJhbGciOi.eyJzdWIi.c2ln', { token: 'geheim', detail: 'token=geheim' });

  assert.ok(!/geheim|alg|eyJh/.test(await log.text()));
});

test('subscribers are told each line, until they leave; one that fails does not keep the others from it', () => {
  const environment = fakeEnvironment();
  const log = new Log(environment);
  const told = [];
  log.subscribe(() => {
    throw new Error('broken');
  });
  const leave = log.subscribe((line) => told.push(line.event));
  log.write('info', 'one');
  leave();
  log.write('info', 'two');

  assert.deepEqual(told, ['one']);
  assert.equal(environment.faults.length, 2);
});
