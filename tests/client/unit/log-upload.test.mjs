import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Log } from '../../../app/holdfast/web/client/log/log.js';
import { LogUpload } from '../../../app/holdfast/web/client/log/log-upload.js';
import { fakeEnvironment } from '../fakes.mjs';

const URL = 'https://app.example/client/logs';

/** An upload whose requests are answered by `answers`, then with 200 and the next token. */
function world(...answers) {
  const requests = [];
  const fetch = async (url, options) => {
    const request = { url, ...options, ...JSON.parse(options.body) };
    requests.push(request);
    const answer = answers.shift() ?? 200;
    if (answer instanceof Error) throw answer;
    if (answer === 'never') return new Promise((_, reject) => options.signal.addEventListener('abort', () => reject(new Error('aborted'))));
    const [status, headers] = [answer.status ?? answer, answer.headers];
    const body = { log_token: `next-${requests.length}`, accepted: request.lines.length };
    return new Response(status === 200 ? JSON.stringify(body) : '<html>', { status, headers });
  };
  const environment = fakeEnvironment({ fetch });
  const log = new Log(environment);
  log.attempt = 'a1';
  const tokens = new Map([['a1', 'first']]);
  const ended = new AbortController();
  const upload = new LogUpload({ environment, log, url: URL, tokens, signal: ended.signal });
  const events = () => requests.map(({ lines }) => lines.map(({ event }) => event).join(' '));
  return { environment, ended, clock: environment.clock, log, tokens, upload, requests, events };
}

test('without trouble nothing is sent', async () => {
  const { clock, log, requests, environment } = world();
  for (let number = 0; number < 500; number += 1) log.write('info', 'connected');
  await clock.advance(3_600_000);
  environment.page.dispatchEvent(new Event('pagehide'));

  assert.deepEqual([requests, environment.beacons, clock.pending], [[], [], 0]);
});

test('after trouble what came before and what follows is sent in batches, each line once', async () => {
  const { clock, log, upload, requests, events } = world();
  log.write('info', 'connecting');
  log.write('warning', 'connection_closed');
  upload.notice();
  log.write('info', 'connecting');
  await clock.advance(2000);
  log.write('info', 'connected');
  await clock.advance(10_000);

  assert.deepEqual(events(), ['connecting connection_closed connecting', 'connected']);
  assert.deepEqual(requests.map(({ log_token }) => log_token), ['first', 'next-1']);
  const { url, method, credentials, keepalive, headers, sent, lines } = requests[0];
  assert.deepEqual([url, method, credentials, keepalive, headers], [URL, 'POST', 'omit', true, undefined]);
  assert.ok(sent > 1e12 && lines[0].t <= sent);

  await clock.advance(30_000);
  log.write('info', 'fine');
  await clock.advance(60_000);
  assert.equal(requests.length, 2);
});

test('each line goes under the token of its attempt', async () => {
  const { log, tokens, upload, requests } = world();
  log.write('info', 'connected');
  log.attempt = 'a2';
  log.write('warning', 'connection_refused');
  log.attempt = 'a3';
  log.write('info', 'connected');
  tokens.set('a3', 'third');

  assert.equal(await upload.sendAll(), 3);
  assert.deepEqual(requests.map(({ log_token, lines }) => [log_token, lines.map(({ attempt }) => attempt)]), [
    ['first', ['a1']],
    ['third', ['a2', 'a3']],
  ]);
});

test('many lines leave in several batches', async () => {
  const { log, upload, requests } = world();
  for (let number = 0; number < 1000; number += 1) log.write('info', 'counted', { number });

  assert.equal(await upload.sendAll(), 200);
  assert.deepEqual(requests.map(({ lines }) => [lines.length, lines[0].number]), [[100, 800], [100, 900]]);
  assert.equal(await upload.sendAll(), 0);
});

test('while it is refused for its rate it waits, longer each time, and loses nothing', async () => {
  const { clock, log, upload, requests, events } = world({ status: 429, headers: { 'Retry-After': '20' } }, 503, 503);
  log.write('warning', 'connection_closed');
  upload.notice();
  const times = [];
  for (let second = 0; second < 180; second += 1) {
    await clock.advance(1000);
    if (times.length < requests.length) times.push(second + 1);
  }

  assert.equal(requests.length, 4);
  assert.deepEqual(new Set(events()), new Set(['connection_closed']));
  assert.deepEqual(requests.map(({ log_token }) => log_token), Array(4).fill('first'));
  const gaps = times.slice(1).map((time, index) => time - times[index]);
  assert.ok(gaps[0] >= 20 && gaps[1] >= 10 && gaps[2] >= 20, gaps.join());
});

test('a batch that is no good is not sent again', async () => {
  for (const status of [400, 413]) {
    const { clock, log, upload, events } = world(status);
    log.write('warning', 'odd');
    upload.notice();
    await clock.advance(3000);
    log.write('info', 'next');
    await clock.advance(60_000);

    assert.deepEqual(events(), ['odd', 'next']);
  }
});

