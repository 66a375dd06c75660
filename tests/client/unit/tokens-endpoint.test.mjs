import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askEndpoint, tokensFrom } from '../../../app/holdfast/web/client/tokens/endpoint.js';
import { fakeEnvironment, fakeToken, pass } from '../fakes.mjs';

const json = (body, init = {}) => new Response(JSON.stringify(body), { headers: { 'content-type': 'application/json' }, ...init });
const html = (status = 200) => new Response('<html>Welcome to the hotel</html>', { status, headers: { 'content-type': 'text/html' } });

/** What comes of an answer: what askEndpoint returns or rejects with. */
async function outcome(answer, changes = {}) {
  const requests = [];
  const fetch = async (url, init) => {
    requests.push({ url, ...init });
    return typeof answer === 'function' ? answer(init) : answer;
  };
  const environment = fakeEnvironment({ fetch, ...changes });
  const promise = askEndpoint({ environment, url: '/auth/refresh', body: {} });
  let found;
  promise.then((value) => (found = value), (error) => (found = error));
  for (let i = 0; i < 30 && found === undefined; i += 1) await pass(environment.clock, 500);
  return { found, requests, environment };
}

test('an answer is asked for once, without redirects and caches, and returned', async () => {
  const { found, requests } = await outcome(json({ token: 't', expires_in: 300, server_time: 1_800_000_001.5 }));

  assert.deepEqual(found, { token: 't', expires_in: 300, server_time: 1_800_000_001.5 });
  const [{ url, method, redirect, cache, credentials, headers }] = requests;
  assert.deepEqual([url, method, redirect, cache, credentials], ['https://app.example/auth/refresh', 'POST', 'manual', 'no-store', 'same-origin']);
  assert.equal(headers['content-type'], 'application/json');
  assert.equal(requests.length, 1);
});

test("the server's time comes from the Date header where the body has none", async () => {
  const headers = { 'content-type': 'application/json', date: 'Fri, 15 Jan 2027 08:00:00 GMT' };
  const { found } = await outcome(json({ token: 't' }, { headers }));

  assert.equal(found.server_time, 1_800_000_000);
});

test('each wrong answer has its cause', async () => {
  const opaque = { type: 'opaqueredirect', status: 0, headers: new Headers(), ok: false, text: async () => '' };
  const rows = [
    [() => new Response('', { status: 200 }), 'token_empty', 'stop'],
    [() => json(''), 'object', ''],
    [() => new Response('what?'), 'token_source_malformed', 'retry'],
    [() => json([1]), 'token_source_malformed', 'retry'],
    [() => html(), 'captive_portal', 'retry'],
    [() => html(500), 'token_source_failed', 'retry'],
    [() => html(503), 'upgrade_no_gateway', 'retry'],
    [() => json({}, { status: 500 }), 'token_source_failed', 'retry'],
    [() => json({ slug: 'too_many_requests' }, { status: 429 }), 'too_many_requests', 'retry'],
    [() => json({ error: 'no' }, { status: 401 }), 'login_required', 'login'],
    [() => json({ slug: 'of_somebody_else' }, { status: 403 }), 'login_required', 'login'],
    [() => json({ slug: 'session_ended' }, { status: 401 }), 'session_ended', 'login'],
    [() => json({}, { status: 404 }), 'token_source_failed', 'retry'],
    [() => opaque, 'login_required', 'login'],
    [() => new Response('', { status: 302 }), 'login_required', 'login'],
    [() => { throw new TypeError('Failed to fetch'); }, 'token_source_unreachable', 'retry'],
  ];
  for (const [answer, slug, action] of rows) {
    const { found } = await outcome(answer);

    if (slug === 'object') assert.equal(found.token, '');
    else assert.deepEqual([found.slug, found.action], [slug, action], String(answer));
  }
});

test('a redirect on a page without TLS is a captive portal', async () => {
  const { found } = await outcome(new Response('', { status: 302 }), { baseUrl: 'http://app.example/' });

  assert.equal(found.slug, 'captive_portal');
});

test('a device without a network says so', async () => {
  const fetch = async () => {
    throw new TypeError('Failed to fetch');
  };
  const { found } = await outcome(null, { fetch, isOnline: () => false });

  assert.equal(found.slug, 'offline');
});

test('a server that says nothing, or begins and never ends, is given up', async () => {
  const hang = (init) => new Promise((_, reject) => init.signal.addEventListener('abort', () => reject(init.signal.reason)));
  const stall = (init) => ({
    ok: true, status: 200, type: 'basic', headers: new Headers(), body: { getReader: () => ({ read: () => hang(init), cancel: async () => {} }) },
  });

  for (const answer of [hang, stall]) {
    const { found, environment } = await outcome(answer);

    assert.equal(found.slug, 'token_source_timeout');
    assert.equal(environment.clock.pending, 0);
  }
});

test('of an answer without an end no more is read than could make sense', async () => {
  let given = 0;
  const pull = (controller) => controller.enqueue(new Uint8Array(1_000_000).fill((given += 1) && 32));
  const { found } = await outcome(() => new Response(new ReadableStream({ pull })));

  assert.equal(found.slug, 'token_source_malformed');
  assert.ok(given < 10);
});

test('an answer that is no text is malformed', async () => {
  const { found } = await outcome(() => new Response(new Uint8Array([0xff, 0xfe])));

  assert.equal(found.slug, 'token_source_malformed');
});

test('Retry-After is understood in both of its forms, and bounded', async () => {
  const date = 'Fri, 15 Jan 2027 08:00:00 GMT';
  for (const [after, expected] of [['7', 7000], ['Fri, 15 Jan 2027 08:00:30 GMT', 30_000], ['999999', 3_600_000], ['soon', undefined], ['-1', undefined]]) {
    const { found } = await outcome(json({}, { status: 429, headers: { 'retry-after': after, date } }));

    assert.equal(found.retryAfter, expected, after);
  }
});

test("the server's words are kept, without what could be a token", async () => {
  const token = fakeToken({ sub: 'anna' });
  const body = { slug: 'too_many_requests', message: `Slow down, ${token}.`, remedy: 'Wait.', detail: `for ${token}` };
  const { found } = await outcome(json(body, { status: 429 }));

  assert.equal(found.remedy, 'Wait.');
  assert.ok(!`${found.message}${found.detail}${found.meaning}`.includes(token.slice(0, 20)));
});

test('tokensFrom is a getToken for an endpoint of the application', async () => {
  const fetch = async (url, { method, headers }) => json({ token: `${method} ${url} ${headers['x-csrf']}`, expires_in: 60 });
  const getToken = tokensFrom({ environment: fakeEnvironment({ fetch }), url: '/api/token', method: 'GET', headers: { 'x-csrf': '1' } });

  assert.equal(getToken.share, '/api/token');
  assert.equal((await getToken({ reason: 'first', signal: new AbortController().signal })).token, 'GET https://app.example/api/token 1');
});
