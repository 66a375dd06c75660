// Client-side subscriptions: publish, history, presence, permissions, tokens, batching.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  api, client, connect, event, now, pause, publications, recording, subscribe, subscribed, subscription, token,
  unique, until,
} from './support.mjs';

/** Subscribe where that must fail for good, and return the code and reason. */
async function refused(t, channel, { claims = {}, ...options } = {}) {
  const centrifuge = client(t, { token: token(claims) });
  await connect(centrifuge);
  const sub = subscription(centrifuge, channel, options);
  const ended = event(sub, 'unsubscribed');
  sub.subscribe();
  const { code, reason } = await ended;
  return { code, reason };
}

test('a publication by the API arrives', async (t) => {
  const { seen, sub } = await subscribed(t, unique('chat:'));
  const arrived = event(sub, 'publication');
  await api('publish', { channel: sub.channel, data: { text: 'héllo ✓' }, tags: { lang: 'fr' } });
  await arrived;

  assert.equal(seen.length, 1);
  assert.deepEqual(seen[0].data, { text: 'héllo ✓' });
  assert.deepEqual(seen[0].tags, { lang: 'fr' });
  assert.equal(seen[0].offset, 1);
});

test('a broadcast arrives in each channel', async (t) => {
  const { sub, seen, centrifuge } = await subscribed(t, unique('chat:'));
  const other = subscription(centrifuge, unique('chat:'));
  const seenToo = publications(other);
  await subscribe(other);
  await api('broadcast', { channels: [sub.channel, other.channel], data: 7 });
  await until(() => seen.length && seenToo.length, 'both publications');

  assert.deepEqual([seen[0].data, seenToo[0].data], [7, 7]);
});

test('a publication by a client says who published', async (t) => {
  const channel = unique('chat:');
  const { seen } = await subscribed(t, channel);
  const { sub } = await subscribed(t, channel, { claims: { sub: 'bob', info: { name: 'Bob' } } });
  await sub.publish([1, null, 'x']);
  await until(() => seen.length, 'the publication');

  assert.deepEqual(seen[0].data, [1, null, 'x']);
  assert.equal(seen[0].info.user, 'bob');
  assert.deepEqual(seen[0].info.connInfo, { name: 'Bob' });
});

test('a publisher hears itself', async (t) => {
  const { sub, seen } = await subscribed(t, unique('chat:'));
  await sub.publish('me');
  await until(() => seen.length, 'the publication');

  assert.equal(seen[0].data, 'me');
});

test('a long publication comes back as it went', async (t) => {
  const { sub, seen } = await subscribed(t, unique('chat:'));
  const story = Array.from({ length: 500 }, (_, number) => ({ number, text: 'again and again' }));
  await sub.publish(story);
  await until(() => seen.length, 'the publication');

  assert.deepEqual(seen[0].data, story);
});

test('unsubscribing ends delivery and subscribing again resumes it', async (t) => {
  const { sub, seen, centrifuge } = await subscribed(t, unique('chat:'));
  sub.unsubscribe();
  await centrifuge.presenceStats(sub.channel).catch(() => {});
  await api('publish', { channel: sub.channel, data: 'unheard' });
  await subscribe(sub);
  await api('publish', { channel: sub.channel, data: 'heard' });
  await until(() => seen.length, 'the publication');

  assert.deepEqual(seen.map((ctx) => ctx.data), ['heard']);
});

test('history is read forwards, backwards and from a position', async (t) => {
  const { sub } = await subscribed(t, unique('chat:'));
  for (let n = 1; n <= 5; n += 1) await api('publish', { channel: sub.channel, data: n });
  const all = await sub.history({ limit: 100 });
  const { epoch } = all;
  const top = await sub.history();
  const page = await sub.history({ limit: 2, since: { offset: 1, epoch } });
  const newest = await sub.history({ limit: 2, reverse: true });
  const values = (result) => result.publications.map((pub) => pub.data);

  assert.deepEqual(values(all), [1, 2, 3, 4, 5]);
  assert.deepEqual([values(top), top.offset, top.epoch], [[], 5, epoch]);
  assert.deepEqual(values(page), [2, 3]);
  assert.deepEqual(values(newest), [5, 4]);
});

