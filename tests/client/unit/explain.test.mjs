import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorOf } from '../../../app/holdfast/web/client/errors.js';
import { explain } from '../../../app/holdfast/web/client/explain.js';
import { fakeEnvironment, fakeToken, pass } from '../fakes.mjs';

const CID = '0123456789abcdef0123456789abcdef';
const json = (body, status = 200) => new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } });
const html = (status) => new Response('<html>', { status, headers: { 'content-type': 'text/html; charset=utf-8' } });

/** Ask, with these answers in turn; the last one again and again. */
async function asked(answers, { known = 'open_failed', endpoints = {}, hasConnected = false, ...changes } = {}) {
  const requests = [];
  const fetch = async (url, init) => {
    requests.push({ url, ...init });
    const answer = answers[Math.min(requests.length, answers.length) - 1];
    return typeof answer === 'function' ? answer(init) : answer;
  };
  const environment = fakeEnvironment({ fetch, ...changes });
  const explained = [];
  const learnt = [];
  let error;
  explain({
    endpoints: { websocket: 'wss://app.example/connection/websocket?token=secret', explain: 'https://app.example/connection/explain', ...endpoints },
    session: { cid: CID },
    hasConnected,
    error: errorOf({ slug: known, attempt: CID }),
    turn: { explained: (session, slug) => explained.push(slug) },
    vitals: { load: async () => ({ trouble: { learn: (...facts) => learnt.push(facts) } }) },
    environment,
  }).then((found) => (error = found));
  for (let i = 0; i < 30 && error === undefined; i += 1) await pass(environment.clock, 500);
  return { error, requests, environment, explained, learnt };
}

test('the real cause comes with its words and the token for log lines', async () => {
  const body = { slug: 'origin_not_allowed', number: 1910, meaning: 'm', detail: 'came https://evil.example', remedy: 'Allow it.', log_token: 'once-only-secret' };
  const { error, requests, learnt, explained } = await asked([json(body)]);

  assert.deepEqual([error.slug, error.number, error.action, error.isFinal], ['origin_not_allowed', 1910, 'stop', true]);
  assert.deepEqual([error.detail, error.remedy, error.attempt], ['came https://evil.example', 'Allow it.', CID]);
  assert.deepEqual([learnt, explained], [[[CID, 'once-only-secret']], ['origin_not_allowed']]);
  assert.ok(!JSON.stringify(error).includes('once-only') && !Object.keys(error).includes('logToken'));
  const [{ url, credentials, redirect }] = requests;
  assert.deepEqual([url, credentials, redirect], [`https://app.example/connection/explain?cid=${CID}`, 'omit', 'manual']);
});

test('an attempt that is not known at first is asked for once more', async () => {
  const unknown = () => json({ slug: 'unknown_attempt' }, 404);
  const late = await asked([unknown, () => json({ slug: 'accept_rate' })]);
  const never = await asked([unknown]);

  assert.deepEqual([late.error.slug, late.requests.length], ['accept_rate', 2]);
  assert.deepEqual([never.error.slug, never.error.action, never.requests.length], ['unknown_attempt', 'retry', 2]);
});

test('what keeps only WebSockets out does not stop the client', async () => {
  assert.equal((await asked([json({ slug: 'upgrade_stripped' })])).error.action, 'retry');
  assert.equal((await asked([json({ slug: 'url_too_long' })])).error.action, 'stop');
});

test('who answers in place of the gateway is told apart', async () => {
  const opaque = { type: 'opaqueredirect', status: 0, headers: new Headers() };
  const rows = [
    [() => html(403), 'captive_portal'], [() => html(511), 'captive_portal'], [() => opaque, 'captive_portal'],
    [() => new Response('', { status: 302 }), 'captive_portal'],
    [() => html(502), 'upgrade_no_gateway'], [() => new Response('', { status: 504 }), 'upgrade_no_gateway'],
    [() => json({ slug: 'rate_limited' }, 429), 'open_failed'],
    [() => new Response('hello'), 'answer_malformed'], [() => json([7]), 'answer_malformed'],
    [() => json({ slug: 7 }), 'answer_malformed'], [() => { throw new TypeError('Failed to fetch'); }, 'server_unreachable'],
  ];
  for (const [answer, slug] of rows) {
    const { error, environment } = await asked([answer]);

    assert.deepEqual([error.slug, error.isTemporary], [slug, true], String(answer));
    assert.equal(environment.clock.pending, 0);
  }
});

test('an answer that never comes, or never ends, is given up', async () => {
  const hang = (init) => new Promise((_, reject) => init.signal.addEventListener('abort', () => reject(init.signal.reason)));
  const stall = (init) => ({ status: 200, type: 'basic', headers: new Headers(), body: { getReader: () => ({ read: () => hang(init), cancel: async () => {} }) } });

  assert.equal((await asked([hang])).error.slug, 'server_unreachable');
  assert.equal((await asked([stall])).error.slug, 'server_unreachable');
});

