import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Quality } from '../../../app/holdfast/web/client/quality/quality.js';
import { fakeEnvironment } from '../fakes.mjs';

/** A Quality on a connected session, whose pings take `session.rtt`; without one they time out. */
function world(options = {}) {
  const environment = fakeEnvironment();
  const { clock } = environment;
  const events = [];
  const quality = new Quality({ environment, emit: (name, detail) => events.push({ name, ...detail }) }, options);
  const sessionOf = (transport = 'websocket') => {
    const session = { transport, rtt: 50, pings: [], inFlight: 0, fault: null };
    session.request = (method, _params, timeout) => {
      session.pings.push({ method, at: clock.time });
      return new Promise((resolve, reject) => {
        const wait = session.rtt ?? timeout;
        const slug = session.rtt === null ? 'command_timeout' : session.fault;
        clock.setTimer(() => (slug ? reject(Object.assign(new Error(slug), { slug })) : resolve({})), wait);
      });
    };
    return session;
  };
  const hide = (isHidden) => {
    environment.document.visibilityState = isHidden ? 'hidden' : 'visible';
    quality.restart();
  };
  const grades = () => events.filter(({ name }) => name === 'quality').map(({ from, grade }) => `${from} ${grade}`);
  return { environment, clock, events, quality, sessionOf, hide, grades };
}

test('the round trip is measured soon after the connect, then now and then', async () => {
  const { clock, quality, sessionOf, events } = world();
  const session = sessionOf();
  quality.onConnected(session, {});
  await clock.advance(3500);

  assert.deepEqual(session.pings.map(({ method, at }) => `${method} ${at}`), ['ping 1000', 'ping 2000', 'ping 3000']);
  assert.deepEqual(events.map(({ name, milliseconds }) => [name, milliseconds]), Array(3).fill(['round_trip', 50]));
  assert.deepEqual(quality.snapshot, {
    grade: 'good', reasons: [], rtt: 50, jitter: 0, missed: 0, reconnects: 0, uptime: 3500,
  });

  await clock.advance(600_000);
  const gaps = session.pings.slice(3).map(({ at }, index) => at - session.pings[index + 2].at);
  assert.ok(gaps.every((gap) => gap >= 20_000 && gap <= 30_000), gaps.join());
  assert.ok(new Set(gaps).size > 5);
});

test('a refusal of the ping is an answer too', async () => {
  const { clock, quality, sessionOf } = world();
  const session = sessionOf();
  session.fault = 'not_available';
  quality.onConnected(session, {});
  await clock.advance(3000);

  assert.deepEqual([quality.snapshot.rtt, quality.snapshot.missed], [50, 0]);
});

test('no ping goes behind commands that wait for a backend', async () => {
  const { clock, quality, sessionOf } = world();
  const session = sessionOf();
  session.inFlight = 2;
  quality.onConnected(session, {});
  await clock.advance(3500);
  assert.equal(session.pings.length, 0);

  session.inFlight = 0;
  await clock.advance(1000);
  assert.equal(session.pings.length, 1);
});

test('a connection that is always busy is measured all the same', async () => {
  const { clock, quality, sessionOf, grades } = world();
  const session = sessionOf();
  session.inFlight = 1;
  session.rtt = 1500;
  quality.onConnected(session, {});
  await clock.advance(11_500);
  assert.deepEqual(session.pings.map(({ at }) => at), [11_000]);

  await clock.advance(60_000);
  assert.deepEqual(grades(), ['good poor']);
});

test('slow round trips make the grade worse, and it is asked more often until it is good again', async () => {
  const { clock, quality, sessionOf, grades } = world();
  const session = sessionOf();
  session.rtt = 1500;
  quality.onConnected(session, {});
  await clock.advance(10_000);

  assert.deepEqual(grades(), ['good poor']);
  assert.deepEqual(quality.snapshot.reasons, [{ slug: 'slow_round_trips', value: 1500, limit: 1000 }]);

  session.rtt = 40;
  const before = session.pings.length;
  await clock.advance(120_000);
  assert.ok(session.pings.length - before > 9);
  assert.deepEqual(grades(), ['good poor', 'poor fair', 'fair good']);
});

test('pings without an answer are missed heartbeats, and count as slow', async () => {
  const { clock, quality, sessionOf, grades } = world();
  const session = sessionOf();
  session.rtt = null;
  quality.onConnected(session, {});
  await clock.advance(8000);

  assert.equal(grades().at(-1).split(' ')[1], 'poor');
  assert.ok(quality.snapshot.missed >= 2);
  assert.equal(quality.snapshot.rtt, 5000);
  session.rtt = 40;
  await clock.advance(200_000);
  assert.deepEqual([quality.snapshot.missed, quality.snapshot.grade], [0, 'good']);
});

