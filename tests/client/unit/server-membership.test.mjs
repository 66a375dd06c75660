import assert from 'node:assert/strict';
import { test } from 'node:test';

import { listen, page } from '../fake-page.mjs';

async function served() {
  const it = page();
  it.server.served = ['inbox'];
  it.connect();
  await it.pass(100);
  const subscription = it.subscriptions.get('inbox');
  return { it, subscription, events: listen(subscription) };
}

test('the connect command says from where to recover', async () => {
  const { it } = await served();
  it.server.publish('inbox', 1);
  await it.pass(10);

  assert.deepEqual({ ...it.subscriptions.connectSubs() }, { inbox: { recover: true, offset: 1, epoch: 'e1' } });
});

test('a channel without history has nothing to recover', async () => {
  const it = page();
  it.server.served = ['plain'];
  it.connect();
  await it.pass(100);

  assert.deepEqual({ ...it.subscriptions.connectSubs() }, {});
});

test('the application may leave, and only the server may come back', async () => {
  const { it, subscription } = await served();

  subscription.unsubscribe();
  await it.pass(10);
  assert.equal(it.session.channels.has('inbox'), false);
  subscription.subscribe();
  await it.pass(10);

  assert.equal(subscription.state, 'unsubscribed');
});

test('it moves with the connection, and nobody notices', async () => {
  const { it, subscription, events } = await served();

  it.migration.begin(0);
  for (let number = 1; number <= 100; number += 1) {
    it.server.publish('inbox', number);
    await it.pass(20);
  }

  assert.deepEqual(events.data(), Array.from({ length: 100 }, (_, index) => index + 1));
  assert.deepEqual(events.of('state'), []);
  assert.equal(subscription.state, 'subscribed');
  assert.equal(it.server.sessions.size, 1);
});

test('between two connections it is subscribing', async () => {
  const { it, subscription } = await served();

  it.session.end();
  assert.equal(subscription.state, 'subscribing');
  await it.pass(1000);

  assert.equal(subscription.state, 'subscribed');
});
