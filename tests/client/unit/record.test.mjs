import assert from 'node:assert/strict';
import { test } from 'node:test';

import { errorOf } from '../../../app/holdfast/web/client/errors.js';
import { Log } from '../../../app/holdfast/web/client/log/log.js';
import { record } from '../../../app/holdfast/web/client/log/record.js';
import { fakeEnvironment } from '../fakes.mjs';

/** Level, event and fields of the lines that events make. */
function linesOf(...events) {
  const log = new Log(fakeEnvironment());
  for (const [name, detail] of events) record(log, name, detail);
  return log.lines.map(({ t, ...line }) => line);
}

test('an attempt and all that follows it have its id, as the gateway\'s lines do', () => {
  const error = errorOf({ kind: 'close', code: 3001, reason: 'shutdown', attempt: 'a1' });
  const lines = linesOf(
    ['connecting', { attempt: 1, delay: 12.34, cid: 'a1' }],
    ['connected', { client: 'c1', transport: 'websocket' }],
    ['connecting', { attempt: 1, delay: 700, cid: 'a2' }],
    ['disconnected', { error, willReconnect: true }],
  );

  assert.deepEqual(lines, [
    { level: 'info', event: 'connecting', attempt: 'a1', number: 1, delay: 12.34 },
    { level: 'info', event: 'connected', attempt: 'a1', client: 'c1', transport: 'websocket' },
    { level: 'info', event: 'connecting', attempt: 'a2', number: 1, delay: 700 },
    { level: 'warning', event: 'connection_closed', attempt: 'a1', slug: 'shutdown', code: 3001, willReconnect: true },
  ]);
});

test('a failed attempt is trouble, what the application wanted is none', () => {
  const lines = linesOf(
    ['error', { error: errorOf({ slug: 'open_failed', attempt: 'a1', detail: 'why' }) }],
    ['login', { error: errorOf({ slug: 'login_required' }) }],
    ['disconnected', { error: errorOf({ slug: 'disconnect_called' }), willReconnect: false }],
  );

  assert.deepEqual(lines.map(({ level, event, slug, attempt }) => [level, event, slug, attempt]), [
    ['warning', 'connection_refused', 'open_failed', 'a1'],
    ['warning', 'login_needed', 'login_required', undefined],
    ['info', 'connection_closed', 'disconnect_called', undefined],
  ]);
});

test('transport, quality and level are lines too, messages are not', () => {
  const quality = { from: 'good', grade: 'fair', reasons: [{ slug: 'slow_round_trips', value: 1, limit: 1 }], rtt: 400, jitter: 3, missed: 0, reconnects: 1 };
  const lines = linesOf(
    ['transport', { from: 'websocket', to: 'sse', why: 'blocked' }],
    ['quality', quality],
    ['level', { from: 0, to: 1, name: 'typing', why: 'poor_quality' }],
    ['message', { data: 'geheim' }],
    ['state', { from: 'connecting', to: 'connected', reason: null }],
    ['round_trip', { milliseconds: 5 }],
  );

  assert.deepEqual(lines.map(({ event }) => event), ['transport_changed', 'quality_changed', 'level_changed']);
  assert.deepEqual([JSON.parse(lines[1].reasons)[0].slug, lines[1].rtt, lines[2].name], ['slow_round_trips', 400, 'typing']);
});
