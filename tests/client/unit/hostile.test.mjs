/** A server, a network and a device that mean no good: every end has a name, the state stays sane, nothing runs hot. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { FakeWebSocket, fakeToken, pass, settle } from '../fakes.mjs';
import { answerConnect, establish, liveSockets, makeWorld, socket } from '../world.mjs';

/** JSON that throws wherever a text or a number is made of it. */
const ODD = { toString: 1, valueOf: 1 };
const STATES = new Set(['disconnected', 'connecting', 'connected']);

const unhandled = [];
process.on('unhandledRejection', (fault) => unhandled.push(fault));
afterEach(() => assert.deepEqual(unhandled.splice(0), []));

/** Let imports and rejections that nobody handles come out. */
const rest = () => new Promise((resolve) => setTimeout(resolve, 5));

async function connected(reply, options) {
  const world = makeWorld(options);
  world.service.connect();
  await rest();
  await establish(world, reply);
  await rest();
  return world;
}

/** Go on for so long with a server that does this to each new socket. */
async function besiege(world, milliseconds, attack) {
  const seen = new Set(FakeWebSocket.made);
  const starts = [];
  for (const end = world.clock.time + milliseconds; world.clock.time < end; ) {
    await world.clock.advance(Math.min(world.clock.untilNext ?? 1000, 1000));
    await settle();
    for (const made of FakeWebSocket.made.filter((one) => !seen.has(one))) {
      seen.add(made);
      starts.push(world.clock.time);
      await attack(made);
    }
  }
  return starts;
}

function assertAtMostOneASecond(starts) {
  for (const start of starts) {
    const inMinute = starts.filter((one) => one >= start && one < start + 60_000).length;
    assert.ok(inMinute <= 60, `${inMinute} attempts in a minute`);
  }
}

function assertNamed(world) {
  assert.ok(STATES.has(world.service.state));
  if (world.service.state !== 'connected') assert.ok(world.service.reason.slug, String(world.service.reason));
  for (const [name, { error }] of world.events) if (name === 'error') assert.ok(error.slug, String(error));
}

for (const [name, reply] of Object.entries({
  client: { client: ODD },
  ping: { ping: ODD },
  'a channel': { subs: { news: { recovered: true, epoch: 'e', publications: [{ data: 1, info: { user: ODD } }] } } },
})) {
  test(`a connect reply that no text can be made of ends the connection: ${name}`, async () => {
    const world = await connected(reply);
    assert.equal(world.service.state, 'connecting');
    assert.equal(world.service.reason.slug, 'message_malformed');
    await besiege(world, 30_000, (made) => answerConnect(made, reply));
    assertNamed(world);
    world.service.disconnect();
    assert.equal(world.clock.pending, 0);
  });
}

for (const [name, push] of Object.entries({
  refresh: { refresh: { expires: true, ttl: ODD } },
  migrate: { holdfast: { migrate: { after_ms: ODD } } },
  disconnect: { disconnect: { code: ODD, reason: ODD } },
  unsubscribe: { channel: 'news', unsubscribe: { code: ODD } },
  publication: { channel: 'news', pub: { info: { user: ODD } } },
  subscribe: { channel: 'served', subscribe: { publications: [{ info: { client: ODD } }] } },
  join: { channel: 'news', join: { info: { user: ODD } } },
  prototype: JSON.parse('{"__proto__": {"pub": 1}, "channel": "__proto__", "pub": {"__proto__": {"data": 1}}}'),
  unknown: { strange: ODD, channel: ODD },
  null: null,
})) {
  test(`a push of fields that nobody expects leaves a sane state: ${name}`, async () => {
    const world = await connected({}, { getToken: async () => fakeToken({ exp: 2e9 }) });
    world.service.subscribe('news');
    await settle();
    for (const { id, subscribe } of socket().take()) if (subscribe) socket().say({ id, subscribe: {} });
    await settle();
    socket().say({ push });
    await rest();
    assertNamed(world);
    assert.equal({}.pub, undefined);
    world.service.disconnect();
    await rest();
    assert.equal(world.clock.pending, 0);
  });
}

