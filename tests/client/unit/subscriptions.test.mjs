import assert from 'node:assert/strict';
import { test } from 'node:test';

import { moveTo } from '../../../app/holdfast/web/client/migration.js';
import { listen, page, subscribed } from '../fake-page.mjs';
import { fakeEnvironment, seededRandom } from '../fakes.mjs';

test('missed publications come in order and once after a reconnect', async () => {
  const it = page();
  const { subscription, events } = await subscribed(it, 'news');

  it.server.publish('news', 1);
  await it.pass(10);
  it.session.end();
  it.server.publish('news', 2);
  it.server.publish('news', 3);
  await it.pass(1000);
  it.server.publish('news', 4);
  await it.pass(10);

  assert.deepEqual(events.data(), [1, 2, 3, 4]);
  assert.deepEqual(events.of('gap'), []);
  assert.equal(subscription.state, 'subscribed');
  assert.deepEqual(events.of('state').map(({ to }) => to), ['subscribing', 'subscribed', 'subscribing', 'subscribed']);
});

test('what history no longer holds is said in a gap, before what follows it', async () => {
  const it = page({ server: { historySize: 2 } });
  const { events } = await subscribed(it, 'news');

  it.server.publish('news', 1);
  await it.pass(10);
  it.session.end();
  for (const data of [2, 3, 4, 5]) it.server.publish('news', data);
  await it.pass(1000);
  it.server.publish('news', 6);
  await it.pass(10);

  const heard = events.filter(({ name }) => name === 'publication' || name === 'gap');
  assert.deepEqual(heard.map(({ name }) => name), ['publication', 'gap', 'publication']);
  assert.deepEqual(heard[1], {
    name: 'gap',
    channel: 'news',
    from: { offset: 1, epoch: 'e1' },
    to: { offset: 5, epoch: 'e1' },
    reason: 'unrecovered',
  });
});

test('all channels of a new session are asked for in one frame', async () => {
  const it = page();
  for (const channel of ['a', 'b', 'c']) it.subscriptions.add(channel).subscribe();
  it.connect();
  await it.pass(100);

  assert.equal(it.session.frames.length, 1);
  assert.deepEqual(it.session.frames[0].map(({ subscribe }) => subscribe.channel), ['a', 'b', 'c']);
});

test('a subscription of the server recovers through the connect command', async () => {
  const it = page();
  it.server.served = ['inbox'];
  it.connect();
  await it.pass(100);
  const { subscription } = it.told.find(({ name }) => name === 'subscription');
  const events = listen(subscription);

  it.server.publish('inbox', 1);
  await it.pass(10);
  it.session.end();
  it.server.publish('inbox', 2);
  await it.pass(1000);

  assert.deepEqual(events.data(), [1, 2]);
  assert.deepEqual(it.told.filter(({ name }) => name === 'publication').map(({ data }) => data), [1, 2]);
  assert.equal(it.subscriptions.get('inbox'), subscription);
});

test('a subscription that a new connection was not given is over', async () => {
  const it = page();
  it.server.served = ['inbox'];
  it.connect();
  await it.pass(100);
  const subscription = it.subscriptions.get('inbox');

  it.server.served = [];
  it.session.end();
  await it.pass(1000);

  assert.equal(subscription.state, 'unsubscribed');
  assert.equal(it.subscriptions.get('inbox'), undefined);
});

test('the server subscribes and unsubscribes this client while it is connected', async () => {
  const it = page();
  it.connect();
  await it.pass(100);

  it.session.channels.add('inbox');
  it.session.tell({ push: { channel: 'inbox', subscribe: { recoverable: true, positioned: true, epoch: 'e1', offset: 0 } } });
  it.server.publish('inbox', 1);
  await it.pass(10);
  const subscription = it.subscriptions.get('inbox');
  assert.equal(subscription.state, 'subscribed');
  assert.deepEqual(it.told.filter(({ name }) => name === 'publication').map(({ data }) => data), [1]);

  it.server.unsubscribe('inbox', 2000, 'unsubscribed_by_server');
  await it.pass(10);
  assert.equal(subscription.state, 'unsubscribed');
  assert.equal(subscription.reason.slug, 'unsubscribed_by_server');
});

