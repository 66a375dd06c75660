import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Announcer } from '../../../app/holdfast/web/client/announcer.js';
import { Attempts } from '../../../app/holdfast/web/client/attempts.js';
import { Lifecycle } from '../../../app/holdfast/web/client/lifecycle.js';
import { Moving } from '../../../app/holdfast/web/client/moving.js';
import { DEFAULTS } from '../../../app/holdfast/web/client/options.js';
import { Session } from '../../../app/holdfast/web/client/session.js';
import { fakeEnvironment, FakeTransport, settle } from '../fakes.mjs';

const SILENT = { debug() {}, info() {}, warning() {}, error() {} };

const connected = async () => {
  const environment = fakeEnvironment();
  FakeTransport.made = [];
  const told = [];
  const reasons = [];
  const moved = [];
  const connector = {
    prepare: async ({ cid, tokenReason }, events) => {
      reasons.push(tokenReason);
      const plan = { cid, transport: 'websocket', maker: FakeTransport.make, target: {}, connect: () => ({}), timeouts: DEFAULTS };
      return new Session(plan, environment, events);
    },
  };
  const announcer = new Announcer((name, detail) => told.push([name, detail]));
  const attempts = new Attempts(environment, DEFAULTS, 'x');
  const life = new Lifecycle({ environment, options: DEFAULTS, attempts, connector, announcer }, {
    onConnected() {}, onPush() {}, onPing() {}, onStopped() {},
    onDown: () => moving.stop(),
    onEnded: (session) => moving.onEnded(session),
    explain: async () => null,
  });
  const subscriptions = { meet() {}, memberships: [], settle() {}, abandon() {} };
  const turn = { outcomes: null };
  const onMoved = (session) => moved.push(session.client);
  const moving = new Moving({ environment, log: SILENT, life, attempts, connector, turn, subscriptions, onMoved });
  life.connect();
  await environment.clock.advance(0);
  FakeTransport.made[0].connect();
  await settle();
  told.length = 0;
  return { life, moving, clock: environment.clock, told, reasons, moved };
};

test('a second session takes over without an event, and the first one is left', async () => {
  const made = await connected();
  made.moving.begin(0);
  await made.clock.advance(0);
  FakeTransport.made[1].connect({ client: 'second' });
  await made.clock.advance(6000);

  assert.deepEqual([made.life.session.client, made.life.state, made.moved, made.told], ['second', 'connected', ['second'], []]);
  assert.notEqual(FakeTransport.made[0].closedWith, null);
});

test('there is one second session at most', async () => {
  const made = await connected();
  void made.moving.open().catch(() => {});

  await assert.rejects(made.moving.open(), { slug: 'migration_failed' });
  made.life.disconnect();
});

test('a second session that fails leaves the first alone', async () => {
  const made = await connected();
  const opening = assert.rejects(made.moving.open(), { slug: 'open_failed' });
  await settle();
  FakeTransport.made[1].events.onEnd({ code: 1006, reason: '', wasOpen: false });
  await opening;

  assert.deepEqual([made.life.state, made.told], ['connected', []]);
});

test('whatever ends the first session ends the second too', async () => {
  const made = await connected();
  const opening = assert.rejects(made.moving.open(), { name: /Error$/ });
  await settle();
  made.life.suspend();
  await opening;

  assert.ok(FakeTransport.made.every(({ closedWith }) => closedWith !== null));
  assert.deepEqual([made.life.nextAttemptAt, made.clock.pending], [null, 0]);
});

test('a move whose token was refused makes the next one fetch another', async () => {
  const made = await connected();
  const opening = assert.rejects(made.moving.open(), { slug: 'token_expired' });
  await settle();
  const [, second] = FakeTransport.made;
  second.events.onOpen();
  second.events.onMessages([{ id: 1, error: { code: 109, message: 'token_expired' } }]);
  await opening;
  void made.moving.open().catch(() => {});
  await settle();

  assert.deepEqual(made.reasons, ['first', 'first', 'refused']);
  assert.equal(made.life.state, 'connected');
  made.life.disconnect();
});
