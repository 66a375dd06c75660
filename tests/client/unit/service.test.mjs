import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeChannels, fakeFetch, FakeLocks, FakeWebSocket, fakeToken, settle } from '../fakes.mjs';
import { establish, liveSockets, makeWorld, socket } from '../world.mjs';

const WINDOW = { holdfast: { reconnect_window_ms: 30_000 } };

test('a service connects, and says so once', async () => {
  const world = makeWorld({ name: 'shop', data: { locale: 'en' } });
  world.service.connect();
  world.service.connect();
  const ready = world.service.ready();
  const { connect } = await establish(world, { client: 'c-7' });
  await ready;

  assert.equal(FakeWebSocket.made.length, 1);
  assert.equal(new URL(socket().url).searchParams.get('cid'), connect.holdfast.cid);
  assert.match(connect.holdfast.cid, /^[0-9a-f]{32}$/);
  assert.deepEqual([connect.name, connect.data, connect.holdfast.can_migrate], ['shop', { locale: 'en' }, true]);
  assert.deepEqual([world.service.state, world.service.client, world.service.transport], ['connected', 'c-7', 'websocket']);
  assert.equal(world.service.reason, null);
  assert.deepEqual(world.events.map(([name]) => name), ['state', 'connecting', 'state', 'connected']);
});

test('after a server that vanished the first attempt is spread over its window', async () => {
  const world = makeWorld({}, { random: () => 0.9 });
  world.service.connect();
  await establish(world, WINDOW);
  await world.clock.advance(11_000);
  socket().end(1006);

  const [, { error, willReconnect }] = world.named('disconnected')[0];
  assert.deepEqual([error.slug, willReconnect], ['connection_cut', true]);
  assert.equal(world.service.nextAttemptAt - world.clock.time, 27_000);
});

test('after a close frame the backoff counts, whatever the window', async () => {
  const world = makeWorld();
  world.service.connect();
  await establish(world, WINDOW);
  await world.clock.advance(11_000);
  socket().end(3001, 'shutdown');

  assert.equal(world.service.reason.slug, 'shutdown');
  assert.ok(world.service.nextAttemptAt - world.clock.time <= 1000);
});

test('a final close stops, and connect() begins anew', async () => {
  const world = makeWorld();
  world.service.connect();
  await establish(world);
  socket().end(3503, 'force_disconnect');
  await world.clock.advance(600_000);

  assert.deepEqual([world.service.state, world.service.reason.slug], ['disconnected', 'force_disconnect']);
  assert.equal(world.clock.pending, 0);
  world.service.connect();
  await establish(world);
  assert.equal(world.service.state, 'connected');
});

test('an incurable token leads to the login, and what waits is kept for it', async () => {
  const world = makeWorld();
  world.service.connect();
  const waiting = world.service.publish('a', 1);
  await world.clock.advance(0);
  socket().accept();
  socket().end(3500, 'token_wrong_signature');

  assert.equal(world.named('login')[0][1].error.slug, 'token_wrong_signature');
  assert.equal(world.service.state, 'disconnected');
  world.service.connect();
  await establish(world);
  socket().say({ id: socket().take()[0].id, publish: {} });
  await waiting;
});

test('what is published while down goes out after the reconnect, in order, once', async () => {
  const world = makeWorld();
  world.service.connect();
  const sent = [1, 2, 3].map((data) => world.service.publish('a', data));
  await establish(world);
  const commands = socket().take();

  assert.deepEqual(commands.map(({ publish }) => publish.data), [1, 2, 3]);
  socket().say(...commands.map(({ id }) => ({ id, publish: {} })));
  await Promise.all(sent);
});

test('what was sent and not answered has an unknown outcome and is never repeated', async () => {
  const world = makeWorld();
  world.service.connect();
  await establish(world);
  const lost = assert.rejects(world.service.publish('a', 1), { slug: 'outcome_unknown' });
  socket().end(1006);
  await lost;
  await establish(world);

  assert.deepEqual(socket().take(), []);
});

test('disconnect() closes in due form, rejects what waits, and nothing runs on', async () => {
  const world = makeWorld();
  world.service.connect();
  await establish(world);
  const closed = socket();
  world.service.disconnect();
  world.service.disconnect();

  assert.deepEqual(closed.closedWith, { code: 1000, reason: '' });
  assert.deepEqual([world.service.state, world.clock.pending], ['disconnected', 0]);
  assert.equal(world.named('disconnected').length, 1);
  await assert.rejects(world.service.ready(), { slug: 'disconnect_called' });
});

test('disconnect() and connect() in any listener leave one attempt', async () => {
  const world = makeWorld();
  world.service.addEventListener('disconnected', () => world.service.connect());
  world.service.addEventListener('connected', () => world.service.disconnect(), { once: true });
  world.service.connect();
  await establish(world);
  await world.clock.advance(2000);

  assert.equal(liveSockets().length, 1);
  assert.equal(world.service.state, 'connecting');
});

