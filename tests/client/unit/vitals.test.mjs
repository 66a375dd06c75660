import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settle } from '../fakes.mjs';
import { establish, makeWorld, socket } from '../world.mjs';

const REPLY = { holdfast: { log_token: 'one-time' } };

/** A world whose pings take so many milliseconds, or are never answered. */
async function connected(options = {}, roundTrip = 50) {
  const requests = [];
  const fetch = async (url, { body }) => {
    if (!String(url).includes('/client/logs')) return new Response('{"slug":"unknown_attempt"}', { status: 404 });
    requests.push({ url, ...JSON.parse(body) });
    return new Response(JSON.stringify({ log_token: `next-${requests.length}`, accepted: 1 }));
  };
  const world = makeWorld(options, { fetch });
  const grades = [];
  world.service.addEventListener('quality', ({ detail }) => grades.push(`${detail.from} ${detail.grade}`));
  world.service.connect();
  await establish(world, REPLY);
  await loaded();
  /** Let time pass on a server that answers. */
  const live = async (seconds) => {
    for (let second = 0; second < seconds; second += 1) {
      const pings = socket().take().filter(({ ping }) => ping);
      await world.clock.advance(roundTrip);
      for (const { id } of pings) socket().say({ id, ping: {} });
      if (second % 20 === 0) socket().say({});
      await world.clock.advance(1000 - roundTrip);
    }
  };
  return { ...world, grades, requests, live };
}

/** What loads on demand loads in real time. */
const loaded = async () => {
  await import('../../../app/holdfast/web/client/log/log-upload.js');
  await import('../../../app/holdfast/web/client/quality/quality.js');
  await new Promise(setImmediate);
  await settle();
};

test('a service measures its connection and says how good it is', async () => {
  const { service, live, grades } = await connected();
  await live(60);
  const { grade, reasons, rtt, missed, reconnects, uptime } = service.quality;

  assert.deepEqual([grade, reasons, missed, reconnects, grades], ['good', [], 0, 0, []]);
  assert.ok(rtt >= 50 && rtt <= 1050);
  assert.ok(uptime >= 60_000);
});

test('until there is something to judge with, a connection counts as good', () => {
  const { service } = makeWorld();

  assert.deepEqual([service.quality.grade, service.quality.rtt, service.quality.uptime], ['good', null, 0]);
});

test('cuts are reconnects, announced ends and those of the application are none', async () => {
  const world = await connected();
  const { service, live } = world;
  for (const code of [3001, 3000, 1006, 3012, 3008]) {
    await live(12);
    socket().end(code);
    await establish(world, REPLY);
  }
  await live(3);

  assert.equal(service.quality.reconnects, 3);
  service.disconnect();
  assert.deepEqual([service.quality.reconnects, service.quality.uptime], [3, 0]);
});

test('what sleep does to a connection says nothing of the network', async () => {
  const world = await connected();
  world.clock.sleep(3_600_000);
  await world.clock.advance(9_000);
  await establish(world, REPLY);

  assert.deepEqual([world.service.quality.reconnects, world.service.quality.missed], [0, 0]);
});

test('the log tells the story under the ids of the attempts', async () => {
  const world = await connected();
  const { service } = world;
  const first = service.attempt;
  await world.live(11);
  socket().end(1006);
  await establish(world, REPLY);
  const lines = service.log.lines.map(({ event, attempt, slug }) => [event, attempt, slug]);

  assert.deepEqual(lines, [
    ['connecting', first, undefined], ['connected', first, undefined],
    ['connection_closed', first, 'connection_cut'],
    ['connecting', service.attempt, undefined], ['connected', service.attempt, undefined],
  ]);
});

test('after trouble the lines go to the gateway, each under the token of its attempt', async () => {
  const world = await connected();
  const first = world.service.attempt;
  await world.live(11);
  assert.equal(world.requests.length, 0);
  socket().end(1006);
  await loaded();
  await establish(world, { holdfast: { log_token: 'another' } });
  await loaded();
  await world.live(5);
  const sent = world.requests.map(({ log_token, lines }) => [log_token, new Set(lines.map(({ attempt }) => attempt))]);

  assert.equal(world.requests[0].url, 'https://app.example/client/logs');
  assert.deepEqual(sent, [['one-time', new Set([first])], ['another', new Set([world.service.attempt])]]);
});

test('without sendLogs they go on request alone', async () => {
  const world = await connected({ sendLogs: false });
  socket().end(1006);
  await establish(world, { holdfast: { log_token: 'another' } });
  await loaded();
  await world.live(5);
  assert.equal(world.requests.length, 0);

  assert.equal(await world.service.sendLog(), world.service.log.count);
});

test('features of the application go down while the connection is poor', async () => {
  const { service, live, grades } = await connected({}, 990);
  const turned = [];
  service.addEventListener('level', ({ detail }) => turned.push(`${detail.name} ${detail.to}`));
  const feature = (name) => ({ name, down: () => {}, up: () => {} });
  const degradation = await service.degrade([feature('typing'), feature('presence')]);
  assert.equal(degradation.level, 0);
  await live(30);

  assert.deepEqual([grades.at(-1).split(' ')[1], turned, degradation.level], ['poor', ['typing 1', 'presence 2'], 2]);
  assert.ok(service.log.lines.some(({ event, name }) => event === 'level_changed' && name === 'presence'));
});
