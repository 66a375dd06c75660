import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ENOUGH, blameFor, heardOf } from '../../../app/holdfast/web/client/transports/blame.js';

const outcome = (ending = {}, more = {}) => ({
  wasOpen: false,
  didConnect: false,
  lived: 0,
  ...more,
  ending: { code: 1006, reason: '', ...ending },
});
const OPEN = { wasOpen: true };
const CONNECTED = { wasOpen: true, didConnect: true };

test('a refusal with a cause, a dead network and the device itself are no fault of the transport', () => {
  const rows = [
    outcome({}, { heard: 'cause' }),
    outcome({}, { heard: 'unreachable' }),
    outcome({}, { isExcused: true }),
    outcome({ isLocal: true }, CONNECTED),
    outcome({ slug: 'captive_portal' }),
    outcome({ slug: 'upgrade_no_gateway' }),
    outcome({ slug: 'offline' }),
    outcome({ code: 1920, slug: 'draining', status: 503 }),
    outcome({ code: 1903, slug: 'origin_not_allowed', status: 403 }),
  ];
  for (const row of rows) assert.equal(blameFor('websocket', row), 0, JSON.stringify(row));
});

test('the word of a server, and a long life, show that it works', () => {
  const rows = [
    outcome({ code: 3500, reason: 'token_malformed' }, OPEN),
    outcome({ code: 3001, reason: 'shutdown' }, { ...CONNECTED, lived: 10 }),
    outcome({ code: 109, isError: true }, OPEN),
    outcome({}, { ...CONNECTED, lived: 30_000 }),
    outcome({ slug: 'pings_missing' }, { ...CONNECTED, lived: 120_000 }),
  ];
  for (const row of rows) assert.equal(blameFor('websocket', row), 'works', JSON.stringify(row));
});

test('what can never work is enough at once', () => {
  for (const slug of ['not_found', 'transport_unsupported', 'path_not_found', 'url_too_long']) {
    assert.equal(blameFor('sse', outcome({ slug })), ENOUGH);
  }
});

test('a stream that opens and brings nothing is held back on the way, and enough at once', () => {
  const ending = { slug: 'connect_timeout' };

  assert.equal(blameFor('http_stream', outcome(ending, OPEN)), ENOUGH);
  assert.equal(blameFor('sse', outcome(ending, OPEN)), ENOUGH);
  assert.ok(blameFor('websocket', outcome(ending, OPEN)) < ENOUGH);
  assert.ok(blameFor('poll', outcome(ending, OPEN)) < ENOUGH);
});

test('an attempt that never arrived though HTTP does weighs more than one of which nothing is known', () => {
  const known = blameFor('websocket', outcome({}, { heard: 'nothing' }));
  const unknown = blameFor('websocket', outcome());

  assert.ok(known > unknown && unknown > 0);
  assert.ok(2 * known >= ENOUGH && 2 * unknown < ENOUGH && 3 * unknown >= ENOUGH);
});

test('a connection that is soon cut, or soon silent, counts', () => {
  const rows = [
    outcome({}, { ...CONNECTED, lived: 29_999 }),
    outcome({ slug: 'pings_missing' }, { ...CONNECTED, lived: 35_000 }),
    outcome({ code: 4000, slug: 'message_malformed' }, { ...CONNECTED, lived: 5 }),
    outcome({ slug: 'commands_undelivered' }, { ...CONNECTED, lived: 5 }),
  ];
  for (const row of rows) assert.ok(blameFor('http_stream', row) > 0, JSON.stringify(row));
});

test('code that does not load counts, since only this part of it may be kept back', () => {
  assert.ok(blameFor('sse', outcome({ slug: 'import_failed' })) > 0);
});

test('what the server says of an attempt is a cause, unless it did not refuse it', () => {
  assert.equal(heardOf('token_expired'), 'cause');
  assert.equal(heardOf('unknown_attempt'), 'nothing');
  assert.equal(heardOf('client_gone'), 'nothing');
  assert.equal(heardOf('not_found'), 'nothing');
  assert.equal(heardOf('open_failed'), undefined);
  assert.equal(heardOf('server_unreachable'), 'unreachable');
});

test('a scheme that is wrong is so for every transport', () => {
  for (const slug of ['mixed_content', 'tls_required', 'tls_not_spoken']) assert.equal(heardOf(slug), 'unreachable');
});
