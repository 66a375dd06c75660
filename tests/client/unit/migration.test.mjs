import assert from 'node:assert/strict';
import { test } from 'node:test';

import { page, subscribed } from '../fake-page.mjs';

const names = (it) => it.logged.map(({ event }) => event);

async function moving(options) {
  const it = page();
  const { subscription, events } = await subscribed(it, 'news', options);
  return { it, subscription, events, old: it.session };
}

test('the new connection is open and has every channel before the old one is closed', async () => {
  const { it, old, events } = await moving();
  const opened = it.openSecond;
  it.openSecond = async () => {
    assert.equal(old.isConnected, true);
    return opened();
  };

  it.migration.begin(1000);
  await it.pass(999);
  assert.equal(it.server.sessions.size, 1);
  await it.pass(100);
  assert.notEqual(it.session, old);
  assert.equal(old.isConnected, true);
  await it.pass(1000);

  assert.equal(old.hasEnded, true);
  assert.deepEqual(names(it), ['migrated']);
  assert.deepEqual(events.of('state').length, 2);
  assert.equal(it.reconnects, 0);
});

test('what waits for a reply on the old connection gets it', async () => {
  const { it, old } = await moving();
  it.server.answer = ((answer) => (session, method, params) => {
    if (method !== 'publish') return answer.call(it.server, session, method, params);
    it.environment.setTimer(() => session.tell({ id: session.frames.flat().at(-1).id, result: { slow: true } }), 3000);
    return {};
  })(it.server.answer);
  const tell = old.tell.bind(old);
  const isOfPublish = (id) => old.frames.flat().some((command) => command.id === id && command.publish);
  old.tell = (message) => {
    if (!isOfPublish(message.id) || message.result.slow) tell(message);
  };
  const reply = old.request('publish', {});

  it.migration.begin(0);
  await it.pass(2000);
  assert.equal(old.isConnected, true);
  await it.pass(3000);

  assert.deepEqual(await reply, { slow: true });
  assert.equal(old.hasEnded, true);
});

test('a new connection that does not open leaves the old one, and is tried again', async () => {
  const { it, old, events } = await moving();
  const opened = it.openSecond;
  let calls = 0;
  it.openSecond = () => (++calls < 3 ? Promise.reject(new Error('no instance')) : opened());

  it.migration.begin(0);
  await it.pass(100);
  assert.equal(it.session, old);
  await it.pass(60_000);

  assert.equal(calls, 3);
  assert.deepEqual(names(it), ['migration_failed', 'migration_failed', 'migrated']);
  assert.equal(events.of('state').length, 2);
});

test('a channel that cannot move now leaves all of them where they are', async () => {
  const { it, old, events } = await moving();
  it.server.refusals.push({ channel: 'news', code: 100, message: 'internal_error', temporary: true });

  it.migration.begin(0);
  await it.pass(500);
  assert.equal(it.session, old);
  assert.equal(it.server.sessions.size, 1);
  it.server.publish('news', 1);
  await it.pass(60_000);

  assert.notEqual(it.session, old);
  assert.deepEqual(events.data(), [1]);
  assert.equal(events.of('error').length, 0);
});

test('a channel that the new instance refuses for good ends by name, the others move', async () => {
  const { it, events, subscription } = await moving();
  const other = await subscribed(it, 'other');
  const refusal = { channel: 'news', code: 103, message: 'permission_denied' };
  it.server.refusals.push({ ...refusal }, { ...refusal });

  it.migration.begin(0);
  await it.pass(2000);

  assert.equal(subscription.reason.slug, 'permission_denied');
  assert.equal(events.of('error').length, 1);
  assert.equal(other.subscription.state, 'subscribed');
  assert.equal(other.events.of('state').length, 2);
});

test('an old connection that ends while the new one stands is replaced at once', async () => {
  const { it, old, events } = await moving();

  it.migration.begin(0);
  await it.pass(12); // connected, and asked for the channels
  it.server.publish('news', 1);
  old.end();
  await it.pass(1000);
  it.server.publish('news', 2);
  await it.pass(100);

  assert.equal(it.reconnects, 0);
  assert.deepEqual(events.data(), [1, 2]);
  assert.equal(events.of('state').length, 2);
  assert.equal(it.server.sessions.size, 1);
});

