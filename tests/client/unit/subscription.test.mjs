import assert from 'node:assert/strict';
import { test } from 'node:test';

import { listen, page, subscribed } from '../fake-page.mjs';

test('ready settles with the subscription, and rejects with its end', async () => {
  const it = page();
  const subscription = it.subscriptions.add('news');
  await assert.rejects(subscription.ready(), { slug: 'unsubscribed_by_client' });
  subscription.subscribe();
  const ready = subscription.ready();
  it.connect();
  await it.pass(100);
  await ready;
  await subscription.ready();

  it.server.refusals.push({ channel: 'secret', code: 103, message: 'permission_denied' });
  const secret = it.subscriptions.add('secret');
  secret.subscribe();
  const refused = assert.rejects(secret.ready(), { slug: 'permission_denied' });
  await it.pass(100);
  await refused;
});

test('a listener that throws is reported, and the others are told', async () => {
  const it = page();
  const { subscription, events } = await subscribed(it, 'news');
  subscription.addEventListener('publication', () => {
    throw new Error('broken');
  });
  const after = listen(subscription);

  it.server.publish('news', 1);
  it.server.publish('news', 2);
  await it.pass(100);

  assert.deepEqual(after.data(), [1, 2]);
  assert.deepEqual(events.of('error').map(({ error }) => [error.slug, error.detail]), [
    ['listener_failed', 'publication of news: Error: broken'],
    ['listener_failed', 'publication of news: Error: broken'],
  ]);
  assert.equal(it.logged.filter(({ event }) => event === 'listener_failed').length, 2);
});

test('a listener of errors that throws is no endless loop', async () => {
  const it = page();
  const { subscription } = await subscribed(it, 'news');
  for (const name of ['error', 'publication']) {
    subscription.addEventListener(name, async () => {
      throw new Error('broken');
    });
  }

  it.server.publish('news', 1);
  await it.pass(100);

  assert.equal(it.logged.filter(({ event }) => event === 'listener_failed').length, 2);
});

test('commands go to the channel, and results come in the words of the application', async () => {
  const it = page();
  const { subscription } = await subscribed(it, 'news');
  const asked = [];
  const results = {
    history: { publications: [{ data: 1, offset: 1 }], offset: 1, epoch: 'e' },
    presence: { presence: { c: { user: 'ann', client: 'c' } } },
    presence_stats: { num_clients: 2, num_users: 1 },
  };
  it.server.answer = (session, method, params) => asked.push([method, params]) && (results[method] ?? {});
  const calls = Promise.all([
    subscription.publish({ text: 'x' }),
    subscription.history({ limit: 1 }),
    subscription.presence(),
    subscription.presenceStats(),
  ]);
  await it.pass(100);

  assert.deepEqual(await calls, [
    undefined,
    { publications: [{ channel: 'news', data: 1, offset: 1 }], offset: 1, epoch: 'e' },
    { c: { user: 'ann', client: 'c' } },
    { numClients: 2, numUsers: 1 },
  ]);
  assert.deepEqual(asked[0], ['publish', { channel: 'news', data: { text: 'x' } }]);
  assert.deepEqual(asked[1], ['history', { channel: 'news', limit: 1 }]);
});

test('state events say what was, what is, and what the server sent along', async () => {
  const it = page();
  it.server.join = () => ({ data: { hello: 1 } });
  const { events, subscription } = await subscribed(it, 'plain');

  assert.deepEqual(events.of('state'), [
    { name: 'state', from: 'unsubscribed', to: 'subscribing', reason: null },
    { name: 'state', from: 'subscribing', to: 'subscribed', reason: null, data: { hello: 1 } },
  ]);
  assert.equal(subscription.channel, 'plain');
  assert.equal(subscription.position, null);
  assert.equal(subscription.reason, null);
});
