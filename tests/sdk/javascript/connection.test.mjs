// Connecting, tokens and their refresh, goodbyes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  api, call, client, connect, event, network, now, pause, token, transport, unique, until, UnauthorizedError,
} from './support.mjs';

/** Connect with a token that must end the client for good, and return the code and reason. */
async function refused(t, given) {
  const centrifuge = client(t, { token: given });
  const ended = event(centrifuge, 'disconnected');
  centrifuge.connect();
  const { code, reason } = await ended;
  return { code, reason };
}

test('a token connects', async (t) => {
  const ctx = await connect(client(t, { token: token() }));

  assert.ok(ctx.client.length > 8);
  assert.equal(ctx.transport, transport);
});

test('getToken alone connects', async (t) => {
  let asked = 0;
  const getToken = async () => {
    asked += 1;
    return token();
  };
  await connect(client(t, { getToken }));

  assert.equal(asked, 1);
});

test('an expired token is replaced through getToken', async (t) => {
  const centrifuge = client(t, { token: token({ exp: now() - 60 }), getToken: async () => token() });
  const error = event(centrifuge, 'error');
  await connect(centrifuge);

  assert.equal((await error).error.code, 109);
  assert.equal((await error).error.message, 'token_expired');
});

test('an expired token without getToken ends unauthorized', async (t) => {
  const centrifuge = client(t, { token: token({ exp: now() - 60 }) });
  const ended = event(centrifuge, 'disconnected');
  centrifuge.connect();

  assert.equal((await ended).reason, 'unauthorized');
});

test('a token not yet valid is replaced through getToken', async (t) => {
  const centrifuge = client(t, { token: token({ nbf: now() + 60 }), getToken: async () => token() });
  const error = event(centrifuge, 'error');
  await connect(centrifuge);

  assert.equal((await error).error.message, 'token_not_yet_valid');
});

test('a malformed token ends for good', async (t) => {
  assert.deepEqual(await refused(t, 'not-a-token'), { code: 3500, reason: 'token_malformed' });
});

test('a wrongly signed token ends for good', async (t) => {
  const forged = token({}, 'another-secret-of-at-least-thirty-two-bytes');

  assert.deepEqual(await refused(t, forged), { code: 3500, reason: 'token_wrong_signature' });
});

test('a missing token ends for good', async (t) => {
  assert.deepEqual(await refused(t, ''), { code: 3501, reason: 'token_missing' });
});

test('an empty token ends for good', async (t) => {
  assert.deepEqual(await refused(t, 'undefined'), { code: 3501, reason: 'token_empty' });
});

test('a getToken that says unauthorized ends for good', async (t) => {
  const getToken = async () => {
    throw new UnauthorizedError();
  };
  const centrifuge = client(t, { getToken });
  const ended = event(centrifuge, 'disconnected');
  centrifuge.connect();

  assert.equal((await ended).code, 1);
});

test('a token is refreshed in band', async (t) => {
  let asked = 0;
  const getToken = async () => {
    asked += 1;
    return token({ exp: now() + 3 });
  };
  const centrifuge = client(t, { getToken });
  const { client: id } = await connect(centrifuge);
  let reconnects = 0;
  centrifuge.on('connecting', () => (reconnects += 1));
  await until(() => asked >= 3, 'the third token');
  await pause(500);

  assert.equal(reconnects, 0);
  assert.equal(centrifuge.state, 'connected');
  const presence = await api('info', {});
  assert.ok(presence.nodes.length === 1 && id);
});

test('a refresh with the token of another user ends for good', async (t) => {
  const tokens = [token({ exp: now() + 3 }), token({ sub: 'mallory' })];
  const centrifuge = client(t, { getToken: async () => tokens.shift() });
  const ended = event(centrifuge, 'disconnected');
  await connect(centrifuge);

  assert.equal((await ended).code, 3500);
  assert.equal((await ended).reason, 'token_wrong_user');
});

test('a refresh with an expired token reconnects with a fresh one', async (t) => {
  const tokens = [token({ exp: now() + 3 }), token({ exp: now() - 60 })];
  const centrifuge = client(t, { getToken: async () => tokens.shift() ?? token() });
  await connect(centrifuge);
  await event(centrifuge, 'connecting');
  await event(centrifuge, 'connected');

  assert.equal(centrifuge.state, 'connected');
});

