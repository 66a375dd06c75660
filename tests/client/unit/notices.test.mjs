import assert from 'node:assert/strict';
import { test } from 'node:test';

import '../../../app/holdfast/web/client/codes-rest.js';
import { errorOf } from '../../../app/holdfast/web/client/errors.js';
import { GRACE, MOST, Notices } from '../../../app/holdfast/web/client/status/notices.js';
import { fakeEnvironment } from '../fakes.mjs';

/** Notices over a connection that a test moves. */
function setUp() {
  const environment = fakeEnvironment();
  const now = { state: 'connected', reason: null, transport: 'websocket', attempt: '', wait: null, isOnline: true, quality: null };
  const changes = [];
  const notices = new Notices({
    environment,
    look: () => now,
    onChange: (shown, isBack) => changes.push(isBack ? 'back' : shown.map(({ topic }) => topic).join()),
  });
  const become = (state, slug) => {
    Object.assign(now, { state, reason: slug ? errorOf({ slug }) : null });
    notices.update();
  };
  const topics = () => notices.shown.map(({ topic }) => topic);
  return { clock: environment.clock, notices, become, topics, changes, now };
}

test('a reconnect under 3 s has no notice', async () => {
  const { clock, become, changes } = setUp();
  become('connecting', 'connection_cut');
  await clock.advance(GRACE - 1);
  become('connected');
  await clock.advance(60_000);

  assert.deepEqual(changes, []);
  assert.equal(clock.pending, 0);
});

test('a longer one has one notice, however many attempts fail, and none when it is over', async () => {
  const { clock, become, topics, changes } = setUp();
  become('connecting', 'connection_cut');
  await clock.advance(GRACE);
  assert.deepEqual(topics(), ['retry']);
  for (let attempt = 0; attempt < 5; attempt += 1) become('connecting', 'server_unreachable');
  assert.deepEqual(topics(), ['unreachable']);
  become('connected');

  assert.deepEqual(topics(), []);
  assert.equal(changes.at(-1), 'back');
});

test('the grace counts from the first loss, not from each attempt', async () => {
  const { clock, become, topics } = setUp();
  become('connecting', 'shutdown');
  await clock.advance(2000);
  become('connecting', 'shutdown');
  await clock.advance(1000);

  assert.deepEqual(topics(), ['restarting']);
});

test('an end that nobody but the user can mend is urgent and told at once', () => {
  const { become, notices } = setUp();
  become('disconnected', 'signed_out_elsewhere');

  const [notice] = notices.shown;
  assert.deepEqual([notice.topic, notice.action, notice.isUrgent], ['elsewhere', 'login', true]);
});

test('an attempt after such an end keeps its notice until it is known better', async () => {
  const { clock, become, topics } = setUp();
  become('disconnected', 'connection_limit');
  become('connecting', 'connection_limit');
  assert.deepEqual(topics(), ['crowded']);
  await clock.advance(GRACE);

  assert.deepEqual(topics(), ['crowded']);
});

test('what was dismissed stays away until the connection has been back', async () => {
  const { clock, become, notices, topics } = setUp();
  become('connecting', 'shutdown');
  await clock.advance(GRACE);
  notices.dismiss('restarting');
  become('connecting', 'shutdown');
  assert.deepEqual(topics(), []);
  become('connected');
  become('connecting', 'shutdown');
  await clock.advance(GRACE);

  assert.deepEqual(topics(), ['restarting']);
});

test('another cause after a dismissed one is told', async () => {
  const { clock, become, notices, topics } = setUp();
  become('connecting', 'shutdown');
  await clock.advance(GRACE);
  notices.dismiss('restarting');
  become('connecting', 'captive_portal');

  assert.deepEqual(topics(), ['captive']);
});

test('offline is told by what the browser says, whatever failed', async () => {
  const { clock, become, topics, now } = setUp();
  now.isOnline = false;
  become('connecting');
  await clock.advance(GRACE);

  assert.deepEqual(topics(), ['offline']);
});

test('a first attempt that takes long without a cause has no notice', async () => {
  const { clock, become, topics } = setUp();
  become('connecting');
  await clock.advance(60_000);

  assert.deepEqual(topics(), []);
});

test('who disconnects on purpose is told nothing', async () => {
  const { clock, become, topics, changes } = setUp();
  become('connecting', 'shutdown');
  await clock.advance(GRACE);
  become('disconnected', 'disconnect_called');

  assert.deepEqual(topics(), []);
  assert.equal(changes.at(-1), '');
});

test('a login says what went wrong, without a way to where the user is', () => {
  const { notices, become, topics } = setUp();
  notices.add(errorOf({ slug: 'token_source_unreachable' }));
  notices.add(errorOf({ slug: 'login_required' }));
  assert.deepEqual(notices.shown.map(({ topic, action }) => [topic, action]), [['token_source', null], ['login', 'login']]);
  become('connected');

  assert.deepEqual(topics(), ['token_source']);
});

test('a notice that is no trouble of the connection outlives it', () => {
  const { notices, become, topics } = setUp();
  notices.add(errorOf({ slug: 'clock_wrong' }));
  become('disconnected', 'connection_limit');
  become('connected');

  assert.deepEqual(topics(), ['clock']);
});

test('the same cause from two sides is one notice, with what came last', () => {
  const { notices } = setUp();
  const late = errorOf({ slug: 'rate_limited', retryAfter: 9000 });
  notices.add(errorOf({ slug: 'rate_limited', retryAfter: 1000 }));
  notices.add(late);

  assert.deepEqual(notices.shown.map(({ error }) => error), [late]);
});

test('there are at most three, and one that needs nobody goes first', async () => {
  const { clock, notices, become, topics } = setUp();
  become('connecting', 'shutdown');
  await clock.advance(GRACE);
  for (const slug of ['clock_wrong', 'queue_timeout', 'permission_denied']) notices.add(errorOf({ slug }));
  assert.deepEqual(topics(), ['clock', 'unsent', 'denied']);
  notices.add(errorOf({ slug: 'message_too_big' }));

  assert.deepEqual(topics(), ['unsent', 'denied', 'large']);
  assert.equal(topics().length, MOST);
});

test('after close nothing is told', async () => {
  const { clock, notices, become, topics } = setUp();
  become('connecting', 'shutdown');
  notices.close();
  await clock.advance(60_000);

  assert.deepEqual(topics(), []);
  assert.equal(clock.pending, 0);
});

test('a restart that was announced is the notice for as long as it can last', async () => {
  const { clock, become, topics, now } = setUp();
  become('connecting', 'shutdown');
  await clock.advance(GRACE);
  now.restart = errorOf({ slug: 'shutdown' });
  become('connecting', 'server_unreachable');
  assert.deepEqual(topics(), ['restarting']);
  now.restart = null;
  become('connecting', 'server_unreachable');

  assert.deepEqual(topics(), ['unreachable']);
});