for (const [method, result] of [
  ['history', { publications: 'abc' }],
  ['history', { epoch: ODD }],
  ['presence', { presence: { a: { user: ODD } } }],
  ['presenceStats', { num_users: ODD }],
]) {
  test(`a command whose answer makes no sense is rejected by name: ${method} ${JSON.stringify(result)}`, async () => {
    const world = await connected();
    const answer = world.service[method]('news');
    const [{ id, ...command }] = socket().take();
    socket().say({ id, [Object.keys(command)[0]]: result });
    await assert.rejects(answer, { slug: 'message_malformed' });
    assert.equal(world.service.state, 'connected');
  });
}

test('a command whose error makes no sense does not hang', async () => {
  const world = await connected();
  const answer = world.service.publish('news', 1);
  const [{ id }] = socket().take();
  socket().say({ id, error: { code: 100, message: ODD } });
  await assert.rejects(answer, { slug: 'outcome_unknown' });
});

test('a subscribe reply that makes no sense has a name, and is asked for again', async () => {
  const world = await connected();
  const news = world.service.subscribe('news');
  const errors = [];
  news.addEventListener('error', ({ detail }) => errors.push(detail.error.slug));
  await settle();
  const [{ id }] = socket().take();
  socket().say({ id, subscribe: { publications: [{ info: { user: ODD } }] } });
  await settle();
  assert.deepEqual([news.state, errors], ['subscribing', ['message_malformed']]);
});

test('the place in a channel called __proto__ is not lost', async () => {
  const world = await connected({ subs: JSON.parse('{"__proto__": {"recoverable": true, "epoch": "e", "offset": 5}}') });
  socket().end();
  const command = await establish(world);
  assert.equal(JSON.stringify(command.connect.subs), '{"__proto__":{"recover":true,"offset":5,"epoch":"e"}}');
});

test('every close code is retried or not as its range says, at most once a second', async () => {
  const stops = (code) => code === 1009 || (code >= 3500 && code < 4000) || (code >= 4500 && code < 5000);
  const edges = [0, 999, 1000, 1005, 1006, 1008, 1009, 1010, 1015, 2999, 3000, 3004, 3005, 3006, 3499, 3500, 3999, 4000, 4499, 4500, 4999, 5000, 65_535];
  const spread = Array.from({ length: 41 }, (_, index) => 1000 + index * 100);
  for (const code of new Set([...edges, ...spread])) {
    const world = makeWorld();
    world.service.connect();
    const starts = await besiege(world, 120_000, async (made) => {
      made.accept();
      await settle();
      made.end(code, 'no slug at all');
      await settle();
    });
    assert.equal(world.service.state, stops(code) ? 'disconnected' : 'connecting', `${code}`);
    assert.ok(stops(code) ? starts.length === 1 : starts.length > 3, `${code}: ${starts.length} attempts`);
    assertAtMostOneASecond(starts);
    assertNamed(world);
    world.service.disconnect();
    assert.equal(world.clock.pending, 0, `timers after ${code}`);
  }
});

test('disconnect pushes with strange codes end the connection once', async () => {
  for (const code of [-1, 0, 1e99, 0.5, null, 'x', true, [], 3005, 3501, 4000]) {
    const world = await connected();
    const before = FakeWebSocket.made.length;
    socket().say({ push: { disconnect: { code, reason: 'x'.repeat(1000) } } }, { push: { disconnect: { code: 3000 } } });
    await settle();
    assert.equal(world.named('disconnected').length, 1);
    assertNamed(world);
    assert.ok(world.service.reason.detail.length <= 200);
    assert.equal(liveSockets().length, 0, `${code} ${before}`);
    world.service.disconnect();
  }
});

