// Cache recovery: whoever comes, for the first time or again, gets the latest publication.
import assert from 'node:assert/strict';
import test from 'node:test';
import { api, client, connect, event, network, subscribed, token, unique, until } from './support.mjs';

async function publish(channel, ...values) {
  for (const data of values) await api('publish', { channel, data });
}

test('a first subscribe may ask for the latest', async (t) => {
  const channel = unique('score:');
  await publish(channel, 1, 2, 3);
  const { seen, ctx } = await subscribed(t, channel, { since: { offset: 0, epoch: '' } });
  await publish(channel, 4);
  await until(() => seen.length === 2);

  assert.equal(ctx.recovered, true);
  assert.deepEqual(seen.map((one) => one.data), [3, 4]);
});

test('after a reconnect only the latest comes', async (t) => {
  const channel = unique('score:');
  const net = await network(t);
  const { centrifuge, sub, seen } = await subscribed(t, channel, { url: net.url, delta: 'fossil' });
  await publish(channel, 1);
  await until(() => seen.length === 1);
  const connecting = event(centrifuge, 'connecting');
  net.refuse(true);
  await connecting;
  await publish(channel, ...Array.from({ length: 15 }, (_, number) => number + 2));
  const again = event(sub, 'subscribed');
  net.refuse(false);
  const ctx = await again;
  await publish(channel, 17);
  await until(() => seen.length === 3);

  assert.equal(ctx.recovered, true);
  assert.deepEqual(seen.map((one) => one.data), [1, 16, 17]);
});

test('a namespace may give the latest to everybody', async (t) => {
  const channel = unique('value:');
  await publish(channel, 1, 2);
  const { seen, ctx } = await subscribed(t, channel);
  await until(() => seen.length === 1);

  assert.deepEqual([ctx.wasRecovering, ctx.recovered, seen[0].data], [true, true, 2]);
});

test('a server-side subscription begins with the latest', async (t) => {
  const channel = unique('value:');
  await publish(channel, 1, 2);
  const centrifuge = client(t, { token: token({ channels: [channel] }) });
  const arrived = event(centrifuge, 'publication');
  await connect(centrifuge);

  assert.equal((await arrived).data, 2);
});
