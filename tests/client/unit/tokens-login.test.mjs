import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loginTokens } from '../../../app/holdfast/web/client/tokens/login.js';
import '../../../app/holdfast/web/client/tokens/shared.js'; // which the source loads when it needs it
import { TokenSource } from '../../../app/holdfast/web/client/tokens/source.js';
import { fakeChannels, fakeEnvironment, fakeToken, pass, settle } from '../fakes.mjs';

const NOW = 1_800_000_000;
const ANNA = { id: '7', name: 'anna' };
const granted = (changes = {}) => ({ token: fakeToken({ sub: '7', exp: NOW + 300 }), expires_in: 300, server_time: NOW, user: ANNA, ...changes });
const CONTEXT = { reason: 'first', signal: new AbortController().signal };

/** A login whose server answers by path; an answer is [status, body]. */
function loginOf(answers = {}, changes = {}) {
  const requests = [];
  const notices = [];
  const events = [];
  const environment = fakeEnvironment({
    fetch: async (url, { method, body, credentials }) => {
      const what = new URL(url).pathname.split('/').at(-1);
      requests.push({ what, query: new URL(url).search, method, body, credentials });
      const answer = answers[what];
      if (answer === undefined) throw new TypeError('Failed to fetch');
      const [status, content] = typeof answer === 'function' ? answer() : answer;
      return new Response(status === 204 ? null : JSON.stringify(content), { status, headers: { 'content-type': 'application/json' } });
    },
    ...changes,
  });
  const auth = loginTokens({ environment });
  auth.addEventListener('notice', ({ detail }) => notices.push(detail.error.slug));
  for (const name of ['signedin', 'signedout']) auth.addEventListener(name, () => events.push(name));
  return { auth, environment, requests, notices, events };
}

/** A service as attach() sees it. */
function serviceOf() {
  const service = new EventTarget();
  service.calls = [];
  service.connect = () => service.calls.push('connect');
  service.disconnect = () => service.calls.push('disconnect');
  service.askForLogin = (slug) => service.dispatchEvent(new CustomEvent('login', { detail: { error: { slug } } }));
  return service;
}

test('the token of a login is used before any refresh', async () => {
  const { auth, requests } = loginOf({ login: [200, granted()], refresh: [200, granted({ expires_in: 299 })] });

  assert.deepEqual(await auth.login('anna', 'secret'), ANNA);
  assert.equal((await auth.getToken(CONTEXT)).expires_in, 300);
  assert.equal((await auth.getToken(CONTEXT)).expires_in, 299);
  assert.deepEqual(requests.map(({ what, method }) => `${method} ${what}`), ['POST login', 'POST refresh']);
});

test('a first visit is asked about quietly, and is one of nobody', async () => {
  const { auth, requests, notices } = loginOf({ session: [200, { user: null, server_time: NOW }], refresh: [200, { user: null, server_time: NOW }] });

  assert.equal(await auth.session(), null);
  await assert.rejects(auth.getToken(CONTEXT), { slug: 'session_missing', action: 'login' });
  assert.deepEqual(requests.map(({ query }) => query), ['?quiet', '?quiet']);
  assert.deepEqual(notices, ['session_missing']);
});

test('the cookies of a gateway with an origin of its own are sent and kept', async () => {
  const { auth, requests } = loginOf({ login: [200, granted()], session: [200, { user: ANNA }] });
  await auth.login('anna', 'secret');
  await auth.session();

  assert.deepEqual(requests.map(({ what, credentials }) => `${what} ${credentials}`), ['login include', 'session include']);
});

test('a token source learns the clock from the login, however late it asks', async () => {
  const { auth, environment } = loginOf({ login: [200, granted({ server_time: NOW + 3600 })] });
  await auth.login('anna', 'secret');
  environment.clock.time += 60_000;
  const source = new TokenSource({ environment, getToken: auth.getToken });
  source.obtain('first').catch(() => {});
  await pass(environment.clock, 500);

  assert.ok(Math.abs(source.clock.now() - (NOW + 3660)) < 2, String(source.clock.now() - NOW));
});

test('what goes wrong with a login is told by its slug', async () => {
  const rows = [[{ login: [401, {}] }, 'login_required'], [{ login: [503, {}] }, 'token_source_failed'], [{}, 'token_source_unreachable']];
  for (const [answers, slug] of rows) {
    const { auth, notices } = loginOf(answers);

    await assert.rejects(auth.login('anna', 'wrong'), { slug });
    assert.deepEqual(notices, [slug]);
  }
});

test('a refresh that may pass is the business of the service, an ended session is a notice', async () => {
  const down = loginOf();
  await assert.rejects(down.auth.getToken(CONTEXT), { action: 'retry' });
  const ended = loginOf({ refresh: [401, { slug: 'session_ended' }] });
  await assert.rejects(ended.auth.getToken(CONTEXT), { action: 'login' });

  assert.deepEqual([down.notices.length, ended.notices.length], [0, 1]);
});

test('a session that is not there is null, not an error', async () => {
  assert.equal(await loginOf({ session: [401, { slug: 'session_missing' }] }).auth.session(), null);
  assert.deepEqual((await loginOf({ session: [200, { user: ANNA }] }).auth.session()).user, ANNA);
  await assert.rejects(loginOf().auth.session(), { slug: 'token_source_unreachable' });
});