test('a server that connects and drops everybody at once meets at most one attempt a second', async () => {
  for (const code of [1006, 3005, 3000]) {
    for (const window of [-1, 0, 1, 1e12, null, 'x', [5]]) {
      const world = makeWorld();
      world.service.connect();
      const starts = await besiege(world, 180_000, async (made) => {
        await answerConnect(made, { holdfast: { reconnect_window_ms: window } });
        made.end(code);
        await settle();
      });
      assertAtMostOneASecond(starts);
      assert.ok(world.service.nextAttemptAt - world.clock.time <= 300_000);
      world.service.disconnect();
      assert.equal(world.clock.pending, 0);
    }
  }
});

test('absurd intervals of pings neither run hot nor end a connection that lives', async () => {
  for (const ping of [1e-300, 1e-9, 1e9, 1e300, -5, 'x', null]) {
    const world = await connected({ ping });
    for (let second = 0; second < 30; second += 1) {
      socket().say({});
      await pass(world.clock, 1000);
      for (const { id, ping: asked } of socket().take()) if (asked) socket().say({ id, ping: {} });
    }
    assert.equal(world.service.state, 'connected', `${ping}`);
    assert.ok(world.clock.pending < 10);
    assert.ok(world.service.quality.missed < 100);
    world.service.disconnect();
    assert.equal(world.clock.pending, 0);
  }
});

test('a frame of very many messages is read in time that grows no faster than it', async () => {
  const world = await connected();
  const began = performance.now();
  socket().sayText('{}\n'.repeat(300_000));
  await settle();
  assert.ok(performance.now() - began < 10_000, `${performance.now() - began} ms`);
  assert.equal(world.service.state, 'connected');
});

test('ten thousand publications in one frame and ten thousand recovered come once, in order', async () => {
  const world = await connected();
  const got = [];
  world.service.subscribe('news').addEventListener('publication', ({ detail }) => got.push(detail.offset));
  await settle();
  const many = (from) => Array.from({ length: 10_000 }, (_, index) => ({ data: index, offset: from + index }));
  const [{ id }] = socket().take();
  socket().say({ id, subscribe: { recoverable: true, epoch: 'e', offset: 0 } });
  await settle();
  socket().say(...many(1).map((pub) => ({ push: { channel: 'news', pub } })));
  await settle();
  socket().end(3000);
  await establish(world);
  const [again] = socket().take();
  socket().say({ id: again.id, subscribe: { recoverable: true, recovered: true, epoch: 'e', offset: 20_000, publications: many(10_001) } });
  await settle();
  assert.deepEqual(got, Array.from({ length: 20_000 }, (_, index) => index + 1));
});

test('a token that lasts no time at all is renewed at most once a second', async () => {
  let asked = 0;
  const getToken = async () => fakeToken({ exp: 2e9, n: (asked += 1) });
  const world = await connected({ expires: true, ttl: 1e-9 }, { getToken });
  const began = world.clock.time;
  while (world.clock.time < began + 20_000) {
    await pass(world.clock, 100);
    for (const { id, refresh } of socket().take()) if (refresh) socket().say({ id, refresh: { expires: true, ttl: 1e-9 } });
  }
  assert.ok(asked > 2 && asked <= 21, `${asked} tokens in 20 s`);
  world.service.disconnect();
});

test('storms of events cause neither storms of commands nor of attempts', async () => {
  const world = await connected();
  const { page, document } = world.environment;
  for (let turn = 0; turn < 1000; turn += 1) {
    page.dispatchEvent(new Event(turn % 2 ? 'online' : 'offline'));
    document.visibilityState = turn % 2 ? 'visible' : 'hidden';
    document.dispatchEvent(new Event('visibilitychange'));
  }
  await settle();
  assert.ok(socket().take().length <= 2);
  assert.ok(world.clock.pending < 10);
  socket().end();
  const starts = await besiege(world, 120_000, async (made) => {
    made.end();
    for (let turn = 0; turn < 20; turn += 1) page.dispatchEvent(new Event(turn % 2 ? 'online' : 'pageshow'));
    await settle();
  });
  assertAtMostOneASecond(starts);
});

