import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loaded } from '../../../app/holdfast/web/client/on-demand.js';
import { FakeWebSocket, settle } from '../fakes.mjs';
import { answerConnect, establish, liveSockets, makeWorld, socket } from '../world.mjs';

const POSITION = { recoverable: true, positioned: true, epoch: 'e', offset: 0 };

const jwt = (exp, sub = 'u') => {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'HS256' })}.${part({ sub, exp })}.c2ln`;
};

/** A getToken that shares nothing with other tabs. */
const alone = (getToken) => Object.assign(getToken, { share: '' });

/** Answer every subscribe that a socket was asked for. */
const answerSubscribes = async (end, result = POSITION) => {
  for (const { id, subscribe } of end.take()) if (subscribe) end.say({ id, subscribe: result });
  await settle();
};

const pub = (data, offset) => ({ push: { channel: 'a', pub: { data, offset } } });

test('subscriptions are made before what waited is sent, in one frame', async () => {
  const world = makeWorld();
  world.service.subscribe('a');
  world.service.connect();
  void world.service.publish('a', 1);
  await establish(world);

  assert.equal(socket().sent.length, 1);
  assert.deepEqual(socket().take().map((command) => Object.keys(command)[1]), ['subscribe', 'publish']);
});

test('after a reconnect what was missed comes in order, once', async () => {
  const world = makeWorld();
  const got = [];
  world.service.subscribe('a').addEventListener('publication', ({ detail }) => got.push(detail.data));
  world.service.connect();
  await establish(world);
  await answerSubscribes(socket());
  socket().say(pub('one', 1), pub('two', 2));
  await settle();
  socket().end(1006);
  await establish(world);
  const [{ id, subscribe }] = socket().take();
  assert.deepEqual([subscribe.recover, subscribe.offset, subscribe.epoch], [true, 2, 'e']);
  const publications = [{ data: 'three', offset: 3 }];
  socket().say({ id, subscribe: { ...POSITION, offset: 2, was_recovering: true, recovered: true, publications } }, pub('four', 4));
  await settle();

  assert.deepEqual(got, ['one', 'two', 'three', 'four']);
});

test('told to move, the new connection is there before the old one goes, and the application sees nothing', async () => {
  const world = makeWorld();
  const got = [];
  const states = [];
  const subscription = world.service.subscribe('a');
  subscription.addEventListener('publication', ({ detail }) => got.push(detail.data));
  world.service.connect();
  await establish(world, { client: 'old' });
  await answerSubscribes(socket());
  world.service.addEventListener('state', ({ detail }) => states.push(detail));
  subscription.addEventListener('state', ({ detail }) => states.push(detail));
  const old = socket();
  old.say(pub('one', 1), { push: { holdfast: { migrate: { after_ms: 1000 } } } });
  await settle();
  await establish(world, { client: 'new' });
  const next = socket();
  assert.equal(liveSockets().length, 2);
  old.say(pub('two', 2));
  const [{ id, subscribe }] = next.take();
  assert.equal(subscribe.offset, 1);
  next.say({ id, subscribe: { ...POSITION, offset: 1, was_recovering: true, recovered: true, publications: [{ data: 'two', offset: 2 }] } });
  await world.clock.advance(6000);
  next.say(pub('three', 3));
  await settle();

  assert.deepEqual(got, ['one', 'two', 'three']);
  assert.deepEqual(old.closedWith, { code: 1000, reason: '' });
  assert.deepEqual([liveSockets().length, world.service.client, states], [1, 'new', []]);
  world.service.disconnect();
  assert.deepEqual([liveSockets().length, world.clock.pending], [0, 0]);
});

test('disconnect() in the middle of a move leaves no socket and no timer', async () => {
  for (const answers of [false, true]) {
    const world = makeWorld();
    world.service.subscribe('a');
    world.service.connect();
    await establish(world);
    await answerSubscribes(socket());
    socket().say({ push: { holdfast: { migrate: { after_ms: 0 } } } });
    await settle();
    await world.clock.advance(10);
    assert.equal(FakeWebSocket.made.length, 2);
    if (answers) await answerConnect(socket());
    world.service.disconnect();
    await settle();

    assert.deepEqual([liveSockets().length, world.service.state], [0, 'disconnected']);
    await world.clock.advance(60_000);
    assert.deepEqual([liveSockets().length, world.clock.pending], [0, 0]);
  }
});

test('an old connection that dies in the middle of a move is never a third one', async () => {
  const world = makeWorld();
  world.service.subscribe('a');
  world.service.connect();
  await establish(world);
  await answerSubscribes(socket());
  const old = socket();
  old.say({ push: { holdfast: { migrate: { after_ms: 0 } } } });
  await settle();
  await world.clock.advance(10);
  old.end(1006);
  await settle();

  assert.ok(liveSockets().length <= 1);
  await establish(world);
  assert.deepEqual([liveSockets().length, world.service.state], [1, 'connected']);
});

test('a token is fetched before the first attempt, and again after the server refused it', async () => {
  const asked = [];
  const world = makeWorld({
    getToken: alone(async ({ reason }) => {
      asked.push(reason);
      return jwt(2_000_000_000 + asked.length);
    }),
  });
  world.service.connect();
  await world.clock.advance(0);
  socket().accept();
  const [{ id, connect }] = socket().take();
  assert.equal(connect.token, jwt(2_000_000_001));
  socket().say({ id, error: { code: 109, message: 'token_expired' } });
  await settle();
  const second = await establish(world);

  assert.equal(second.token ?? second.connect.token, jwt(2_000_000_002));
  assert.deepEqual(asked, ['first', 'refused']);
});

test('a token endpoint that fails is asked with backoff, and nothing is attempted without a token', async () => {
  let asked = 0;
  const world = makeWorld({
    getToken: alone(async () => {
      asked += 1;
      return '';
    }),
  });
  world.service.connect();
  await world.clock.advance(60_000);

  assert.ok(asked > 0 && asked <= 60, `${asked} fetches in a minute`);
  assert.equal(FakeWebSocket.made.length, 0);
  assert.ok(world.service.reason.slug.startsWith('token_'), world.service.reason.slug);
});

test('where the user has to log in it says so once and stops', async () => {
  const world = makeWorld({ getToken: alone(async () => Promise.reject(Object.assign(new Error('no'), { status: 401 }))) });
  world.service.connect();
  await world.clock.advance(600_000);

  assert.deepEqual(world.named('login').map(([, { error }]) => error.slug), ['login_required']);
  assert.deepEqual([world.service.state, FakeWebSocket.made.length, world.clock.pending], ['disconnected', 0, 0]);
});

test('a connection whose token ends is renewed in time', async () => {
  let n = 0;
  const world = makeWorld({ getToken: alone(async () => jwt(2_000_000_000 + (n += 1))) });
  world.service.connect();
  await establish(world, { expires: true, ttl: 60, ping: 0 });
  await world.clock.advance(60_000);
  const refreshes = socket().take().filter(({ refresh }) => refresh);

  assert.equal(refreshes.length, 1);
  assert.equal(refreshes[0].refresh.token, jwt(2_000_000_002));
});

test('on a 1006 before open the server is asked, and its answer is the reason', async () => {
  const fetched = [];
  const world = makeWorld({}, {
    fetch: async (url) => {
      fetched.push(url);
      const body = { slug: 'accept_rate', number: 1915, meaning: 'm', remedy: 'r' };
      return new Response(JSON.stringify(body), { headers: { 'content-type': 'application/json' } });
    },
  });
  world.service.connect();
  await world.clock.advance(0);
  const { searchParams } = new URL(socket().url);
  socket().end(1006);
  assert.equal(world.service.reason.slug, 'open_failed');
  for (let turn = 0; turn < 5000 && world.service.reason.slug === 'open_failed'; turn += 1) await new Promise((resolve) => setImmediate(resolve));

  assert.equal(world.service.reason.slug, 'accept_rate');
  assert.equal(new URL(fetched[0]).searchParams.get('cid'), searchParams.get('cid'));
  assert.equal(world.service.state, 'connecting');
});

test('the log loads for a page that never connects, once there is a token to hand it in with', async () => {
  const { health } = loaded;
  loaded.health = undefined;
  const body = { slug: 'instance_connection_limit', log_token: 'one-time' };
  const fetch = async () => new Response(JSON.stringify(body), { headers: { 'content-type': 'application/json' } });
  const world = makeWorld({}, { fetch });
  world.service.connect();
  await world.clock.advance(0);
  socket().end(1006);
  assert.deepEqual(world.service.log.lines, []);
  loaded.health = health;
  for (let turn = 0; turn < 5000 && world.service.log.count === 0; turn += 1) await new Promise((resolve) => setImmediate(resolve));

  assert.deepEqual(world.service.log.lines.slice(0, 3).map(({ event }) => event), ['connecting', 'connecting', 'connection_refused']);
  world.service.disconnect();
});

test('the words of causes load for a page that never connects', async () => {
  const world = makeWorld({}, { fetch: () => Promise.reject(new TypeError('Failed to fetch')) });
  world.service.connect();
  await world.clock.advance(0);
  socket().end(1006);
  for (let turn = 0; turn < 5000 && !world.service.reason.remedy; turn += 1) await new Promise((resolve) => setImmediate(resolve));

  assert.match(world.service.reason.remedy, /holdfast probe URL/);
  world.service.disconnect();
});

test('what the page is told before the part for the device has come is not lost', async () => {
  const { network } = loaded;
  loaded.network = undefined;
  const world = makeWorld();
  const tell = (type) => world.environment.page.dispatchEvent(new Event(type));
  world.environment.online = false;
  world.service.connect();
  tell('pagehide');
  assert.equal(world.service.nextAttemptAt, null);
  world.environment.online = true;
  tell('online');
  assert.ok(world.service.nextAttemptAt - world.clock.time <= 500);

  world.service.disconnect();
  tell('pageshow');
  assert.equal(world.service.nextAttemptAt, null);
  loaded.network = network;
});

test('what happens to the device is noticed when the part for it has come, and only while a connection is wanted', async () => {
  const { network } = loaded;
  const world = makeWorld();
  loaded.network = undefined;
  world.service.connect();
  world.service.disconnect();
  await settle();
  assert.equal(world.clock.pending, 0);

  world.service.connect();
  await establish(world);
  loaded.network = network;
  const before = FakeWebSocket.made.length;
  world.environment.page.dispatchEvent(new Event('pagehide'));
  world.environment.page.dispatchEvent(new Event('pageshow'));
  await world.clock.advance(1000);

  assert.equal(FakeWebSocket.made.length, before + 1);
});
