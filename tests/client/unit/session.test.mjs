import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { Session } from '../../../app/holdfast/web/client/session.js';
import { fakeEnvironment, FakeTransport, settle } from '../fakes.mjs';

const TIMEOUTS = { handshakeTimeout: 1000, connectTimeout: 2000, commandTimeout: 3000, maxServerPingDelay: 10_000 };

let environment;
let told;

const open = () => {
  const plan = { cid: 'ab', transport: 'websocket', maker: FakeTransport.make, target: {}, connect: () => ({ name: 'js' }), timeouts: TIMEOUTS };
  const session = new Session(plan, environment, {
    onConnected: (_session, reply) => told.push(['connected', reply.client]),
    onPush: (_session, push) => told.push(['push', push]),
    onEnd: (_session, ending) => told.push(['end', ending.slug ?? ending.code]),
    onPing: () => told.push(['ping']),
  });
  session.open();
  return { session, transport: FakeTransport.made.at(-1) };
};

const connected = async (reply) => {
  const made = open();
  made.transport.connect(reply);
  await settle();
  told = [];
  return made;
};

beforeEach(() => {
  environment = fakeEnvironment();
  FakeTransport.made = [];
  told = [];
});

test('the connect command goes first, and its reply makes the session connected', async () => {
  const { session, transport } = open();
  assert.deepEqual(transport.first, [{ id: 1, connect: { name: 'js' } }]);
  assert.equal(session.isConnected, false);
  transport.connect();
  await settle();

  assert.deepEqual(told, [['connected', 'c1']]);
  assert.deepEqual([session.isConnected, session.client], [true, 'c1']);
});

test('no open transport, and no connect reply, in time end the attempt by name', async () => {
  open();
  await environment.clock.advance(1000);
  const { transport } = open();
  transport.events.onOpen();
  await environment.clock.advance(2000);

  assert.deepEqual(told, [['end', 'open_timeout'], ['end', 'connect_timeout']]);
  assert.equal(environment.clock.pending, 0);
});

test('a connect that is refused ends with the number and the slug of the error', async () => {
  const { transport } = open();
  const endings = [];
  transport.events.onOpen();
  transport.events.onMessages([{ id: 1, error: { code: 109, message: 'token_expired' } }]);
  await settle();

  assert.deepEqual(told, [['end', 109]]);
  assert.deepEqual(transport.closedWith, { code: undefined, reason: undefined });
  assert.deepEqual(endings, []);
});

test('a ping is answered where the server wants it, and only there', async () => {
  const { transport } = await connected();
  transport.events.onMessages([{}]);
  assert.deepEqual(transport.take(), [{}]);
  const silent = await connected({ pong: false });
  silent.transport.events.onMessages([{}]);

  assert.deepEqual(silent.transport.take(), []);
});

test('a dead peer is found within the ping interval and what it may be late', async () => {
  const { transport } = await connected({ ping: 25 });
  await environment.clock.advance(20_000);
  transport.events.onMessages([{}]);
  await environment.clock.advance(34_999);
  assert.deepEqual(told, [['ping']]);
  await environment.clock.advance(1);

  assert.deepEqual(told.at(-1), ['end', 'pings_missing']);
  assert.deepEqual(transport.closedWith, { code: 4000, reason: 'pings_missing' });
});

test('where nobody pings, silence is no death', async () => {
  await connected({ ping: 0 });
  await environment.clock.advance(1e9);

  assert.deepEqual(told, []);
});

test('a request has the result of its reply; when the connection breaks its outcome is unknown', async () => {
  const { session, transport } = await connected();
  const answered = session.request('publish', { channel: 'a' });
  const open = assert.rejects(session.request('rpc', {}), { slug: 'outcome_unknown' });
  assert.deepEqual(transport.take(), [{ id: 2, publish: { channel: 'a' } }, { id: 3, rpc: {} }]);
  transport.events.onMessages([{ id: 2, publish: {} }]);
  assert.deepEqual(await answered, {});
  transport.events.onEnd({ code: 1006, reason: '', wasOpen: true });
  await open;

  await assert.rejects(session.request('publish', {}), { slug: 'connection_cut' });
  assert.equal(environment.clock.pending, 0);
});

