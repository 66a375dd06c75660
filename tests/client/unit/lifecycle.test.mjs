import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Announcer } from '../../../app/holdfast/web/client/announcer.js';
import { Attempts } from '../../../app/holdfast/web/client/attempts.js';
import { errorOf } from '../../../app/holdfast/web/client/errors.js';
import { isFinal } from '../../../app/holdfast/web/client/explain.js';
import { errorOfEnding, Lifecycle } from '../../../app/holdfast/web/client/lifecycle.js';
import { DEFAULTS } from '../../../app/holdfast/web/client/options.js';
import { Session } from '../../../app/holdfast/web/client/session.js';
import { fakeEnvironment, FakeTransport, settle } from '../fakes.mjs';

const make = ({ explain = async () => {}, refuse } = {}) => {
  const environment = fakeEnvironment();
  FakeTransport.made = [];
  const told = [];
  const ended = [];
  const reasons = [];
  const connector = {
    prepare: async ({ cid, tokenReason }, events) => {
      reasons.push(tokenReason);
      if (refuse) throw refuse;
      const plan = { cid, transport: 'websocket', maker: FakeTransport.make, target: {}, connect: () => ({}), timeouts: DEFAULTS };
      return new Session(plan, environment, events);
    },
  };
  const announcer = new Announcer((name, detail) => told.push([name, detail]));
  const parts = { environment, options: DEFAULTS, attempts: new Attempts(environment, DEFAULTS, 'x'), connector, announcer };
  const hooks = {
    onConnected() {}, onPush() {}, onPing() {}, onDown() {}, onStopped() {},
    onEnded: (session, ending) => ended.push(ending.code),
    explain,
  };
  const life = new Lifecycle(parts, hooks);
  return { life, hooks, clock: environment.clock, told, ended, reasons, names: () => told.splice(0).map(([name]) => name) };
};

const connected = async (options) => {
  const made = make(options);
  made.life.connect();
  await made.clock.advance(0);
  FakeTransport.made[0].connect();
  await settle();
  made.told.length = 0;
  return made;
};

const fail = async ({ clock, life }) => {
  life.connect();
  await clock.advance(0);
  FakeTransport.made.at(-1).events.onEnd({ code: 1006, reason: '', wasOpen: false });
  await settle();
};

const errorsOf = ({ told }) => told.filter(([name]) => name === 'error').map(([, { error }]) => error.slug);

test('events say what happened in its order, when all of it has happened', async () => {
  const made = make();
  made.life.connect();
  await made.clock.advance(0);
  FakeTransport.made[0].connect();
  await settle();
  assert.deepEqual(made.names(), ['state', 'connecting', 'state', 'connected']);
  FakeTransport.made[0].events.onEnd({ code: 3001, reason: 'shutdown', wasOpen: true });
  assert.deepEqual(made.names(), ['state', 'disconnected', 'connecting']);
  made.life.disconnect();

  assert.deepEqual(made.names(), ['state', 'disconnected']);
});

test('a refusal that every attempt would meet stops, any other goes on', async () => {
  const rows = [
    ['origin_not_allowed', 'disconnected'], ['instance_connection_limit', 'connecting'], ['unknown_attempt', 'connecting'],
    ['not_found', 'connecting'], ['connection_limit', 'disconnected'],
  ];
  for (const [slug, state] of rows) {
    const cause = errorOf({ slug });
    Object.assign(cause, { number: slug === 'connection_limit' ? 3504 : 1910, action: 'stop' });
    const made = make({ explain: async () => Object.assign(cause, { isFinal: isFinal(cause) }) });
    await fail(made);

    assert.deepEqual([made.life.state, made.life.reason.slug], [state, slug]);
    made.life.disconnect();
  }
});

test('an explanation that comes too late changes nothing', async () => {
  let tell;
  const made = make({ explain: () => new Promise((resolve) => (tell = resolve)) });
  await fail(made);
  await made.clock.advance(made.clock.untilNext);
  FakeTransport.made.at(-1).connect();
  await settle();
  tell(Object.assign(errorOf({ slug: 'origin_not_allowed' }), { isFinal: true }));
  await settle();

  assert.deepEqual([made.life.state, made.life.reason], ['connected', null]);
});

test('an explanation that cannot be had leaves what is known', async () => {
  const made = make({ explain: async () => {} });
  await fail(made);

  assert.equal(made.life.reason.slug, 'open_failed');
  assert.deepEqual(errorsOf(made), ['open_failed']);
});

test('a failed attempt is one error: what the server said', async () => {
  const made = make({ explain: async () => errorOf({ slug: 'unknown_attempt' }) });
  await fail(made);

  assert.deepEqual(errorsOf(made), ['unknown_attempt']);
});

test('who is stopped by an explanation hears of that alone', async () => {
  const made = make({ explain: async () => Object.assign(errorOf({ slug: 'origin_not_allowed' }), { isFinal: true }) });
  await fail(made);

  assert.deepEqual(errorsOf(made), []);
  assert.deepEqual(made.told.at(-1)[1].error.slug, 'origin_not_allowed');
});

test('an explanation that does not come is not waited for beyond the next attempt', async () => {
  const made = make({ explain: () => new Promise(() => {}) });
  await fail(made);
  assert.deepEqual(errorsOf(made), []);
  await made.clock.advance(made.clock.untilNext);
  FakeTransport.made.at(-1).events.onEnd({ code: 1006, reason: '', slug: 'open_timeout', wasOpen: false });
  await settle();
  assert.deepEqual(errorsOf(made), ['open_failed']);
  await made.clock.advance(made.clock.untilNext);
  FakeTransport.made.at(-1).connect();
  await settle();

  assert.deepEqual(errorsOf(made), ['open_failed', 'open_timeout']);
  assert.deepEqual(made.told.slice(-3).map(([name]) => name), ['error', 'state', 'connected']);
});

test('an attempt without a token is tried again by the backoff', async () => {
  const made = make({ refuse: errorOf({ slug: 'token_source_failed' }) });
  made.life.connect();
  await made.clock.advance(0);

  assert.equal(made.life.reason.slug, 'token_source_failed');
  assert.ok(made.life.nextAttemptAt > made.clock.time);
});

test('what the server said of a refusal over HTTP are the words of its error', () => {
  const refusal = { code: 1914, reason: 'address_connection_limit', slug: 'address_connection_limit', wasOpen: false };
  const error = errorOfEnding({ ...refusal, meaning: 'Many.', remedy: 'Look.' }, 'a1');

  assert.deepEqual([error.slug, error.number, error.attempt, error.action], [refusal.slug, 1914, 'a1', 'retry']);
  assert.deepEqual([error.meaning, error.remedy], ['Many.', 'Look.']);
});
