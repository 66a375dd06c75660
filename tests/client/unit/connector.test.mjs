import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { Connector, newCid, VERSION } from '../../../app/holdfast/web/client/connector.js';
import { errorOf } from '../../../app/holdfast/web/client/errors.js';
import { endpointsOf, withDefaults } from '../../../app/holdfast/web/client/options.js';
import { fakeEnvironment, FakeWebSocket } from '../fakes.mjs';

const make = (options = {}, parts = {}) => {
  const environment = fakeEnvironment();
  const connector = new Connector({
    environment,
    options: withDefaults(options),
    endpoints: endpointsOf('/connection/websocket', {}, environment.baseUrl),
    tokens: { obtain: async (reason) => `a+b/${reason}` },
    turn: { next: async () => 'websocket' },
    connectSubs: () => ({}),
    ...parts,
  });
  return { connector, environment };
};

const EVENTS = { onConnected() {}, onPush() {}, onEnd() {} };
const attempt = (changes) => ({ cid: 'c'.repeat(32), tokenReason: 'first', signal: new AbortController().signal, ...changes });

const opened = async ({ connector }, changes) => {
  const session = await connector.prepare(attempt(changes), EVENTS);
  session.open();
  const [socket] = FakeWebSocket.made;
  socket.accept();
  return { url: new URL(socket.url), connect: socket.take()[0].connect };
};

test('the token travels in the connect command, and nowhere else', async () => {
  const { url, connect } = await opened(make(), { tokenReason: 'refused' });

  assert.equal(connect.token, 'a+b/refused');
  assert.deepEqual([...url.searchParams], [['cid', 'c'.repeat(32)]]);
  assert.deepEqual(connect.holdfast, { version: VERSION, cid: 'c'.repeat(32), can_migrate: true });
  assert.equal('subs' in connect || 'data' in connect, false);
});

test('on request the token travels in the URL alone, correctly encoded', async () => {
  const { url, connect } = await opened(make({ tokenIn: 'url' }));

  assert.equal(url.searchParams.get('token'), 'a+b/first');
  assert.equal('token' in connect, false);
});

test('positions of server-side subscriptions go along', async () => {
  const subs = { a: { recover: true, offset: 1, epoch: 'e' } };
  const { connect } = await opened(make({ data: 5 }, { connectSubs: () => subs }));

  assert.deepEqual([connect.subs, connect.data], [subs, 5]);
});

test('no token and no transport are named', async () => {
  const failing = { obtain: async () => Promise.reject(errorOf({ slug: 'login_required' })) };

  await assert.rejects(make({}, { tokens: failing }).connector.prepare(attempt(), EVENTS), { slug: 'login_required' });
  await assert.rejects(make({}, { turn: { next: async () => null } }).connector.prepare(attempt(), EVENTS), { slug: 'transport_unsupported' });
});

test('a part that does not load is named and told, unless nobody waits for it', async () => {
  const lacking = [];
  const turn = { next: async () => 'tcp', lacks: (name) => lacking.push(name) };
  const { connector } = make({}, { turn });
  const stop = new AbortController();
  await assert.rejects(connector.prepare(attempt(), EVENTS));
  const stopped = connector.prepare(attempt({ signal: stop.signal }), EVENTS);
  stop.abort();

  await assert.rejects(stopped);
  assert.deepEqual(lacking, ['tcp']);
});

test('a correlation id is 128 random bits', () => {
  const { environment } = make();

  assert.match(newCid(environment), /^[0-9a-f]{32}$/);
  assert.notEqual(newCid(environment), newCid(environment));
});

test('the version told to the server is that of the package', async () => {
  const text = await readFile(new URL('../../../app/holdfast/web/client/package.json', import.meta.url), 'utf8');

  assert.equal(VERSION, JSON.parse(text).version);
});