test('pings keep an idle connection', async (t) => {
  const centrifuge = client(t, { token: token(), maxServerPingDelay: 1500 });
  await connect(centrifuge);
  let reconnects = 0;
  centrifuge.on('connecting', () => (reconnects += 1));
  await pause(5000);

  assert.equal(reconnects, 0);
});

test('a silent network is noticed by the client', async (t) => {
  const line = await network(t);
  const centrifuge = client(t, { token: token(), maxServerPingDelay: 300 }, line.url);
  await connect(centrifuge);
  const lost = event(centrifuge, 'connecting');
  line.stall();

  assert.equal((await lost).reason, 'no ping');
  await event(centrifuge, 'connected');
});

test('a disconnect by the API is final without a code', async (t) => {
  const user = unique('user');
  const centrifuge = client(t, { token: token({ sub: user }) });
  await connect(centrifuge);
  const ended = event(centrifuge, 'disconnected');
  await api('disconnect', { user });

  assert.equal((await ended).code, 3503);
});

test('a disconnect by the API with a code below 4500 reconnects', async (t) => {
  const user = unique('user');
  const centrifuge = client(t, { token: token({ sub: user }) });
  await connect(centrifuge);
  const lost = event(centrifuge, 'connecting');
  await api('disconnect', { user, disconnect: { code: 4003, reason: 'moved' } });
  const ctx = await lost;

  assert.equal(ctx.code, 4003);
  assert.equal(ctx.reason, 'moved');
  await event(centrifuge, 'connected');
});

test('a disconnect by the API with a code from 4500 on is final', async (t) => {
  const user = unique('user');
  const centrifuge = client(t, { token: token({ sub: user }) });
  await connect(centrifuge);
  const ended = event(centrifuge, 'disconnected');
  await api('disconnect', { user, disconnect: { code: 4503, reason: 'banned' } });

  assert.equal((await ended).code, 4503);
  assert.equal((await ended).reason, 'banned');
});

test('a final goodbye is told although a later command is answered before it', async (t) => {
  const user = unique('user');
  // As behind a proxy that is slow with the stream: whatever it says comes later than answers on other connections.
  const late = async (url, options) => {
    const response = await fetch(url, options);
    if (String(url).endsWith('/emulation')) return response;
    const delay = new TransformStream({
      transform: async (chunk, onwards) => {
        await pause(200);
        onwards.enqueue(chunk);
      },
    });
    return new Response(response.body.pipeThrough(delay), response);
  };
  const centrifuge = client(t, { token: token({ sub: user }), fetch: late });
  await connect(centrifuge);
  const ended = event(centrifuge, 'disconnected');
  await api('disconnect', { user, disconnect: { code: 4503, reason: 'banned' } });
  await centrifuge.send({}).catch(() => {});

  assert.equal((await ended).code, 4503);
});

test('a disconnect by the API spares the whitelist', async (t) => {
  const user = unique('user');
  const [kept, gone] = [client(t, { token: token({ sub: user }) }), client(t, { token: token({ sub: user }) })];
  const { client: id } = await connect(kept);
  await connect(gone);
  const ended = event(gone, 'disconnected');
  await api('disconnect', { user, whitelist: [id] });
  await ended;

  assert.equal(kept.state, 'connected');
});

test('the API refuses the numbers of the gateway itself', async () => {
  const answer = await call('disconnect', { user: unique('user'), disconnect: { code: 4100, reason: 'mine' } });

  assert.equal(answer.error.code, 107);
});

test('a refresh by the API that says expired reconnects', async (t) => {
  const user = unique('user');
  const centrifuge = client(t, { token: token({ sub: user }) });
  await connect(centrifuge);
  const lost = event(centrifuge, 'connecting');
  await api('refresh', { user, expired: true });

  assert.equal((await lost).code, 3005);
  await event(centrifuge, 'connected');
});

test('rpc has nobody to answer it', async (t) => {
  const centrifuge = client(t, { token: token() });
  await connect(centrifuge);

  await assert.rejects(centrifuge.rpc('anything', {}), { code: 108, message: 'not_available' });
});
