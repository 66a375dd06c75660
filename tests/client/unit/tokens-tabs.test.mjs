import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TokenSource } from '../../../app/holdfast/web/client/tokens/source.js';
import { FakeClock, FakeLocks, FakeStorage, fakeChannels, fakeEnvironment, fakeToken, pass } from '../fakes.mjs';

const NOW = 1_800_000_000;

/** Tabs of one origin: each with its source, all with one login server that gives another token at each fetch. */
function tabsOf(count, { hasLocks = true, hasChannel = true, users = () => 'anna', takes = 300 } = {}) {
  const origin = { clock: new FakeClock(), storage: new FakeStorage(), locks: new FakeLocks(), channels: fakeChannels() };
  const server = { fetches: [], running: 0, most: 0 };
  const tabs = Array.from({ length: count }, (_, i) => tabOf(i));

  function tabOf(i) {
    const environment = fakeEnvironment({
      now: () => origin.clock.time,
      wallClock: () => origin.clock.time + origin.clock.wallOffset,
      setTimer: (callback, ms) => origin.clock.setTimer(callback, ms),
      clearTimer: (id) => origin.clock.clearTimer(id),
      random: () => ((i + 1) * 0.37) % 1,
      storage: origin.storage,
      locks: hasLocks ? origin.locks : undefined,
      BroadcastChannel: hasChannel ? origin.channels.Channel : undefined,
    });
    const getToken = async () => {
      server.fetches.push(i);
      server.most = Math.max(server.most, (server.running += 1));
      await new Promise((resolve) => origin.clock.setTimer(resolve, takes));
      server.running -= 1;
      return fakeToken({ sub: users(i), exp: NOW + 600 + server.fetches.length });
    };
    return new TokenSource({ environment, getToken });
  }
  return { tabs, server, origin };
}

async function all({ origin }, promises, milliseconds = 60_000) {
  const done = Promise.allSettled(promises);
  let isDone = false;
  done.then(() => (isDone = true));
  for (let left = milliseconds; left > 0 && !isDone; left -= 200) await pass(origin.clock, 200);
  assert.ok(isDone, 'not all tabs have a token');
  return (await done).map(({ value, reason }) => value ?? reason);
}

for (const hasLocks of [true, false]) {
  const how = hasLocks ? 'Web Locks' : 'a lease';

  test(`ten tabs fetch one token, with ${how}`, async () => {
    const given = tabsOf(10, { hasLocks });
    const tokens = await all(given, given.tabs.map((tab) => tab.obtain('first')));

    assert.equal(given.server.fetches.length, 1);
    assert.equal(new Set(tokens).size, 1);
  });

  test(`ten tabs renew one token, with ${how}`, async () => {
    const given = tabsOf(10, { hasLocks });
    const before = await all(given, given.tabs.map((tab) => tab.obtain('first')));
    const after = await all(given, given.tabs.map((tab) => tab.obtain('renewal')));

    assert.equal(given.server.fetches.length, 2);
    assert.equal(new Set(after).size, 1);
    assert.notEqual(after[0], before[0]);
  });

  test(`a tab that renews later takes what another has, with ${how}`, async () => {
    const given = tabsOf(2, { hasLocks });
    await all(given, given.tabs.map((tab) => tab.obtain('first')));
    const [renewed] = await all(given, [given.tabs[0].obtain('renewal')]);
    const [later] = await all(given, [given.tabs[1].obtain('renewal')]);

    assert.equal(later, renewed);
    assert.equal(given.server.fetches.length, 2);
  });

  test(`without a channel tabs fetch one after the other, with ${how}`, async () => {
    const given = tabsOf(3, { hasLocks, hasChannel: false });
    await all(given, given.tabs.map((tab) => tab.obtain('first')));

    assert.deepEqual([given.server.fetches.length, given.server.most], [3, 1]);
  });

  test(`a tab that hangs while it fetches delays the others and stops none, with ${how}`, async () => {
    const given = tabsOf(3, { hasLocks, takes: 1e9 });
    const outcomes = await all(given, given.tabs.map((tab) => tab.obtain('first')), 120_000);

    assert.ok(outcomes.every((error) => error.slug === 'token_source_timeout'));
  });
}

