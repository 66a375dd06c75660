import assert from 'node:assert/strict';
import { test } from 'node:test';

import { listen, page, subscribed } from '../fake-page.mjs';

/** As it travels: without what is undefined. */
const asks = (it) => JSON.parse(JSON.stringify(it.session.frames.flat().flatMap(({ subscribe = [] }) => subscribe)));
const slugs = (events) => events.of('error').map(({ error }) => error.slug);

test('the command carries what the options ask for', async () => {
  const it = page();
  it.connect();
  await it.pass(100);
  it.subscriptions.add('a', { data: 1, joinLeave: true, filter: { key: 'k' }, since: { offset: 3, epoch: 'e1' } }).subscribe();
  it.subscriptions.add('b', { recover: false, token: 'a.b.c' }).subscribe();
  it.subscriptions.add('c', { recover: false, positioned: true }).subscribe();

  const [a, b, c] = asks(it);
  assert.deepEqual(a, {
    channel: 'a',
    data: 1,
    recoverable: true,
    positioned: true,
    join_leave: true,
    tf: { key: 'k' },
    recover: true,
    offset: 3,
    epoch: 'e1',
  });
  assert.deepEqual(b, { channel: 'b', token: 'a.b.c' });
  assert.deepEqual(c, { channel: 'c', positioned: true });
});

test('a refusal that may pass is asked again, later each time', async () => {
  const it = page();
  it.environment.random = () => 0.5;
  const refusal = { channel: 'news', code: 100, message: 'internal_error', temporary: true };
  it.server.refusals.push({ ...refusal }, { ...refusal }, { ...refusal });
  const times = [];
  it.server.onSubscribe = () => times.push(it.environment.now());
  const { subscription, events } = await subscribed(it, 'news');
  await it.pass(10_000);

  assert.deepEqual(times.map((time, index) => time - (times[index - 1] ?? time)), [0, 760, 1260, 2260]);
  assert.equal(subscription.state, 'subscribed');
  assert.deepEqual(slugs(events), Array(3).fill('internal_error'));
});

test('a refusal for good ends that subscription alone, by name', async () => {
  const it = page();
  it.server.refusals.push({ channel: 'secret', code: 103, message: 'permission_denied' });
  const other = it.subscriptions.add('news');
  other.subscribe();
  const { subscription, events } = await subscribed(it, 'secret');

  assert.equal(subscription.state, 'unsubscribed');
  assert.equal(subscription.reason.slug, 'permission_denied');
  assert.deepEqual(slugs(events), ['permission_denied']);
  assert.equal(other.state, 'subscribed');
  await it.pass(60_000);
  assert.equal(asks(it).length, 2);
});

test('a refused token is fetched anew', async () => {
  const it = page();
  let number = 0;
  it.server.refusals.push({ channel: 'news', code: 109, message: 'subscription_token_expired' });
  const { subscription } = await subscribed(it, 'news', { getToken: async () => `a.b.${++number}` });
  await it.pass(2000);

  assert.deepEqual(asks(it).map(({ token }) => token), ['a.b.1', 'a.b.2']);
  assert.equal(subscription.state, 'subscribed');
});

test('a refused token that nobody can replace ends the subscription', async () => {
  const it = page();
  it.server.refusals.push({ channel: 'news', code: 109, message: 'subscription_token_expired' });
  const { subscription } = await subscribed(it, 'news', { token: 'a.b.c' });

  assert.equal(subscription.reason.slug, 'subscription_token_expired');
});

test('a token is renewed before the subscription ends', async () => {
  const it = page();
  let number = 0;
  it.server.join = () => ({ expires: true, ttl: 60 });
  await subscribed(it, 'news', { getToken: async () => `a.b.${++number}` });
  await it.pass(120_000);

  const renewals = it.session.frames.flat().filter((command) => command.sub_refresh);
  assert.deepEqual(renewals.map(({ sub_refresh }) => sub_refresh.token), ['a.b.2', 'a.b.3']);
});

test('a renewal that fails is repeated, and the subscription stays', async () => {
  const it = page();
  let number = 0;
  it.server.join = () => ({ expires: true, ttl: 60 });
  const getToken = async () => {
    number += 1;
    if (number === 2) throw new Error('no backend');
    return `a.b.${number}`;
  };
  const { subscription, events } = await subscribed(it, 'news', { getToken });
  await it.pass(58_000);

  assert.equal(subscription.state, 'subscribed');
  assert.deepEqual(slugs(events), ['token_source_failed']);
  assert.equal(it.session.frames.flat().filter((command) => command.sub_refresh).length, 1);
});

