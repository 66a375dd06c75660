// Coming back after the network broke: what was missed arrives, once and in order, or the client is told that it cannot.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { api, event, network, pause, subscribed, unique, until } from './support.mjs';

const numbers = (count, first = 1) => Array.from({ length: count }, (_, index) => index + first);
const values = (seen) => seen.map((ctx) => ctx.data);

async function publish(channel, list) {
  for (const data of list) await api('publish', { channel, data });
}

/** Break the line, do something meanwhile, mend it, and return the next subscribed event. */
async function away(line, sub, meanwhile) {
  const lost = event(sub, 'subscribing');
  line.refuse(true);
  await lost;
  await meanwhile();
  const back = event(sub, 'subscribed');
  line.refuse(false);
  return back;
}

test('a first subscription is not a recovery', async (t) => {
  const { ctx } = await subscribed(t, unique('kept:'));

  assert.equal(ctx.recoverable, true);
  assert.equal(ctx.positioned, true);
  assert.equal(ctx.wasRecovering, false);
  assert.equal(ctx.recovered, false);
  assert.equal(ctx.streamPosition.offset, 0);
  assert.ok(ctx.streamPosition.epoch);
});

test('what was missed arrives once and in order', async (t) => {
  const line = await network(t);
  const { sub, seen } = await subscribed(t, unique('kept:'), { url: line.url });
  await publish(sub.channel, numbers(3));
  await until(() => seen.length === 3, 'the first three');
  const ctx = await away(line, sub, () => publish(sub.channel, numbers(5, 4)));
  await publish(sub.channel, [9]);
  await until(() => seen.length >= 9, 'all nine');

  assert.equal(ctx.wasRecovering, true);
  assert.equal(ctx.recovered, true);
  assert.equal(ctx.hasRecoveredPublications, true);
  assert.deepEqual(values(seen), numbers(9));
});

test('nothing missed is recovered too', async (t) => {
  const line = await network(t);
  const { sub, seen } = await subscribed(t, unique('kept:'), { url: line.url });
  await publish(sub.channel, [1]);
  await until(() => seen.length === 1, 'the first');
  const ctx = await away(line, sub, async () => {});

  assert.equal(ctx.recovered, true);
  assert.equal(ctx.hasRecoveredPublications, false);
  assert.deepEqual(values(seen), [1]);
});

test('a client may ask for recovery where the channel allows it', async (t) => {
  const line = await network(t);
  const { sub, seen, ctx } = await subscribed(t, unique('chat:'), { url: line.url, recoverable: true });
  const plain = await subscribed(t, unique('chat:'));
  const back = await away(line, sub, () => publish(sub.channel, [1]));
  await until(() => seen.length === 1, 'the missed one');

  assert.equal(ctx.recoverable, true);
  assert.equal(plain.ctx.recoverable, false);
  assert.equal(back.recovered, true);
});

test('more missed than kept is told and nothing partial arrives', async (t) => {
  const line = await network(t);
  const { sub, seen } = await subscribed(t, unique('short:'), { url: line.url });
  await publish(sub.channel, [1]);
  await until(() => seen.length === 1, 'the first');
  const ctx = await away(line, sub, () => publish(sub.channel, numbers(5, 2)));
  await publish(sub.channel, [7]);
  await until(() => seen.length >= 2, 'the one after');

  assert.equal(ctx.wasRecovering, true);
  assert.equal(ctx.recovered, false);
  assert.equal(ctx.streamPosition.offset, 6);
  assert.deepEqual(values(seen), [1, 7]);
});

test('a start position is recovered from', async (t) => {
  const channel = unique('kept:');
  await publish(channel, numbers(4));
  const { epoch } = await api('history', { channel, limit: 0 });
  const { seen, ctx } = await subscribed(t, channel, { since: { offset: 2, epoch } });
  await until(() => seen.length === 2, 'the two');

  assert.equal(ctx.recovered, true);
  assert.deepEqual(values(seen), [3, 4]);
});

test('a start position of another epoch is not recovered', async (t) => {
  const channel = unique('kept:');
  await publish(channel, numbers(2));
  const { seen, ctx } = await subscribed(t, channel, { since: { offset: 1, epoch: 'gone' } });

  assert.equal(ctx.wasRecovering, true);
  assert.equal(ctx.recovered, false);
  assert.deepEqual(seen, []);
});

test('getState is asked again when the position is unrecoverable', async (t) => {
  const line = await network(t);
  const channel = unique('short:');
  let asked = 0;
  const getState = async () => {
    asked += 1;
    const { offset = 0, epoch } = await api('history', { channel, limit: 0 });
    return { offset, epoch };
  };
  const { sub, seen, ctx } = await subscribed(t, channel, { url: line.url, getState });
  const errors = [];
  sub.on('error', (problem) => errors.push(problem));
  const back = await away(line, sub, () => publish(channel, numbers(5)));
  await publish(channel, [6]);
  await until(() => seen.length === 1, 'the one after');

  assert.equal(ctx.recovered, true);
  assert.equal(asked, 2);
  assert.equal(back.recovered, true);
  assert.deepEqual(values(seen), [6]);
  assert.deepEqual(errors, []);
});

test('a stream that began anew makes the client subscribe anew', async (t) => {
  const { sub, ctx } = await subscribed(t, unique('brief:'));
  const again = event(sub, 'subscribed');
  const { code, reason } = await event(sub, 'subscribing');
  const back = await again;

  assert.deepEqual({ code, reason }, { code: 2500, reason: 'subscription_insufficient_state' });
  assert.equal(back.wasRecovering, true);
  assert.equal(back.recovered, false);
  assert.notEqual(back.streamPosition.epoch, ctx.streamPosition.epoch);
});

test('a flapping network loses nothing and doubles nothing', async (t) => {
  const line = await network(t);
  const clientOptions = { minReconnectDelay: 1, maxReconnectDelay: 5 };
  const { sub, seen } = await subscribed(t, unique('kept:'), { url: line.url, clientOptions });
  const total = 200;
  let sent = 0;
  const publishing = (async () => {
    while (sent < total) {
      sent += 1;
      await api('publish', { channel: sub.channel, data: sent });
      await pause(3);
    }
  })();
  let cuts = 0;
  while (sent < total) {
    await pause(20 + Math.random() * 80);
    line.cut();
    cuts += 1;
  }
  await publishing;
  await until(() => seen.length >= total, 'all publications');
  await pause(100);

  assert.ok(cuts > 3);
  assert.deepEqual(values(seen), numbers(total));
});

test('two subscribers see the same order', async (t) => {
  const channel = unique('kept:');
  const one = await subscribed(t, channel);
  const two = await subscribed(t, channel);
  await Promise.all(numbers(50).map((data) => api('publish', { channel, data })));
  await until(() => one.seen.length === 50 && two.seen.length === 50, 'all publications');

  assert.deepEqual(values(one.seen), values(two.seen));
  assert.deepEqual(one.seen.map((ctx) => ctx.offset), numbers(50));
});