test('a tab that dies with the lock lets the next one in', async () => {
  const given = tabsOf(2, { takes: 5000 });
  void given.tabs[0].obtain('first').catch(() => {});
  await pass(given.origin.clock, 200);
  const second = given.tabs[1].obtain('first');
  await pass(given.origin.clock, 200);
  given.origin.locks.die('holdfast:tokens');

  await all(given, [second], 7000);
  assert.deepEqual(given.server.fetches, [0, 1]);
});

test('a lease of a tab that died ends by itself', async () => {
  const given = tabsOf(1, { hasLocks: false });
  given.origin.storage.setItem('holdfast:lease:tokens', `dead ${given.origin.clock.wallOffset + 2900}`);

  await all(given, [given.tabs[0].obtain('first')], 5000);
  assert.equal(given.origin.storage.getItem('holdfast:lease:tokens'), null);
});

test('a lease from before the clock was set back counts for nothing', async () => {
  const given = tabsOf(1, { hasLocks: false });
  given.origin.storage.setItem('holdfast:lease:tokens', `other ${given.origin.clock.wallOffset + 9e9}`);

  await all(given, [given.tabs[0].obtain('first')], 1000);
});

test('a storage that cannot be written holds nobody up', async () => {
  const given = tabsOf(1, { hasLocks: false });
  given.origin.storage.setItem = () => {
    throw new DOMException('full', 'QuotaExceededError');
  };

  await all(given, [given.tabs[0].obtain('first')], 1000);
});

test("a token of another user is not taken from another tab", async () => {
  const given = tabsOf(2, { users: (i) => (i ? 'bob' : 'anna') });
  const [anna] = await all(given, [given.tabs[0].obtain('first')]);
  await all(given, [given.tabs[0].obtain('refused')]);
  given.tabs[1].forget(anna);
  const [bob] = await all(given, [given.tabs[1].obtain('renewal')]);
  const [still] = await all(given, [given.tabs[0].obtain('first')]);

  assert.notEqual(still, bob);
});

test('a token that another tab began to fetch before the user changed is not taken', async () => {
  const given = tabsOf(1);
  let generation = 0;
  const own = fakeEnvironment({ BroadcastChannel: given.origin.channels.Channel, locks: given.origin.locks });
  const begun = own.wallClock();
  const getToken = Object.assign(async () => fakeToken({ sub: 'bob', exp: NOW + 600 }), { generation: () => generation });
  const source = new TokenSource({ environment: own, getToken });
  await all({ origin: { clock: own.clock } }, [source.obtain('first')]);
  await own.clock.advance(1000);
  generation = 1;
  const channel = new given.origin.channels.Channel('holdfast:tokens');
  channel.postMessage({ token: fakeToken({ sub: 'anna', exp: NOW + 9000 }), begun });
  await pass(own.clock, 100);

  assert.deepEqual(await all({ origin: { clock: own.clock } }, [source.obtain('first')]), [fakeToken({ sub: 'bob', exp: NOW + 600 })]);
});

test('nonsense on the channel changes nothing', async () => {
  const given = tabsOf(2);
  const [token] = await all(given, [given.tabs[0].obtain('first')]);
  const channel = new given.origin.channels.Channel('holdfast:tokens');
  for (const data of [null, 7, 'x', {}, { token: 7 }, { token: 'a.b.c' }, { token: fakeToken({ sub: 'eve', exp: 9e9 }) }]) channel.postMessage(data);
  await pass(given.origin.clock, 100);

  assert.deepEqual(await all(given, [given.tabs[0].obtain('first')]), [token]);
});