test('a listener that throws harms nobody', async () => {
  const world = makeWorld();
  world.service.addEventListener('state', () => {
    throw new Error('in a listener');
  });
  world.service.connect();
  await establish(world);

  assert.equal(world.service.state, 'connected');
  assert.equal(world.environment.faults[0].message, 'in a listener');
});

test('retryNow() tries at once, but a thousand clicks do not storm', async () => {
  const world = makeWorld({ minReconnectDelay: 20_000 });
  world.service.connect();
  for (let second = 0; second < 60; second += 1) {
    for (let click = 0; click < 20; click += 1) {
      world.service.retryNow();
      await world.clock.advance(50);
      for (const open of liveSockets()) open.end(1006);
    }
  }

  assert.ok(FakeWebSocket.made.length > 30);
  assert.ok(FakeWebSocket.made.length <= 60, `${FakeWebSocket.made.length} attempts in a minute`);
});

test('the network that comes back is used at once', async () => {
  const world = makeWorld();
  world.service.connect();
  await establish(world, WINDOW);
  await world.clock.advance(11_000);
  world.environment.online = false;
  socket().end(1006);
  assert.ok(world.service.nextAttemptAt - world.clock.time >= 20_000);
  world.environment.online = true;
  world.environment.page.dispatchEvent(new Event('online'));

  assert.ok(world.service.nextAttemptAt - world.clock.time <= 500);
});

test('after sleep a dead connection is found by a check, and replaced at once', async () => {
  const world = makeWorld();
  world.service.connect();
  await establish(world);
  world.clock.sleep(3_600_000);
  await world.clock.advance(5_000);
  assert.deepEqual(socket().take().at(-1).ping, {});
  await world.clock.advance(4_000);

  assert.equal(world.service.reason.slug, 'pings_missing');
  await establish(world);
  assert.equal(world.service.state, 'connected');
});

test('a page that goes into the cache holds no socket, and connects when it is back', async () => {
  const world = makeWorld();
  world.service.connect();
  await establish(world);
  world.environment.page.dispatchEvent(new Event('pagehide'));
  await world.clock.advance(600_000);
  assert.deepEqual([liveSockets().length, world.service.state, world.service.nextAttemptAt], [0, 'connecting', null]);
  assert.equal(world.service.reason.slug, 'page_frozen');
  world.environment.page.dispatchEvent(new Event('pageshow'));
  await establish(world);

  assert.equal(world.service.state, 'connected');
});

test('callbacks of a socket of the past are dropped', async () => {
  const world = makeWorld();
  world.service.connect();
  await establish(world);
  const old = socket();
  const { onclose, onmessage } = old;
  old.end(1006);
  await establish(world);
  onclose({ code: 3500, reason: 'token_malformed' });
  onmessage({ data: '{"id":1,"error":{"code":1}}' });

  assert.equal(world.service.state, 'connected');
});

test('a message of the server reaches the application', async () => {
  const world = makeWorld();
  world.service.connect();
  await establish(world);
  socket().say({ push: { message: { data: { hello: 1 } } } });
  await settle();

  assert.deepEqual(world.named('message')[0][1], { data: { hello: 1 } });
});

test('commands have results in the shape of the client', async () => {
  const world = makeWorld();
  world.service.connect();
  await establish(world);
  const { service } = world;
  const results = Promise.all([
    service.rpc('add', { n: 1 }), service.history('a', { limit: 1 }), service.presence('a'), service.presenceStats('a'), service.send({}),
  ]);
  const [rpc, history, presence, stats, send] = socket().take();
  assert.deepEqual([rpc.rpc, history.history, send], [{ method: 'add', data: { n: 1 } }, { channel: 'a', limit: 1 }, { send: { data: {} } }]);
  socket().say(
    { id: rpc.id, rpc: { data: 2 } },
    { id: history.id, history: { publications: [{ data: 1, offset: 1 }], offset: 1, epoch: 'e' } },
    { id: presence.id, presence: { presence: { c: { client: 'c', user: 'u' } } } },
    { id: stats.id, presence_stats: { num_clients: 1, num_users: 1 } },
  );

  assert.deepEqual(await results, [
    2,
    { publications: [{ channel: 'a', data: 1, offset: 1 }], offset: 1, epoch: 'e' },
    { c: { client: 'c', user: 'u' } },
    { numClients: 1, numUsers: 1 },
    undefined,
  ]);
});

test('what cannot be sent rejects instead of ending the connection', async () => {
  const world = makeWorld();
  world.service.connect();
  await establish(world);

  await assert.rejects(world.service.publish('', 1), TypeError);
  await assert.rejects(world.service.publish('a', 'x'.repeat(70_000)), { slug: 'message_too_big' });
  assert.deepEqual(socket().take(), []);
});

test('a thousand reconnects leave nothing behind', async () => {
  const world = makeWorld({ stableAfter: 1 });
  world.service.connect();
  for (let round = 0; round < 1000; round += 1) {
    await establish(world);
    void world.service.publish('a', round);
    world.events.length = 0;
    await world.clock.advance(1000);
    socket().end(round % 2 ? 1006 : 3001);
    FakeWebSocket.made.splice(0);
  }

  assert.ok(world.clock.pending <= 2, `${world.clock.pending} timers`);
});

