// Filters by tags: which publications arrive, live and recovered, and what the server refuses.
import assert from 'node:assert/strict';
import test from 'node:test';
import { api, client, connect, event, network, subscribed, subscription, token, unique, until } from './support.mjs';

const bitcoin = { key: 'ticker', cmp: 'eq', val: 'BTC' };
const costly = { op: 'and', nodes: [bitcoin, { op: 'not', nodes: [{ key: 'price', cmp: 'lt', val: '100' }] }] };

async function publish(channel, ...prices) {
  for (const [ticker, price] of prices) {
    await api('publish', { channel, data: price, tags: { ticker, price: String(price) } });
  }
}

test('only publications whose tags match arrive', async (t) => {
  const channel = unique('tagged:');
  const { seen: some } = await subscribed(t, channel, { tagsFilter: bitcoin });
  const { seen: few } = await subscribed(t, channel, { tagsFilter: costly });
  const { seen: all } = await subscribed(t, channel);
  await publish(channel, ['BTC', 50], ['ETH', 500], ['BTC', 100], ['BTC', 99.5], ['BTC', 1000]);
  await until(() => all.length === 5 && some.length === 4 && few.length === 2);

  assert.deepEqual(some.map((one) => one.data), [50, 100, 99.5, 1000]);
  assert.deepEqual(few.map((one) => one.data), [100, 1000]);
});

test('recovery passes the filter and goes on behind it', async (t) => {
  const channel = unique('tagged:');
  const net = await network(t);
  const { centrifuge, sub, seen } = await subscribed(t, channel, { tagsFilter: bitcoin, url: net.url });
  await publish(channel, ['BTC', 1], ['ETH', 2]);
  await until(() => seen.length === 1);
  const connecting = event(centrifuge, 'connecting');
  net.refuse(true);
  await connecting;
  await publish(channel, ['ETH', 3], ['BTC', 4], ['ETH', 5]);
  const again = event(sub, 'subscribed');
  net.refuse(false);
  const ctx = await again;
  await publish(channel, ['ETH', 6], ['BTC', 7]);
  await until(() => seen.length === 3);

  assert.equal(ctx.recovered, true);
  assert.deepEqual(seen.map((one) => one.data), [1, 4, 7]);
});

test('a filter changes with the next subscribe', async (t) => {
  const channel = unique('tagged:');
  const { sub, seen } = await subscribed(t, channel, { tagsFilter: bitcoin });
  await publish(channel, ['ETH', 1], ['BTC', 2]);
  await until(() => seen.length === 1);
  sub.unsubscribe();
  sub.setTagsFilter({ key: 'ticker', cmp: 'eq', val: 'ETH' });
  sub.subscribe();
  await event(sub, 'subscribed');
  await publish(channel, ['ETH', 3], ['BTC', 4], ['ETH', 5]);
  await until(() => seen.length >= 3);

  assert.deepEqual(seen.slice(-2).map((one) => one.data), [3, 5]);
});

test('a filter that may not be or makes no sense is refused', async (t) => {
  const centrifuge = client(t, { token: token() });
  await connect(centrifuge);
  for (const [prefix, tagsFilter, message] of [
    ['kept:', bitcoin, 'tags_filter_not_allowed'],
    ['tagged:', { key: 'ticker', cmp: 'like', val: 'B%' }, 'tags_filter_invalid'],
  ]) {
    const sub = subscription(centrifuge, unique(prefix), { tagsFilter });
    const ended = event(sub, 'unsubscribed');
    sub.subscribe();
    const { code, reason } = await ended;
    assert.deepEqual([code, reason], [107, message]);
  }
});
