import assert from 'node:assert/strict';
import { test } from 'node:test';

import '../../../app/holdfast/web/client/codes-rest.js';
import { errorOf } from '../../../app/holdfast/web/client/errors.js';
import { Language } from '../../../app/holdfast/web/client/lang/language.js';
import { PT_BR } from '../../../app/holdfast/web/client/lang/pt-br.js';
import { actionOf, moodOf, snapshotOf, viewOf } from '../../../app/holdfast/web/client/status/view.js';
import { fakeEnvironment } from '../fakes.mjs';

const ENGLISH = new Language();
const QUALITY = { grade: 'good', reasons: [], rtt: 38.4, reconnects: 2, uptime: 754_000 };

/** A service at one moment. */
function snapshot(changes = {}) {
  const { slug, ...rest } = changes;
  const reason = slug === undefined ? null : errorOf({ slug });
  return { state: 'connecting', reason, transport: null, attempt: 'ab12', wait: null, isOnline: true, quality: null, wasConnected: true, ...rest };
}

const view = (changes, language = ENGLISH) => viewOf(snapshot(changes), language);

test('a service is read as it is, and waits at least 0 ms', () => {
  const environment = fakeEnvironment();
  environment.clock.time = 500;
  const service = { state: 'connecting', reason: null, transport: null, attempt: 'ab12', nextAttemptAt: 400 };

  assert.deepEqual({ ...snapshotOf(service, environment), wasConnected: true }, snapshot({ wait: 0, restart: null }));
  assert.equal(snapshotOf({ ...service, nextAttemptAt: 2000 }, environment).wait, 1500);
  assert.equal(snapshotOf({ state: 'disconnected' }, environment).wait, null);
});

test('a mood for each way things can stand', () => {
  const moods = {
    connected: { state: 'connected', transport: 'websocket' },
    limited: { state: 'connected', transport: 'poll' },
    connecting: {},
    waiting: { slug: 'shutdown', wait: 900 },
    trying: { slug: 'shutdown' },
    offline: { slug: 'connection_cut', isOnline: false, wait: 900 },
    login: { state: 'disconnected', slug: 'login_required' },
    stopped: { state: 'disconnected', slug: 'connection_limit' },
    idle: { state: 'disconnected', slug: 'disconnect_called' },
  };

  for (const [mood, changes] of Object.entries(moods)) assert.equal(moodOf(snapshot(changes)), mood);
  assert.equal(moodOf(snapshot({ state: 'disconnected' })), 'idle');
  assert.equal(moodOf(snapshot({ slug: 'offline', wait: 900 })), 'offline');
});

test('a good connection says one word', () => {
  const { label, note, hint, action, countdown } = view({ state: 'connected', transport: 'websocket', quality: QUALITY });

  assert.deepEqual([label, note, hint, action, countdown], ['Connected', '', '', null, '']);
});

test('a connected service with a browser that thinks it is offline is connected', () => {
  assert.equal(view({ state: 'connected', transport: 'websocket', isOnline: false }).mood, 'connected');
});

test('a connection that is not what it should be says why', () => {
  const poor = (slug) => view({ state: 'connected', transport: 'websocket', quality: { ...QUALITY, grade: 'poor', reasons: [{ slug }] } });

  assert.equal(view({ state: 'connected', transport: 'sse' }).note, ENGLISH.text('note.fallback'));
  assert.equal(poor('slow_round_trips').note, ENGLISH.text('note.poor'));
  assert.equal(poor('frequent_reconnects').note, ENGLISH.text('note.frequent_reconnects'));
});

test('who waits sees the cause, a countdown and what to do', () => {
  const { label, note, countdown, action, isBusy } = view({ slug: 'shutdown', wait: 4_100 });

  assert.deepEqual([label, note], ['Reconnecting…', 'The server is restarting.']);
  assert.deepEqual([countdown, action, isBusy], ['Next try in 5 sec', 'retry', false]);
});

test('who has never been connected does not reconnect', () => {
  const { label, note } = view({ slug: 'server_unreachable', wait: 4_100, wasConnected: false });

  assert.deepEqual([label, note], ['Connecting…', 'The server can’t be reached.']);
});

test('while an attempt is under way there is nothing to press', () => {
  const { countdown, action, isBusy } = view({ slug: 'shutdown' });

  assert.deepEqual([countdown, action, isBusy], ['Trying now…', 'retry', true]);
});

