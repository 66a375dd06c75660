import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { Health } from '../../../app/holdfast/web/client/health.js';
import { loaded } from '../../../app/holdfast/web/client/on-demand.js';
import { Vitals } from '../../../app/holdfast/web/client/vitals.js';
import { fakeEnvironment } from '../fakes.mjs';

const part = loaded.health;

afterEach(() => {
  loaded.health = part;
});

const partsOf = (environment) => ({ environment, options: {}, logsUrl: 'https://app.example/client/logs', emit() {} });

test('a session is judged, and its lines have its id', () => {
  const environment = fakeEnvironment();
  const health = new Health({ ...partsOf(environment), listeners: new Set() });
  const session = { cid: 'a1', transport: 'websocket' };
  health.onConnected(session, {});
  health.record(environment.wallClock(), 'connected', { client: 'c' });
  environment.clock.time = 5000;
  assert.equal(health.quality.snapshot.uptime, 5000);
  health.onEnded({ cid: 'other' }, { code: 1006 });
  assert.equal(health.quality.snapshot.uptime, 5000);
  health.onEnded(session, { code: 1006 });

  assert.deepEqual([health.quality.snapshot.uptime, health.quality.snapshot.reconnects], [0, 1]);
  assert.deepEqual(health.log.lines.map(({ event, attempt }) => [event, attempt]), [['connected', 'a1']]);
});

test('what happens before it has loaded is in the log afterwards, at its own time', async () => {
  loaded.health = undefined;
  const environment = fakeEnvironment();
  const vitals = new Vitals(partsOf(environment));
  const told = [];
  vitals.log.subscribe(({ event }) => told.push(event));
  const began = environment.wallClock();
  vitals.record('connecting', { cid: 'a1', attempt: 1 });
  vitals.log.warning('mine', { token: 'geheim' });
  assert.deepEqual([vitals.log.lines, vitals.log.count, vitals.quality.grade], [[], 0, 'good']);
  environment.clock.time = 5000;
  loaded.health = part;
  await vitals.load();

  assert.deepEqual(vitals.log.lines, [
    { t: began, level: 'info', event: 'connecting', attempt: 'a1', number: 1 },
    { t: began, level: 'warning', event: 'mine', attempt: 'a1', token: '********' },
  ]);
  assert.deepEqual(told, ['connecting', 'mine']);
});

test('what waits for it is bounded', async () => {
  loaded.health = undefined;
  const vitals = new Vitals(partsOf(fakeEnvironment()));
  for (let number = 1; number <= 1000; number += 1) vitals.log.info('counted', { number });
  loaded.health = part;
  await vitals.load();

  assert.deepEqual([vitals.log.count, vitals.log.lines[0].number], [200, 801]);
});