/** A target that knows its listeners. */
class Counted extends EventTarget {
  listeners = 0;
  addEventListener(name, listener, options) {
    super.addEventListener(name, listener, options);
    this.listeners += 1;
    options?.signal?.addEventListener('abort', () => (this.listeners -= 1));
  }
}

const never = () => new Promise(() => {});
const goOn = () => new Promise((resolve) => setImmediate(resolve));

/** What can be under way: options, and what brings a service there. */
const UNDER_WAY = {
  'a token': [{ getToken: never }, () => {}],
  'a token for all tabs': [{ getToken: Object.assign(never, { share: 'us' }) }, goOn],
  'a token after a failure': [{ getToken: async () => '' }, (world) => world.clock.advance(100)],
  'a renewal': [{ token: fakeToken({ exp: 9e9 }), getToken: never }, async (world) => {
    await establish(world, { expires: true, ttl: 10 });
    await world.clock.advance(12_000);
  }],
  'a handshake': [{}, (world) => world.clock.advance(0)],
  'an explanation': [{}, async (world) => {
    world.environment.fetch = (_, { signal }) => new Promise((_resolve, reject) => signal.addEventListener('abort', reject));
    await world.clock.advance(0);
    socket().end();
    await world.clock.advance(400);
  }],
  'a move': [{}, async (world) => {
    await establish(world);
    socket().say({ push: { holdfast: { migrate: { after_ms: 0 } } } });
    await world.clock.advance(10);
  }],
  'a move to come': [{}, async (world) => {
    await establish(world);
    socket().say({ push: { holdfast: { migrate: { after_ms: 9000 } } } });
  }],
  'the token of a subscription': [{}, async (world) => {
    world.service.subscribe('news', { getToken: never });
    await establish(world);
  }],
  'a snapshot that fails': [{}, async (world) => {
    world.service.subscribe('news', { getState: () => Promise.reject(new Error('no')) });
    await establish(world);
    for (const { id, subscribe } of socket().take()) if (subscribe) socket().say({ id, subscribe: { recoverable: true, epoch: 'e', offset: 1 } });
  }],
  'commands': [{}, (world) => void world.service.publish('a', 1)],
  'a poll that was cut': [{ transports: ['poll'] }, async (world) => {
    const { requests, fetch } = fakeFetch();
    world.environment.fetch = fetch;
    await world.clock.advance(0);
    const messages = [{ id: 1, connect: { client: 'c', holdfast: { reconnect_window_ms: 60_000 } } }];
    requests[0].respond(200, { session: 's', node: 'n', timeout: 25, first: 1, messages });
    await world.clock.advance(0);
    requests[1].fail();
    await world.clock.advance(0);
  }],
};

for (const [name, [options, arrange]] of Object.entries(UNDER_WAY)) {
  for (const how of ['disconnect', 'close']) {
    test(`${how}() leaves nothing behind: ${name}`, async () => {
      const { Channel, open } = fakeChannels();
      const targets = [new Counted(), new Counted(), new Counted()];
      const [page, connection] = targets;
      const document = Object.assign(targets[2], { visibilityState: 'visible' });
      const world = makeWorld(options, { page, document, connection, BroadcastChannel: Channel, locks: new FakeLocks() });
      world.service.connect();
      await arrange(world);
      await settle();
      assert.ok(world.clock.pending > 0);
      world.service[how]();
      await goOn();
      await settle();

      assert.equal(world.clock.pending, 0);
      assert.deepEqual(targets.map(({ listeners }) => listeners), [0, 0, 0]);
      assert.equal(world.service.state, 'disconnected');
      if (how === 'close') assert.equal(open.size, 0);
    });
  }
}

test('a service that was closed is of no use any more, and says so', async () => {
  const world = makeWorld();
  const news = world.service.subscribe('news');
  const ready = news.ready();
  world.service.connect();
  await establish(world);
  world.service.close();
  world.service.close();

  await assert.rejects(ready, { slug: 'unsubscribed_by_client' });
  assert.equal(world.service.subscription('news'), undefined);
  for (const call of ['connect', 'retryNow']) assert.throws(() => world.service[call](), /after close\(\): make another service/);
  await assert.rejects(world.service.publish('news', 1), { slug: 'disconnect_called' });
  await assert.rejects(world.service.ready(), { slug: 'disconnect_called' });
  world.service.disconnect();
  news.subscribe();
  await settle();
  assert.equal(world.clock.pending, 0);
});

test('a subscription without a name is refused at once', () => {
  const world = makeWorld({ maxChannelLength: 5 });

  for (const channel of ['', 'longer', 5, undefined, null]) assert.throws(() => world.service.subscribe(channel), TypeError);
  assert.equal(world.service.subscribe('short').channel, 'short');
});