test('a hole in a subscription of the server is closed by a new connection', async () => {
  const it = page();
  it.server.served = ['inbox'];
  it.connect();
  await it.pass(100);
  const events = listen(it.subscriptions.get('inbox'));

  it.server.publish('inbox', 1);
  it.server.publish('inbox', 2, { isLost: () => true });
  it.server.publish('inbox', 3);
  await it.pass(1000);

  assert.equal(it.reconnects, 1);
  assert.deepEqual(events.data(), [1, 2, 3]);
});

test('pushes of a session of which nobody has told yet wait', async () => {
  const it = page();
  const { events } = await subscribed(it, 'news');
  const early = {
    isConnected: true,
    client: 'x',
    request: async () => ({ recoverable: true, epoch: 'e1', offset: 0, recovered: true }),
    together: (work) => work(),
  };

  it.subscriptions.onPush(early, { channel: 'inbox', pub: { data: 'early', offset: 1 } });
  await moveTo(it.subscriptions, { session: early, reply: { subs: { inbox: { recoverable: true, epoch: 'i1' } } } });

  assert.deepEqual(events.data(), []);
  assert.deepEqual(it.told.filter(({ name }) => name === 'publication').map(({ data }) => data), ['early']);
});

test('a server that says nonsense breaks nothing', async () => {
  const it = page();
  const { subscription, events } = await subscribed(it, 'news');

  for (const subs of [null, 5, 'abc', { a: null, b: 7 }]) it.subscriptions.onConnected(it.session, { subs });
  for (const value of [null, 5, 'x', true, [], {}, { offset: 'x', data: 1 }, { info: 3, tags: null }]) {
    for (const kind of ['pub', 'join', 'leave', 'unknown']) it.subscriptions.onPush(it.session, { channel: 'news', [kind]: value });
  }
  for (const channel of [undefined, null, 5, 'other', '__proto__']) it.subscriptions.onPush(it.session, { channel, pub: { data: 1 }, subscribe: {} });
  it.subscriptions.connectSubs();
  it.server.publish('news', 'good');
  await it.pass(100);

  assert.equal(subscription.state, 'subscribed');
  assert.equal(events.data().at(-1), 'good');
});

test('a channel has one subscription, until it is removed', async () => {
  const it = page();
  const { subscription } = await subscribed(it, 'news', { joinLeave: true });

  assert.equal(it.subscriptions.add('news'), subscription);
  assert.throws(() => it.subscriptions.add('news', {}), /remove/);
  assert.equal(it.subscriptions.get('news'), subscription);
  it.subscriptions.remove('news');
  await it.pass(10);
  assert.equal(it.session.channels.has('news'), false);
  assert.notEqual(it.subscriptions.add('news', {}), subscription);
});

// Everything at once: each subscriber gets each publication once and in order, or a gap in the right place.

const SEEDS = Number(process.env.SEEDS ?? 12);

/** What a subscriber to a channel with history was told must follow from the truth. */
function checkStream(events, truth, channel) {
  let at = null;
  const places = new Map(truth.filter((one) => one.channel === channel).map((one) => [one.data, one]));
  for (const event of events) {
    if (event.name === 'gap') {
      if (at && event.from) assert.deepEqual(event.from, at, 'a gap begins where the subscriber was');
      at = event.to;
    } else if (event.name === 'sync') at = { offset: event.offset, epoch: event.epoch };
    else if (event.name === 'publication') {
      const { epoch, offset } = places.get(event.data);
      assert.equal(event.offset, offset);
      if (at?.epoch) assert.equal(epoch, at.epoch, `an epoch changes behind a gap: ${JSON.stringify({ at, event })}`);
      if (at) assert.equal(offset, at.offset + 1, `in order, once: ${JSON.stringify({ at, event })}`);
      at = { offset, epoch };
    }
  }
  return at;
}