test('after a logout no token comes, here and in the other tabs, until somebody logs in', async () => {
  const { Channel } = fakeChannels();
  const answers = { login: [200, granted()], refresh: [200, granted()], logout: [204] };
  const one = loginOf(answers, { BroadcastChannel: Channel });
  const two = loginOf(answers, { BroadcastChannel: Channel });
  await one.auth.login('anna', 'secret');
  await settle();
  await two.auth.getToken(CONTEXT);

  await one.auth.logout();
  await settle();

  await assert.rejects(one.auth.getToken(CONTEXT), { slug: 'login_required', action: 'login' });
  await assert.rejects(two.auth.getToken(CONTEXT), { slug: 'signed_out_elsewhere', action: 'login' });
  assert.deepEqual(two.notices, ['signed_out_elsewhere']);
  await two.auth.login('anna', 'secret');
  await settle();
  assert.ok((await one.auth.getToken(CONTEXT)).token);
});

test('a logout everywhere says so', async () => {
  const { auth, requests } = loginOf({ logout: [204] });
  await auth.logout({ everywhere: true });

  assert.deepEqual(JSON.parse(requests[0].body), { everywhere: true });
});

test('a logout that did not reach the server is none', async () => {
  const { auth, events } = loginOf({ refresh: [200, granted()] });
  await assert.rejects(auth.logout(), { slug: 'token_source_unreachable' });

  assert.deepEqual(events, []);
  assert.ok((await auth.getToken(CONTEXT)).token);
});

test('a logout of a session that has ended already is one', async () => {
  const { auth, events, notices } = loginOf({ logout: [401, { slug: 'session_ended' }] });
  await auth.logout();

  assert.deepEqual([events, notices], [['signedout'], ['login_required']]);
});

test('another user in another tab means other tokens', async () => {
  const { Channel } = fakeChannels();
  const one = loginOf({ refresh: [200, granted()] }, { BroadcastChannel: Channel });
  const two = loginOf({ login: [200, granted({ user: { id: '8', name: 'bob' } })] }, { BroadcastChannel: Channel });
  await one.auth.getToken(CONTEXT);
  const before = one.auth.getToken.generation();
  await two.auth.login('bob', 'secret');
  await settle();

  assert.notEqual(one.auth.getToken.generation(), before);
  assert.deepEqual(one.events, ['signedin']);
});

test('the same user in another tab changes nothing', async () => {
  const { Channel } = fakeChannels();
  const answers = { refresh: [200, granted()], login: [200, granted()] };
  const one = loginOf(answers, { BroadcastChannel: Channel });
  const two = loginOf(answers, { BroadcastChannel: Channel });
  await one.auth.getToken(CONTEXT);
  await two.auth.login('anna', 'secret');
  await settle();

  assert.deepEqual(one.events, []);
});

test('a wrong clock of the device is told once', async () => {
  const { auth, notices } = loginOf({ refresh: () => [200, granted({ server_time: NOW - 4000 })] });
  await auth.getToken(CONTEXT);
  await auth.getToken(CONTEXT);

  assert.deepEqual(notices, ['clock_wrong']);
});

test('an attached service goes by the login', async () => {
  const { Channel } = fakeChannels();
  const one = loginOf({}, { BroadcastChannel: Channel, href: 'https://app.example/room?a=1#x' });
  const two = loginOf({ login: [200, granted()], logout: [204] }, { BroadcastChannel: Channel });
  one.environment.href = 'https://app.example/room?a=1#x';
  const service = serviceOf();
  const detach = one.auth.attach(service);

  await two.auth.login('anna', 'secret');
  await settle();
  assert.deepEqual(service.calls.splice(0), ['disconnect', 'connect']);
  await two.auth.logout();
  await settle();
  assert.deepEqual(service.calls, ['disconnect']);
  assert.deepEqual(one.environment.visited, ['https://app.example/login?return=%2Froom%3Fa%3D1%23x&reason=signed_out_elsewhere']);

  detach();
  service.askForLogin('login_required');
  assert.equal(one.environment.visited.length, 1);
});

test('an attached service is sent to the login twice at most, and then told of the loop', async () => {
  const { auth, environment, notices } = loginOf();
  environment.href = 'https://app.example/room';
  const service = serviceOf();
  auth.attach(service);
  for (let i = 0; i < 5; i += 1) service.askForLogin('login_required');

  assert.equal(environment.visited.length, 2);
  assert.deepEqual(notices, ['login_loop', 'login_loop', 'login_loop']);
});

test('a refresh that works makes the next way to the login the first again', async () => {
  const { auth, environment, notices } = loginOf({ refresh: [200, granted()] });
  environment.href = 'https://app.example/room';
  const service = serviceOf();
  auth.attach(service);
  for (let i = 0; i < 4; i += 1) {
    service.askForLogin('login_required');
    await auth.getToken(CONTEXT);
  }

  assert.deepEqual([environment.visited.length, notices.length], [4, 0]);
});

test('the password is nowhere but in the request', async () => {
  const { auth } = loginOf({ login: [500, { detail: 'no' }] });
  const error = await auth.login('anna', 'hunter2-secret').catch((one) => one);

  assert.ok(!`${error.stack}${JSON.stringify(error)}${JSON.stringify(auth)}`.includes('hunter2'));
});

test('a closed login hears nothing any more', async () => {
  const channels = fakeChannels();
  const { auth } = loginOf({}, { BroadcastChannel: channels.Channel });
  auth.close();

  assert.equal(channels.open.size, 0);
});