test('of an answer without an end no more is read than could make sense', async () => {
  let given = 0;
  const pull = (controller) => controller.enqueue(new Uint8Array(1_000_000).fill((given += 1) && 32));

  assert.equal((await asked([() => new Response(new ReadableStream({ pull }))])).error.slug, 'answer_malformed');
  assert.ok(given < 10);
});

test('an answer that is no text makes no sense', async () => {
  assert.equal((await asked([() => new Response(new Uint8Array([0xff, 0xfe]))])).error.slug, 'answer_malformed');
});

test('a device without a network asks nobody', async () => {
  const { error, requests } = await asked([json({})], { isOnline: () => false });

  assert.deepEqual([error.slug, requests.length], ['offline', 0]);
});

test('an attempt that the gateway calls well was cut on its way back', async () => {
  const { error } = await asked([json({ slug: 'ok', state: 'live' })]);

  assert.equal(error.slug, 'connection_cut');
  assert.match(error.detail, /live/);
});

test('a cause that this client does not know keeps its slug and words', async () => {
  const { error } = await asked([json({ slug: 'moon_too_bright', meaning: 'Full moon.', remedy: 'Wait.' })]);

  assert.deepEqual([error.slug, error.action, error.meaning], ['moon_too_bright', 'retry', 'Full moon.']);
});

test('no token gets from an answer into the error', async () => {
  const token = fakeToken({ sub: 'anna' });
  const { error } = await asked([json({ slug: 'token_expired', detail: `came ${token}`, remedy: token, meaning: token })]);

  assert.ok(!`${error.message}${error.detail}${error.remedy}${error.meaning}`.includes(token.slice(0, 20)));
});

test('a wrong path is said as such, on the console as well, and stops nobody', async () => {
  const rows = [
    [[json({ slug: 'not_found', meaning: 'Nothing here.', remedy: 'Look.' })], 'not_found'],
    [[json({ slug: 'not_found', message: 'Nothing here.', remedy: 'Look.' }, 404)], 'not_found'],
    [[json({}, 404)], 'path_not_found'],
    [[() => html(404)], 'path_not_found'],
    [[() => html(200)], 'path_not_found'], // such as the start page of an application that takes all paths
  ];
  for (const [answers, slug] of rows) {
    const { error, environment } = await asked(answers);

    assert.deepEqual([error.slug, error.isTemporary, error.isFinal], [slug, true, false]);
    assert.match(error.detail, /wss:\/\/app\.example\/connection\/websocket$/);
    assert.equal(environment.warnings.length, 1);
    assert.match(environment.warnings[0], slug === 'not_found' ? /Nothing here\. Look\./ : /no such path.*Correct/);
  }
});

test('a server that has no explanations, or a proxy that does not pass them on, says nothing of the path', async () => {
  const inTheWay = () => json({ slug: 'upgrade_required' }, 426);

  assert.equal((await asked([json({}, 404), inTheWay])).error.slug, 'open_failed');
  assert.equal((await asked([() => html(200), inTheWay])).error.slug, 'open_failed');
});

test('without encryption a page of HTML may be that of a network that wants a login', async () => {
  const plain = { websocket: 'ws://app.example/ws', explain: 'http://app.example/explain' };
  const own = { websocket: 'ws://localhost:5173/ws', explain: 'http://localhost:5173/explain' };

  assert.equal((await asked([() => html(200)], { endpoints: plain, baseUrl: 'http://app.example/' })).error.slug, 'captive_portal');
  assert.equal((await asked([() => html(200)], { hasConnected: true })).error.slug, 'captive_portal'); // the address was right
  assert.equal((await asked([() => html(200)], { endpoints: own, baseUrl: 'http://localhost:5173/' })).error.slug, 'path_not_found');
});

test('an address without encryption on a page with it is a mistake that no attempt mends', async () => {
  const endpoints = { websocket: 'ws://app.example/ws', explain: 'http://app.example/explain' };
  const { error } = await asked([() => { throw new TypeError('Failed to fetch'); }], { endpoints });

  assert.deepEqual([error.slug, error.number, error.isFinal, error.detail], ['mixed_content', 23, true, 'ws://app.example/ws']);
});

test('what the transport has found is kept where nobody knows more', async () => {
  const busy = [() => json({ slug: 'rate_limited' }, 429)];

  assert.equal((await asked(busy, { known: 'open_timeout' })).error.slug, 'open_timeout');
  assert.equal((await asked([json({ slug: 'accept_rate' })], { known: 'open_timeout' })).error.slug, 'accept_rate');
});