test('what is announced is the same from second to second and from attempt to attempt', () => {
  const heard = [8000, 7000, 1000, null].map((wait) => view({ slug: 'shutdown', wait }).announcement);

  assert.deepEqual([...new Set(heard)], ['Reconnecting. The server is restarting.']);
});

test('offline has no countdown, whatever the last attempt failed by', () => {
  const { label, note, hint, countdown } = view({ slug: 'connection_cut', wait: 5000, isOnline: false });

  assert.deepEqual([label, countdown], ['You’re offline', '']);
  assert.equal(note, ENGLISH.text('note.offline'));
  assert.equal(hint, 'Check Wi-Fi or mobile data.');
});

test('an end offers what mends it', () => {
  const action = (slug) => {
    const changes = snapshot({ state: 'disconnected', slug });
    return actionOf(moodOf(changes), changes.reason);
  };

  assert.equal(action('disconnect_called'), 'connect');
  assert.equal(action('signed_out_elsewhere'), 'login');
  assert.equal(action('user_revoked'), 'login');
  assert.equal(action('token_malformed'), 'login');
  assert.equal(action('login_loop'), 'login');
  assert.equal(action('import_failed'), 'reload');
  assert.equal(action('unknown_channel'), 'reload');
  assert.equal(action('connection_limit'), 'retry');
});

test('the details are what is known, in words', () => {
  const rows = (changes) => Object.fromEntries(view(changes).details.map(({ key, value }) => [key, value]));

  assert.deepEqual(rows({ state: 'connected', transport: 'websocket', quality: QUALITY }), {
    transport: 'Live connection', quality: 'Good', rtt: '38 ms', uptime: '13 minutes', reconnects: '2 times', attempt: 'ab12',
  });
  assert.deepEqual(rows({ slug: 'shutdown', quality: { ...QUALITY, rtt: null, reconnects: 0 } }), {
    problem: 'shutdown (3001)', attempt: 'ab12',
  });
  assert.deepEqual(rows({ state: 'disconnected', slug: 'disconnect_called', attempt: '' }), {});
});

test('a grade that this page does not know is not shown', () => {
  assert.equal(view({ state: 'connected', transport: 'websocket', quality: { grade: 'superb' } }).quality, null);
  assert.equal(view({ state: 'connecting', quality: QUALITY }).quality, null);
});

test('everything is in the language of the user', () => {
  const portuguese = new Language('pt-br', PT_BR);
  const { label, note, countdown } = view({ slug: 'shutdown', wait: 12_000 }, portuguese);

  assert.deepEqual([label, note, countdown], ['Reconectando…', 'O servidor está reiniciando.', 'Tentativa em 12 s']);
});

test('while an announced restart can last, attempts that fail are that restart', () => {
  const environment = fakeEnvironment();
  const service = { state: 'connecting', reason: errorOf({ slug: 'shutdown' }), nextAttemptAt: 100_000 };
  const note = (slug = 'shutdown', seconds = 0) => {
    environment.clock.time += seconds * 1000;
    service.reason = errorOf({ slug });
    return viewOf(snapshotOf(service, environment), ENGLISH).note;
  };
  const restarting = 'The server is restarting.';

  assert.equal(note(), restarting);
  for (const slug of ['open_failed', 'server_unreachable', 'upgrade_no_gateway', 'connection_cut']) assert.equal(note(slug, 10), restarting);
  assert.equal(note('draining', 10), restarting); // said anew
  assert.equal(note('server_unreachable', 59), restarting);
  assert.equal(note('server_unreachable', 1), 'The server can’t be reached.');
});

test('what is no restart is told as it is, and so is all after it', () => {
  for (const other of ['captive_portal', 'token_expired', null]) {
    const service = { state: 'connecting', reason: errorOf({ slug: 'shutdown' }) };
    snapshotOf(service, fakeEnvironment());
    service.reason = other && errorOf({ slug: other });
    if (!other) service.state = 'connected';
    assert.equal(snapshotOf(service, fakeEnvironment()).restart, null);
    Object.assign(service, { state: 'connecting', reason: errorOf({ slug: 'server_unreachable' }) });

    assert.equal(snapshotOf(service, fakeEnvironment()).restart, null);
  }
});

test('a mistake in the set-up is not put on the network or the user', () => {
  for (const slug of ['not_found', 'path_not_found', 'mixed_content', 'tls_required', 'origin_not_allowed']) {
    assert.equal(view({ slug, wait: 900 }).note, 'Live updates are not set up correctly.');
  }
  assert.doesNotMatch(view({ state: 'connected', transport: 'http_stream' }).note, /network/);
});
