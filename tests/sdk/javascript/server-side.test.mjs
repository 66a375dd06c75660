// Subscriptions that the token or the server API makes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { api, client, connect, event, network, publications, token, unique, until } from './support.mjs';

test('channels of the token are subscribed', async (t) => {
  const channels = [unique('chat:'), unique('chat:')];
  const centrifuge = client(t, { token: token({ channels }) });
  const seen = publications(centrifuge);
  const names = [];
  centrifuge.on('subscribed', (ctx) => names.push(ctx.channel));
  await connect(centrifuge);
  await until(() => names.length === 2, 'both subscriptions');
  await api('publish', { channel: channels[1], data: 'x' });
  await until(() => seen.length, 'the publication');

  assert.deepEqual(names.sort(), [...channels].sort());
  assert.equal(seen[0].channel, channels[1]);
  assert.equal(seen[0].data, 'x');
});

test('subs of the token carry data, info and overrides', async (t) => {
  const channel = unique('closed:');
  const subs = { [channel]: { data: { hello: 1 }, info: { role: 'x' }, override: { presence: { value: true } } } };
  const centrifuge = client(t, { token: token({ sub: 'carol', subs }) });
  const subscribed = event(centrifuge, 'subscribed');
  await connect(centrifuge);
  const ctx = await subscribed;

  assert.equal(ctx.channel, channel);
  assert.deepEqual(ctx.data, { hello: 1 });
});

test('a server-side subscription recovers what was missed', async (t) => {
  const line = await network(t);
  const channel = unique('kept:');
  const centrifuge = client(t, { token: token({ channels: [channel] }) }, line.url);
  const seen = publications(centrifuge);
  const subscribed = event(centrifuge, 'subscribed');
  await connect(centrifuge);
  const first = await subscribed;
  await api('publish', { channel, data: 1 });
  await until(() => seen.length === 1, 'the first');
  const lost = event(centrifuge, 'connecting');
  line.refuse(true);
  await lost;
  await api('publish', { channel, data: 2 });
  await api('publish', { channel, data: 3 });
  const again = event(centrifuge, 'subscribed');
  line.refuse(false);
  const back = await again;
  await until(() => seen.length === 3, 'all three');

  assert.equal(first.recoverable, true);
  assert.equal(first.wasRecovering, false);
  assert.equal(back.wasRecovering, true);
  assert.equal(back.recovered, true);
  assert.deepEqual(seen.map((ctx) => ctx.data), [1, 2, 3]);
});

test('the API subscribes and unsubscribes a user', async (t) => {
  const [user, channel] = [unique('user'), unique('closed:')];
  const centrifuge = client(t, { token: token({ sub: user }) });
  const seen = publications(centrifuge);
  await connect(centrifuge);
  const subscribed = event(centrifuge, 'subscribed');
  await api('subscribe', { user, channel, data: { why: 'because' } });
  const ctx = await subscribed;
  await api('publish', { channel, data: 'heard' });
  await until(() => seen.length, 'the publication');
  const ended = event(centrifuge, 'unsubscribed');
  await api('unsubscribe', { user, channel });

  assert.equal(ctx.channel, channel);
  assert.deepEqual(ctx.data, { why: 'because' });
  assert.equal((await ended).channel, channel);
  assert.deepEqual(seen.map((pub) => pub.data), ['heard']);
});

test('the API subscribes one client alone', async (t) => {
  const [user, channel] = [unique('user'), unique('closed:')];
  const [one, two] = [client(t, { token: token({ sub: user }) }), client(t, { token: token({ sub: user }) })];
  const { client: id } = await connect(one);
  await connect(two);
  const subscribed = event(one, 'subscribed');
  await api('subscribe', { user, channel, client: id });
  await subscribed;
  const { channels } = await api('channels', { pattern: channel });

  assert.deepEqual(channels, { [channel]: { num_clients: 1 } });
});

test('joins and leaves of a server-side subscription are told', async (t) => {
  const channel = unique('chat:');
  const centrifuge = client(t, { token: token({ channels: [channel] }) });
  await connect(centrifuge);
  const joined = event(centrifuge, 'join', (ctx) => ctx.info.user === 'bob');
  const left = event(centrifuge, 'leave', (ctx) => ctx.info.user === 'bob');
  const other = client(t, { token: token({ sub: 'bob', channels: [channel] }) });
  await connect(other);
  await joined;
  other.disconnect();

  assert.equal((await left).channel, channel);
});

test('a channel dropped from the token is unsubscribed at the reconnect', async (t) => {
  const line = await network(t);
  const [kept, dropped] = [unique('chat:'), unique('chat:')];
  const centrifuge = client(t, { token: token({ channels: [kept, dropped] }) }, line.url);
  await connect(centrifuge);
  const ended = event(centrifuge, 'unsubscribed');
  centrifuge.setToken(token({ channels: [kept] }));
  line.cut();

  assert.equal((await ended).channel, dropped);
});