test('a gateway that takes no lines is not asked again', async () => {
  const { clock, log, upload, requests } = world(404);
  log.write('warning', 'connection_closed');
  upload.notice();
  await clock.advance(60_000);
  upload.notice();
  await clock.advance(60_000);

  assert.deepEqual([requests.length, await upload.sendAll()], [1, 0]);
});

test('a token that is refused is dropped, and the lines wait for another', async () => {
  const { clock, log, tokens, upload, events, requests } = world(403);
  log.write('warning', 'connection_closed');
  upload.notice();
  await clock.advance(60_000);
  assert.deepEqual([requests.length, tokens.size], [1, 0]);

  tokens.set('a2', 'second');
  upload.resume();
  await clock.advance(3000);
  assert.deepEqual(events(), ['connection_closed', 'connection_closed']);
  assert.equal(requests[1].log_token, 'second');
});

test('a gateway that cannot be reached is tried again at once when it gives another token', async () => {
  const away = new TypeError('Failed to fetch');
  const { clock, log, tokens, upload, requests } = world(...Array(14).fill(away));
  log.write('warning', 'connection_closed');
  upload.notice();
  await clock.advance(1_800_000);
  const before = requests.length;
  assert.ok(before > 4 && before < 14, `${before} requests in half an hour`);

  while (requests.length < 14) await clock.advance(60_000);
  tokens.set('a2', 'second');
  upload.resume();
  await clock.advance(2_000);
  assert.deepEqual([requests.length, requests.at(-1).log_token], [15, 'first']);
});

test('a gateway that never answers is given up, and asked again later', async () => {
  const { clock, log, upload, requests } = world('never');
  log.write('warning', 'connection_closed');
  upload.notice();
  await clock.advance(13_000);
  assert.equal(requests.length, 1);

  await clock.advance(30_000);
  assert.equal(requests.length, 2);
  await clock.advance(3_600_000);
  assert.deepEqual([requests.length, clock.pending], [2, 0]);
});

test('a page that is left sends what is about trouble as a beacon', async () => {
  const { clock, environment, log, tokens, upload, requests } = world();
  log.write('warning', 'connection_closed');
  upload.notice();
  environment.page.dispatchEvent(new Event('pagehide'));
  environment.page.dispatchEvent(new Event('pagehide'));

  assert.equal(environment.beacons.length, 1);
  const { url, body } = environment.beacons[0];
  assert.deepEqual([url, JSON.parse(body).log_token, JSON.parse(body).lines.length], [URL, 'first', 1]);
  assert.equal(tokens.size, 0);
  await clock.advance(60_000);
  assert.equal(requests.length, 0);
});

test('a batch under way when the page is left goes on by itself', async () => {
  const { clock, environment, log, upload, requests } = world('never');
  log.write('warning', 'connection_closed');
  upload.notice();
  await clock.advance(3000);
  environment.page.dispatchEvent(new Event('pagehide'));

  assert.deepEqual([requests.length, environment.beacons], [1, []]);
});

test('a captive portal that answers 200 with HTML ends the token, not the client', async () => {
  const { clock, log, tokens, upload } = world({ status: 201 });
  log.write('warning', 'connection_closed');
  upload.notice();
  await clock.advance(60_000);

  assert.deepEqual([tokens.size, clock.pending], [0, 0]);
});

test('endless trouble makes no more than a batch in two seconds', async () => {
  const { clock, log, upload, requests } = world();
  upload.notice();
  for (let number = 0; number < 600; number += 1) {
    log.write('warning', 'connection_refused', { number });
    upload.notice();
    await clock.advance(100);
  }

  assert.ok(requests.length <= 31, `${requests.length} batches in a minute`);
  const numbers = requests.flatMap(({ lines }) => lines.map(({ number }) => number));
  assert.deepEqual(numbers, numbers.map((_, index) => index));
});

test('lines that come while a batch is on its way are gathered, not sent one by one', async () => {
  const { clock, environment, log, upload, requests } = world();
  const { fetch } = environment;
  environment.fetch = async (...request) => {
    const answer = await fetch(...request);
    await new Promise((resolve) => clock.setTimer(resolve, 50));
    return answer;
  };
  upload.notice();
  for (let number = 0; number < 200; number += 1) {
    log.write('warning', 'connection_refused', { number });
    upload.notice();
    await clock.advance(50);
  }

  assert.ok(requests.length <= 6, `${requests.length} batches in ten seconds`);
});

test('an upload that has ended waits for nothing and listens to nothing', async () => {
  for (const milliseconds of [0, 2000]) {
    const { environment, ended, clock, log, upload, requests } = world('never');
    log.write('warning', 'connection_closed');
    upload.notice();
    await clock.advance(milliseconds);
    ended.abort();
    await clock.advance(0);
    assert.equal(clock.pending, 0);

    log.write('warning', 'connection_closed');
    environment.page.dispatchEvent(new Event('pagehide'));
    assert.deepEqual([await upload.sendAll(), clock.pending, environment.beacons], [0, 0, []]);
    assert.equal(requests.length, milliseconds === 0 ? 0 : 1);
  }
});