test('a page that goes in and out of the cache all the time holds one socket, and loses and doubles no message', async () => {
  const world = await connected();
  const { page } = world.environment;
  const outcomes = [];
  for (let turn = 0; turn < 200; turn += 1) {
    world.service.publish('news', turn).then(() => outcomes.push('taken'), ({ slug }) => outcomes.push(slug));
    page.dispatchEvent(new Event('pagehide'));
    await settle();
    assert.equal(liveSockets().length, 0);
    page.dispatchEvent(new Event('pageshow'));
    await world.clock.advance(turn % 7 ? 10 : 2000);
    assert.ok(liveSockets().length <= 1);
  }
  const sent = new Map();
  await besiege(world, 10_000, async (made) => {
    if (made.readyState > 1) return;
    await answerConnect(made);
    for (const { id, publish } of made.take()) {
      if (!publish) continue;
      sent.set(publish.data, (sent.get(publish.data) ?? 0) + 1);
      made.say({ id, publish: {} });
    }
  });
  await world.clock.advance(60_000);
  assert.equal(outcomes.length, 200);
  assert.ok([...sent.values()].every((times) => times === 1));
  assert.equal(outcomes.filter((one) => one === 'taken').length, sent.size);
});

test('a device that sleeps, and clocks that jump, cause no storm', async () => {
  const world = await connected();
  const starts = await besiege(world, 120_000, async (made) => {
    await answerConnect(made);
    world.clock.wallOffset += [1e12, -2e12, 1e12, -1e9][FakeWebSocket.made.indexOf(made) % 4];
    await settle();
    made.end(1000);
  });
  assertAtMostOneASecond(starts);
  assertNamed(world);
  world.service.disconnect();
  assert.equal(world.clock.pending, 0);
});

test('a thousand reconnects leave no timer and no listener behind', async () => {
  const counted = counting();
  const world = makeWorld({}, counted.environment);
  world.service.subscribe('news');
  world.service.connect();
  for (let turn = 0; turn < 1000; turn += 1) {
    await establish(world);
    world.service.publish('news', turn).catch(() => {});
    socket().end(turn % 2 ? 3000 : 1006);
    await settle();
  }
  assert.ok(counted.listeners < 20, `${counted.listeners} listeners`);
  assert.ok(world.clock.pending < 10, `${world.clock.pending} timers`);
  world.service.disconnect();
  await rest();
  assert.equal(world.clock.pending, 0);
  assert.equal(counted.listeners, 0);
});

/** Page, document and connection that count who listens. */
function counting() {
  const counts = { listeners: 0 };
  class Counting extends EventTarget {
    #known = new Set();
    addEventListener(type, listener, options) {
      super.addEventListener(type, listener, options);
      const key = { type, listener };
      this.#known.add(key);
      counts.listeners += 1;
      options?.signal?.addEventListener('abort', () => this.#known.delete(key) && (counts.listeners -= 1));
    }
    removeEventListener(type, listener, options) {
      super.removeEventListener(type, listener, options);
      const key = [...this.#known].find((one) => one.type === type && one.listener === listener);
      if (key && this.#known.delete(key)) counts.listeners -= 1;
    }
  }
  const document = Object.assign(new Counting(), { visibilityState: 'visible' });
  return {
    get listeners() {
      return counts.listeners;
    },
    environment: { page: new Counting(), document, connection: new Counting() },
  };
}

test('a server that subscribes to channels without end does not fill the memory', async () => {
  const world = await connected();
  for (let number = 0; number < 10_001; number += 1) {
    if (world.service.state === 'connected') socket().say({ push: { channel: `c${number}`, subscribe: {} } });
  }
  await settle();

  assert.equal(world.service.reason.slug, 'message_malformed');
  world.service.disconnect();
  assert.equal(world.clock.pending, 0);
});

test('a connect command that no JSON can carry is an error by name, on every transport', async () => {
  const data = {};
  data.self = data;
  for (const transport of ['http_stream', 'sse', 'poll']) {
    const world = makeWorld({ data, transports: [transport] });
    world.service.connect();
    await world.clock.advance(5_000);
    await rest();

    assertNamed(world);
    assert.equal(world.service.state, 'connecting');
    world.service.disconnect();
    await rest();
    assert.equal(world.clock.pending, 0);
  }
});