test('whoever awaits a reply goes on before what follows it in the same frame', async () => {
  const { session, transport } = await connected();
  const order = [];
  session.request('subscribe', { channel: 'a' }).then(() => order.push(told.length));
  transport.events.onMessages([{ id: 2, subscribe: {} }, { push: { channel: 'a', pub: { data: 1 } } }]);
  await settle();

  assert.deepEqual(order, [0]);
  assert.deepEqual(told, [['push', { channel: 'a', pub: { data: 1 } }]]);
});

test('what came before the end is told before the end', async () => {
  const { transport } = await connected();
  transport.events.onMessages([{ push: { a: 1 } }, { id: 1 }, { push: { b: 2 } }]);
  transport.events.onEnd({ code: 1006, reason: '', wasOpen: true });

  assert.deepEqual(told, [['push', { a: 1 }], ['push', { b: 2 }], ['end', 1006]]);
});

test('commands of one step leave together', async () => {
  const { session, transport } = await connected();
  session.together(() => {
    session.notify('send', { data: 1 });
    session.notify('send', { data: 2 });
  });

  assert.deepEqual(transport.sent, [[{ send: { data: 1 } }, { send: { data: 2 } }]]);
});

test('a disconnect push ends the session with its code', async () => {
  const { transport } = await connected();
  transport.events.onMessages([{ push: { disconnect: { code: 3001, reason: 'shutdown' } } }, { push: { late: 1 } }]);

  assert.deepEqual(told, [['end', 3001]]);
});

test('a hostile server ends in a named cause, once', async () => {
  const hostile = [
    [{ id: 99, publish: {} }], [{ id: 'x' }], [{ id: null }],
    [{ push: { disconnect: { code: {}, reason: [] } } }],
  ];
  for (const messages of hostile) {
    told = [];
    const { transport } = await connected();
    transport.events.onMessages(messages);
    transport.events.onMessages([{ push: {} }]);
    await settle();

    assert.equal(told.length, 1, JSON.stringify(messages));
    assert.equal(told[0][0], 'end');
  }
  assert.equal(environment.clock.pending, 0);
});

test('a push before the connect reply, and a reply that is none, are malformed', async () => {
  for (const message of [{ push: { pub: {} } }, { id: 1, connect: 5 }, { id: 1, connect: 'yes' }]) {
    told = [];
    const { transport } = open();
    transport.events.onOpen();
    transport.events.onMessages([message]);
    await settle();

    assert.deepEqual(told, [['end', 'message_malformed']], JSON.stringify(message));
  }
});

test('after sleep a check finds a dead connection quickly, and a live one stays', async () => {
  const live = await connected();
  void live.session.check(4000);
  const [{ id }] = live.transport.take();
  live.transport.events.onMessages([{ id, error: { code: 108, message: 'not_available' } }]);
  await environment.clock.advance(5000);
  assert.deepEqual(told, []);
  const dead = await connected();
  void dead.session.check(4000);
  await environment.clock.advance(4000);

  assert.deepEqual(told, [['end', 'pings_missing']]);
});

test('any sign of life passes the check', async () => {
  const { session, transport } = await connected();
  void session.check(4000);
  await environment.clock.advance(1000);
  transport.events.onMessages([{}]);
  await environment.clock.advance(4000);

  assert.deepEqual(told, [['ping']]);
});

test('what a session of the past is told is dropped', async () => {
  const { session, transport } = await connected();
  session.close(1000, '');
  transport.events.onMessages([{}, { push: {} }, { id: 1 }]);
  transport.events.onEnd({ code: 1006, reason: '', wasOpen: true });
  session.close();
  await settle();

  assert.deepEqual(told, [['end', 1000]]);
});