test('the server ends a subscription: from 2500 on it is asked for again', async () => {
  const it = page();
  const { subscription, events } = await subscribed(it, 'news');
  await it.pass(20_000);

  it.server.unsubscribe('news', 2500, 'subscription_insufficient_state');
  await it.pass(20);
  assert.equal(subscription.state, 'subscribed');
  it.server.unsubscribe('news', 2000, 'unsubscribed_by_server');
  await it.pass(20);

  assert.equal(subscription.state, 'unsubscribed');
  assert.deepEqual(slugs(events), ['unsubscribed_by_server']);
});

test('a lapsed token is replaced before the channel is asked for again', async () => {
  const it = page();
  let number = 0;
  const { subscription } = await subscribed(it, 'news', { getToken: async () => `a.b.${++number}` });

  it.server.unsubscribe('news', 2501, 'subscription_token_lapsed');
  await it.pass(2000);

  assert.equal(subscription.state, 'subscribed');
  assert.deepEqual(asks(it).map(({ token }) => token), ['a.b.1', 'a.b.2']);
});

test('a server that takes a subscription away all the time is not asked all the time', async () => {
  const it = page();
  it.server.onSubscribe = () => it.environment.setTimer(() => it.server.unsubscribe('news', 2500, 'x'), 10);
  await subscribed(it, 'news');
  await it.pass(60_000);

  assert.ok(asks(it).length < 20, `${asks(it).length} times in a minute`);
});

test('a hole makes it leave and come back in one go', async () => {
  const it = page();
  const { events } = await subscribed(it, 'news');
  await it.pass(20_000);

  it.server.publish('news', 1);
  it.server.publish('news', 2, { isLost: () => true });
  it.server.publish('news', 3);
  await it.pass(100);

  assert.deepEqual(events.data(), [1, 2, 3]);
  assert.deepEqual(it.session.frames.flat().map((command) => Object.keys(command)[1]), ['subscribe', 'unsubscribe', 'subscribe']);
});

test('a server that has the channel already is left first', async () => {
  const it = page();
  it.connect();
  await it.pass(100);
  it.session.channels.add('news');
  const { subscription } = await subscribed(it, 'news');
  await it.pass(2000);

  assert.equal(subscription.state, 'subscribed');
});

test('a position that cannot be recovered is given up, with a gap', async () => {
  const it = page();
  it.server.refusals.push({ channel: 'news', code: 112, message: 'unrecoverable_position' });
  it.server.publish('news', 1);
  const { subscription, events } = await subscribed(it, 'news', { since: { offset: 7, epoch: 'old' } });
  await it.pass(2000);

  assert.equal(subscription.state, 'subscribed');
  assert.deepEqual(events.of('gap').map(({ reason }) => reason), ['epoch']);
});

test('unsubscribing tells the server, and nothing is told afterwards', async () => {
  const it = page();
  const { subscription, events } = await subscribed(it, 'news');

  it.server.publish('news', 1);
  subscription.unsubscribe();
  subscription.unsubscribe();
  await it.pass(100);

  assert.equal(it.session.channels.size, 0);
  assert.deepEqual(events.data(), []);
  subscription.subscribe();
  await it.pass(100);
  assert.deepEqual(events.data(), [1]);
});

test('a subscription made without a connection waits for one', async () => {
  const it = page();
  const subscription = it.subscriptions.add('news');
  subscription.subscribe();
  subscription.subscribe();
  await it.pass(100);
  assert.equal(subscription.state, 'subscribing');

  it.connect();
  await it.pass(100);

  assert.equal(subscription.state, 'subscribed');
  assert.equal(asks(it).length, 1);
});

test('a thousand reconnects leave no timer behind', async () => {
  const it = page();
  const { subscription } = await subscribed(it, 'news', { getState: async () => ({}) });
  for (let count = 0; count < 1000; count += 1) {
    it.session.end();
    await it.pass(200);
  }

  assert.equal(subscription.state, 'subscribed');
  assert.equal(it.environment.clock.pending, 0);
  assert.equal(listen(subscription).length, 0);
});