test('an old connection that ends before the new one stands is an ordinary end', async () => {
  const { it, old, events } = await moving();

  it.migration.begin(0);
  await it.pass(2);
  old.end();
  it.server.publish('news', 1);
  await it.pass(2000);

  assert.equal(it.reconnects, 1);
  assert.deepEqual(events.data(), [1]);
  assert.equal(it.server.sessions.size, 1);
});

test('a new connection that ends right after the move is an ordinary end too', async () => {
  const { it, old, events } = await moving();

  it.migration.begin(0);
  await it.pass(100);
  it.session.end();
  assert.equal(old.hasEnded, true);
  it.server.publish('news', 1);
  await it.pass(2000);

  assert.deepEqual(events.data(), [1]);
  assert.equal(it.server.sessions.size, 1);
});

test('a new instance that never answers is given up', async () => {
  const { it, old } = await moving();
  it.openSecond = () => new Promise(() => {});

  it.migration.begin(0);
  await it.pass(30_000);

  assert.equal(it.session, old);
  assert.deepEqual(names(it), ['migration_failed']);
});

test('told twice it moves once; told again meanwhile it moves on', async () => {
  const { it, old } = await moving();

  it.migration.begin(50);
  it.migration.begin(50);
  await it.pass(100);
  const second = it.session;
  it.migration.begin(0);
  await it.pass(5000);

  assert.notEqual(second, old);
  assert.notEqual(it.session, second);
  assert.deepEqual(names(it), ['migrated', 'migrated']);
  assert.equal(it.server.sessions.size, 1);
});

test('a connection that ended before its time to move does not move', async () => {
  const { it } = await moving();

  it.migration.begin(5000);
  it.session.end();
  await it.pass(20_000);

  assert.deepEqual(names(it), []);
  assert.equal(it.server.sessions.size, 1);
});

test('of several deadlines the earliest holds', async () => {
  for (const deadlines of [[5000, 1000, 9000], [1000, 5000], [5000, 1e999, 1000]]) {
    const { it, old } = await moving();

    for (const afterMs of deadlines) it.migration.begin(afterMs);
    await it.pass(999);
    assert.equal(it.session, old);
    await it.pass(100);

    assert.notEqual(it.session, old);
    await it.pass(20_000);
    assert.deepEqual(names(it), ['migrated']);
  }
});

test('a deadline that is none, or has passed, means now', async () => {
  for (const afterMs of [0, -5000, undefined, null, 'soon', NaN]) {
    const { it, old } = await moving();

    it.migration.begin(60_000);
    it.migration.begin(afterMs);
    await it.pass(100);

    assert.notEqual(it.session, old);
  }
});

test('told once more to leave the connection that is being left, it moves once', async () => {
  const { it } = await moving();

  it.migration.begin(0);
  await it.pass(1);
  it.migration.begin(0);
  it.migration.begin(5000);
  await it.pass(20_000);

  assert.deepEqual(names(it), ['migrated']);
});

test('a server that insists after a move that failed is obeyed at once, and failures still count', async () => {
  const { it, old } = await moving();
  let calls = 0;
  it.openSecond = () => (calls += 1) && Promise.reject(new Error('no instance'));

  it.migration.begin(0);
  await it.pass(1);
  for (let times = 0; times < 5; times += 1) {
    it.migration.begin(60_000); // the next try comes sooner
    it.migration.begin(0);
    await it.pass(1);
  }
  assert.equal(calls, 6);
  await it.pass(10_000);

  assert.ok(calls <= 12, `${calls} tries`); // evenly between 1 and 30 s by now
  assert.equal(it.session, old);
});

test('nothing of a move remains when nobody wants it any more', async () => {
  for (const [afterMs, moment] of [[1000, 500], [0, 1], [0, 12]]) {
    const { it, old } = await moving();
    if (moment === 1) it.openSecond = () => new Promise(() => {});

    it.migration.begin(afterMs);
    await it.pass(moment);
    it.migration.stop();
    await it.pass(60_000);

    assert.equal(it.session, old);
    assert.equal(it.server.sessions.size, 1);
    assert.deepEqual(names(it), []);
    assert.equal(it.environment.clock.pending, 0);
  }
});