test('history since another epoch is unrecoverable', async (t) => {
  const { sub } = await subscribed(t, unique('chat:'));

  await assert.rejects(sub.history({ limit: 1, since: { offset: 0, epoch: 'gone' } }), {
    code: 112,
    message: 'unrecoverable_position',
  });
});

test('presence shows who is there', async (t) => {
  const channel = unique('chat:');
  const { sub, centrifuge } = await subscribed(t, channel, { claims: { sub: 'ann', info: { age: 3 } } });
  await subscribed(t, channel, { claims: { sub: 'bob' } });
  await subscribed(t, channel, { claims: { sub: 'bob' } });
  const { clients } = await sub.presence();
  const stats = await sub.presenceStats();
  const users = Object.values(clients).map((info) => info.user);

  assert.deepEqual(users.sort(), ['ann', 'bob', 'bob']);
  assert.deepEqual(Object.values(clients).find((info) => info.user === 'ann').connInfo, { age: 3 });
  assert.deepEqual(stats, { numClients: 3, numUsers: 2 });
  assert.equal(centrifuge.state, 'connected');
});

test('joins and leaves are told', async (t) => {
  const channel = unique('chat:');
  const { sub } = await subscribed(t, channel);
  const joined = event(sub, 'join', (ctx) => ctx.info.user === 'bob');
  const left = event(sub, 'leave', (ctx) => ctx.info.user === 'bob');
  const other = await subscribed(t, channel, { claims: { sub: 'bob' } });
  const joinedClient = (await joined).info.client;
  other.sub.unsubscribe();

  assert.equal((await left).info.client, joinedClient);
});

test('a lost connection leaves', async (t) => {
  const channel = unique('chat:');
  const { sub } = await subscribed(t, channel);
  const other = await subscribed(t, channel, { claims: { sub: 'bob' } });
  const left = event(sub, 'leave', (ctx) => ctx.info.user === 'bob');
  other.centrifuge.disconnect();
  await left;

  assert.deepEqual(await sub.presenceStats(), { numClients: 1, numUsers: 1 });
});

test('joins and leaves come only to those who ask', async (t) => {
  const channel = unique('asking:');
  const asking = await subscribed(t, channel, { joinLeave: true });
  const silent = await subscribed(t, channel);
  let told = 0;
  silent.sub.on('join', () => (told += 1));
  const joined = event(asking.sub, 'join', (ctx) => ctx.info.user === 'bob');
  await subscribed(t, channel, { claims: { sub: 'bob' } });
  await joined;

  assert.equal(told, 0);
});

test('what a channel does not allow is refused by name', async (t) => {
  const { sub } = await subscribed(t, unique('plain:'));
  const denied = { code: 103, message: 'permission_denied' };
  const missing = { code: 108, message: 'not_available' };

  await assert.rejects(sub.publish(1), denied);
  await assert.rejects(sub.history({ limit: 1 }), missing);
  await assert.rejects(sub.presence(), missing);
  await assert.rejects(sub.presenceStats(), missing);
});

test('an unknown namespace is refused by name', async (t) => {
  assert.deepEqual(await refused(t, 'nowhere:x'), { code: 102, reason: 'unknown_channel' });
});

test('a channel closed to clients is refused', async (t) => {
  assert.deepEqual(await refused(t, 'closed:x'), { code: 103, reason: 'permission_denied' });
});

test('a private channel needs a token', async (t) => {
  const channel = unique('$chat:');
  const refusal = await refused(t, channel);
  const { ctx } = await subscribed(t, channel, { token: token({ channel }) });

  assert.deepEqual(refusal, { code: 103, reason: 'subscription_token_missing' });
  assert.equal(ctx.channel, channel);
});

test('a token for another channel is refused', async (t) => {
  const other = token({ channel: '$chat:other' });

  assert.deepEqual(await refused(t, '$chat:mine', { token: other }), { code: 103, reason: 'subscription_token_wrong_channel' });
});

test('a token of another user is refused', async (t) => {
  const other = token({ sub: 'bob', channel: '$chat:mine' });

  assert.deepEqual(await refused(t, '$chat:mine', { token: other }), { code: 103, reason: 'subscription_token_wrong_user' });
});