test('heartbeats of the server that are late are missed, once each', async () => {
  const { clock, quality, sessionOf } = world();
  quality.onConnected(sessionOf(), { ping: 10 });
  for (let beat = 0; beat < 5; beat += 1) {
    await clock.advance(10_500);
    quality.onPing();
  }
  assert.equal(quality.snapshot.missed, 0);

  await clock.advance(31_000);
  quality.onPing();
  await clock.advance(9000);
  quality.onPing();

  assert.equal(quality.snapshot.missed, 2);
});

test('a poll session has no heartbeats to miss', async () => {
  const { clock, quality, sessionOf } = world();
  quality.onConnected(sessionOf('poll'), {});
  await clock.advance(100_000);

  assert.equal(quality.snapshot.missed, 0);
});

test('cuts count as reconnects for a while, planned ends do not', async () => {
  const { clock, quality, sessionOf, grades } = world();
  for (const wasPlanned of [true, false, false, false]) {
    quality.onConnected(sessionOf(), {});
    await clock.advance(5000);
    quality.onEnded(wasPlanned);
    await clock.advance(5000);
  }
  assert.deepEqual([quality.snapshot.reconnects, quality.snapshot.uptime], [3, 0]);

  quality.onConnected(sessionOf(), {});
  await clock.advance(5000);
  assert.deepEqual(grades(), ['good fair', 'fair poor']);
  await clock.advance(400_000);
  assert.deepEqual([quality.snapshot.reconnects, quality.snapshot.grade], [0, 'good']);
});

test('after the end nothing is asked, and an answer of before counts no more', async () => {
  const { clock, quality, sessionOf, events } = world();
  const session = sessionOf();
  quality.onConnected(session, {});
  await clock.advance(1020);
  quality.onEnded(false);
  await clock.advance(60_000);

  assert.equal(session.pings.length, 1);
  assert.deepEqual(events, []);
  assert.equal(clock.pending, 0);
});

test('while the page is hidden there are no pings, no events, no missed heartbeats', async () => {
  const { clock, quality, sessionOf, hide, events } = world();
  const session = sessionOf();
  session.rtt = 300;
  quality.onConnected(session, { ping: 10 });
  await clock.advance(1100);
  hide(true);
  await clock.advance(300_000);
  quality.onPing();
  quality.onRoundTrip(9000);

  assert.equal(session.pings.length, 1);
  assert.deepEqual(events, []);
  assert.equal(clock.pending, 0);

  hide(false);
  await clock.advance(1400);
  assert.equal(session.pings.length, 2);
  assert.deepEqual([quality.snapshot.missed, quality.snapshot.rtt], [0, 300]);
});

test('a page that was hidden and shown again drops the answer of before', async () => {
  const { clock, quality, sessionOf, hide, events } = world();
  const session = sessionOf();
  session.rtt = 900;
  quality.onConnected(session, { ping: 10 });
  await clock.advance(1100);
  hide(true);
  hide(false);
  await clock.advance(850);

  assert.deepEqual(events, []);
});

test('a cut while the page is hidden is the browser, not the network', () => {
  const { quality, sessionOf, hide } = world();
  quality.onConnected(sessionOf(), {});
  hide(true);
  quality.onEnded(false);

  assert.equal(quality.snapshot.reconnects, 0);
});

test('a move to another session keeps uptime and figures, another transport starts anew', async () => {
  const { clock, quality, sessionOf } = world();
  quality.onConnected(sessionOf(), {});
  await clock.advance(5000);
  const next = sessionOf();
  next.rtt = 90;
  quality.onConnected(next, {}, true);
  assert.deepEqual([quality.snapshot.uptime, quality.snapshot.rtt], [5000, 50]);

  const poll = sessionOf('poll');
  poll.rtt = 200;
  quality.onConnected(poll, {}, true);
  await clock.advance(1500);
  assert.equal(quality.snapshot.rtt, 200);
});

test('limits and intervals are the application\'s to choose', async () => {
  const { clock, quality, sessionOf, grades } = world({ limits: { rtt: [20, 40] }, closeInterval: 1000 });
  quality.onConnected(sessionOf(), {});
  await clock.advance(2500);

  assert.deepEqual(grades(), ['good poor']);
});

test('a server that promises a heartbeat every moment does not keep the page busy', async () => {
  for (const ping of [1e-300, 1e-9, -1]) {
    const { clock, quality, sessionOf } = world();
    quality.onConnected(sessionOf(), { ping });
    await clock.advance(60_000);
    quality.onPing();

    assert.ok(quality.snapshot.missed <= 60);
  }
});