/** Without history everything comes once, but what was published while nobody was connected. */
function checkPlain(events, truth, channel, isExact) {
  const heard = events.filter(({ name }) => name === 'publication').map(({ data }) => data);
  const doubled = heard.filter((data, index) => heard.indexOf(data) !== index);
  assert.deepEqual(doubled, [], 'nothing is doubled');
  assert.deepEqual(heard, [...heard].sort((a, b) => a - b), 'in order');
  if (isExact) assert.deepEqual(heard, truth.filter((one) => one.channel === channel).map(({ data }) => data));
}

async function interleave(seed, { drops = 0, losses = 0, restarts = 0, migrations = 0, refusals = 0, steps = 300 }) {
  const random = seededRandom(seed);
  const environment = fakeEnvironment({ random });
  const it = page({
    environment,
    server: { historySize: 8, latency: () => 1 + Math.floor(random() * 40) },
    reconnectDelay: () => random() * 600,
  });
  const getState = async ({ channel }) => {
    const { offset, epoch } = it.server.channel(channel);
    await new Promise((resolve) => environment.setTimer(resolve, random() * 200));
    if (random() < 0.2) throw new Error('the snapshot failed');
    return { offset, epoch };
  };
  it.connect();
  await it.pass(200);
  const subs = {};
  for (const [channel, options] of Object.entries({ kept: {}, synced: { getState }, plain: {} })) {
    const subscription = it.subscriptions.add(channel, options);
    subs[channel] = { subscription, events: listen(subscription) };
    subscription.subscribe();
  }
  await it.pass(500);
  let number = 0;
  const publish = (channel) => it.server.publish(channel, ++number, { isLost: () => channel !== 'plain' && random() < losses });
  for (let step = 0; step < steps; step += 1) {
    const channel = ['kept', 'synced', 'plain'][Math.floor(random() * 3)];
    if (random() < 0.8) publish(channel);
    if (random() < drops) it.session?.end();
    if (random() < drops) [...it.server.sessions].at(-1)?.end();
    if (random() < restarts && channel !== 'plain') it.server.restart(channel);
    if (random() < migrations) it.migration.begin(random() * 100);
    if (random() < refusals) it.server.refusals.push({ channel, code: 100, message: 'internal_error', temporary: true });
    if (random() < refusals) it.server.unsubscribe(channel, 2500, 'subscription_insufficient_state');
    await it.pass(random() * 60);
  }
  it.server.refusals = [];
  await it.pass(60_000);
  losses = 0;
  for (const channel of ['kept', 'synced', 'plain']) publish(channel); // shows what was lost last
  await it.pass(60_000);
  return { it, subs };
}

function check({ it, subs }, { isExact }) {
  for (const channel of ['kept', 'synced']) {
    const at = checkStream(subs[channel].events, it.server.all, channel);
    const { offset, epoch } = it.server.channel(channel);
    assert.deepEqual(at, { offset, epoch }, 'in the end the subscriber is where the stream is');
    assert.equal(subs[channel].subscription.state, 'subscribed');
  }
  checkPlain(subs.plain.events, it.server.all, 'plain', isExact);
}

for (const [what, chances, isExact] of [
  ['drops', { drops: 0.05 }, false],
  ['lost publications', { losses: 0.05 }, true],
  ['streams that begin anew', { drops: 0.03, restarts: 0.03 }, false],
  ['migrations', { migrations: 0.08 }, true],
  ['refusals and ends', { refusals: 0.05 }, false],
  ['all of it', { drops: 0.03, losses: 0.03, restarts: 0.02, migrations: 0.05, refusals: 0.03 }, false],
]) {
  test(`every publication comes once and in order, or a gap says where: ${what}`, async () => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      try {
        check(await interleave(seed, chances), { isExact });
      } catch (error) {
        error.message = `seed ${seed}: ${error.message}`;
        throw error;
      }
    }
  });
}

test('nobody notices a migration', async () => {
  for (let seed = 1; seed <= 10; seed += 1) {
    const { it, subs } = await interleave(seed, { migrations: 0.1 });
    assert.ok(it.logged.filter(({ event }) => event === 'migrated').length > 3);
    for (const { events } of Object.values(subs)) {
      assert.deepEqual(events.of('state').map(({ to }) => to), ['subscribing', 'subscribed']);
      assert.deepEqual(events.of('gap'), []);
    }
    assert.equal(it.server.sessions.size, 1);
  }
});