test('a user limited channel admits its users alone', async (t) => {
  const channel = `dialog:${unique('x')}#ann,bob`;
  const { ctx } = await subscribed(t, channel, { claims: { sub: 'bob' } });

  assert.equal(ctx.channel, channel);
  assert.deepEqual(await refused(t, channel, { claims: { sub: 'eve' } }), { code: 103, reason: 'permission_denied' });
});

test('an expired subscription token is replaced through getToken', async (t) => {
  const channel = unique('$chat:');
  let asked = 0;
  const getToken = async () => {
    asked += 1;
    return token({ channel });
  };
  const { ctx } = await subscribed(t, channel, { token: token({ channel, exp: now() - 60 }), getToken });

  assert.equal(ctx.channel, channel);
  assert.equal(asked, 1);
});

test('a subscription token is refreshed in band', async (t) => {
  const channel = unique('$chat:');
  let asked = 0;
  const getToken = async () => {
    asked += 1;
    return token({ channel, exp: now() + 3 });
  };
  const { sub } = await subscribed(t, channel, { getToken });
  let lost = 0;
  sub.on('subscribing', () => (lost += 1));
  await until(() => asked >= 3, 'the third token');
  await pause(300);

  assert.equal(lost, 0);
  assert.equal(sub.state, 'subscribed');
});

test('an unsubscribe by the API is final', async (t) => {
  const user = unique('user');
  const { sub, seen } = await subscribed(t, unique('chat:'), { claims: { sub: user } });
  const ended = event(sub, 'unsubscribed');
  await api('unsubscribe', { user, channel: sub.channel });
  const ctx = await ended;
  await api('publish', { channel: sub.channel, data: 'unheard' });
  await subscribe(sub);
  await api('publish', { channel: sub.channel, data: 'heard' });
  await until(() => seen.length, 'the publication');

  assert.equal(ctx.code, 2000);
  assert.deepEqual(seen.map((pub) => pub.data), ['heard']);
});

test('the channel limit holds', async (t) => {
  const centrifuge = client(t, { token: token() });
  await connect(centrifuge);
  const subs = Array.from({ length: 128 }, () => subscription(centrifuge, unique('chat:')));
  await Promise.all(subs.map(subscribe));
  const oneMore = subscription(centrifuge, unique('chat:'));
  const ended = event(oneMore, 'unsubscribed');
  oneMore.subscribe();
  const { code, reason } = await ended;
  subs[0].unsubscribe();
  await subscribe(oneMore);

  assert.deepEqual({ code, reason }, { code: 106, reason: 'channel_limit' });
});

test('a batch of commands travels in one frame and is answered in order', async (t) => {
  const sent = [];
  const centrifuge = client(t, { token: token(), ...recording(sent) });
  await connect(centrifuge);
  const sub = subscription(centrifuge, unique('chat:'));
  await subscribe(sub);
  const seen = publications(sub);
  sent.length = 0;
  const order = [];
  centrifuge.startBatching();
  const calls = [1, 2, 3].map((n) => sub.publish(n).then(() => order.push(n)));
  const stats = centrifuge.presenceStats(sub.channel);
  const denied = assert.rejects(centrifuge.publish('closed:x', 1), { code: 103 });
  centrifuge.stopBatching();
  await Promise.all([...calls, stats, denied]);
  await until(() => seen.length === 3, 'the publications');

  assert.equal(sent.filter((message) => message !== '{}' && message !== '\0').length, 1);
  assert.deepEqual(order, [1, 2, 3]);
  assert.deepEqual(seen.map((ctx) => ctx.data), [1, 2, 3]);
});

test('subscriptions made before connecting travel with the connect command', async (t) => {
  const centrifuge = client(t, { token: token() });
  const subs = Array.from({ length: 20 }, () => subscription(centrifuge, unique('chat:')));
  const all = Promise.all(subs.map(subscribe));
  await connect(centrifuge);
  await all;

  assert.ok(subs.every((sub) => sub.state === 'subscribed'));
});

test('subscriptions survive a connect that needs a fresh token', async (t) => {
  const centrifuge = client(t, { token: token({ exp: now() - 60 }), getToken: async () => token() });
  const sub = subscription(centrifuge, unique('chat:'));
  const done = subscribe(sub);
  await connect(centrifuge);
  await done;

  assert.equal(sub.state, 'subscribed');
});
