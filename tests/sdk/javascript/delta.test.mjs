// Deltas: what the application gets is always the document that was published, however it travelled.
import assert from 'node:assert/strict';
import test from 'node:test';
import { api, event, network, subscribed, unique, until } from './support.mjs';

/** A document of about 2 kB. */
function document(changed = '') {
  const items = Array.from({ length: 32 }, (_, id) => ({ id, name: `item ${id} €`, price: id * 1.25, ok: true }));
  return { changed, items };
}

async function publish(channel, data, options = {}) {
  await api('publish', { channel, data, ...options });
}

test('documents arrive whole while most travel as deltas', async (t) => {
  const channel = unique('changing:');
  const { sub, seen, ctx } = await subscribed(t, channel, { delta: 'fossil' });
  const documents = ['', 'a', 'é', '€€', '"\\\n', ''].map(document);
  for (const data of documents) await publish(channel, data);
  await until(() => seen.length === documents.length);

  assert.equal(ctx.wasRecovering, false);
  assert.deepEqual(seen.map((one) => one.data), documents);
  const stats = sub.deltaStats();
  assert.equal(stats.numFullPayloads, 1);
  assert.equal(stats.numDeltaPayloads, 5);
  assert.ok(stats.compressionRatio > 0.75, `saved ${stats.compressionRatio}`);
});

test('subscribers with and without deltas share a channel', async (t) => {
  const channel = unique('changing:');
  const { seen: plain } = await subscribed(t, channel);
  const { seen: first } = await subscribed(t, channel, { delta: 'fossil' });
  await publish(channel, document('1'));
  await until(() => first.length === 1);
  const { seen: second } = await subscribed(t, channel, { delta: 'fossil' });
  await publish(channel, document('2'));
  await publish(channel, 'something else');
  await publish(channel, document('3'));
  await until(() => [plain, first].every((seen) => seen.length === 4) && second.length === 3);

  const all = [document('1'), document('2'), 'something else', document('3')];
  assert.deepEqual(plain.map((one) => one.data), all);
  assert.deepEqual(first.map((one) => one.data), all);
  assert.deepEqual(second.map((one) => one.data), all.slice(1));
});

test('deltas go on after a reconnect', async (t) => {
  const channel = unique('changing:');
  const net = await network(t);
  const { centrifuge, sub, seen } = await subscribed(t, channel, { delta: 'fossil', url: net.url });
  await publish(channel, document('1'));
  await publish(channel, document('2'));
  await until(() => seen.length === 2);
  const connecting = event(centrifuge, 'connecting');
  net.refuse(true);
  await connecting;
  await publish(channel, document('3'));
  await publish(channel, document('4'));
  const again = event(sub, 'subscribed');
  net.refuse(false);
  const ctx = await again;
  await publish(channel, document('5'));
  await until(() => seen.length === 5);

  assert.equal(ctx.recovered, true);
  assert.deepEqual(seen.map((one) => one.data.changed), ['1', '2', '3', '4', '5']);
  assert.equal(sub.deltaStats().numFullPayloads, 2);
});

test('deltas go on after unsubscribe and subscribe', async (t) => {
  const channel = unique('changing:');
  const { sub, seen } = await subscribed(t, channel, { delta: 'fossil' });
  await publish(channel, document('1'));
  await until(() => seen.length === 1);
  sub.unsubscribe();
  sub.subscribe();
  await event(sub, 'subscribed');
  await publish(channel, document('2'));
  await publish(channel, document('3'));
  await until(() => seen.length === 3);

  assert.deepEqual(seen.map((one) => one.data), ['1', '2', '3'].map(document));
});

test('a channel without history has deltas where the publisher asks for them', async (t) => {
  const channel = unique('passing:');
  const { sub, seen } = await subscribed(t, channel, { delta: 'fossil' });
  await publish(channel, document('1'), { delta: true });
  await publish(channel, document('2'), { delta: true });
  await publish(channel, document('3'));
  await publish(channel, document('4'), { delta: true });
  await until(() => seen.length === 4);

  assert.deepEqual(seen.map((one) => one.data.changed), ['1', '2', '3', '4']);
  assert.equal(sub.deltaStats().numDeltaPayloads, 2);
});

test('deltas that are not allowed are not used', async (t) => {
  const channel = unique('kept:');
  const { sub, seen } = await subscribed(t, channel, { delta: 'fossil' });
  await publish(channel, document('1'), { delta: true });
  await publish(channel, document('2'), { delta: true });
  await until(() => seen.length === 2);

  assert.deepEqual(seen.map((one) => one.data), [document('1'), document('2')]);
  assert.equal(sub.deltaStats().numPublications, 0);
});
