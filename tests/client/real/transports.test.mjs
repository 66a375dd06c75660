/** Each fallback transport by itself, against a real gateway, on whatever way the surroundings name. */

import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { Peer } from './peer.mjs';
import { relayTo } from './relay.mjs';

const { API_URL, API_KEY, PORT, TOKEN, TRANSPORTS } = process.env;
const relay = await relayTo(Number(PORT));
after(() => relay.close());

async function api(method, request) {
  const headers = { 'x-api-key': API_KEY, 'content-type': 'application/json' };
  const response = await fetch(`${API_URL}/${method}`, { method: 'POST', headers, body: JSON.stringify(request) });
  const answer = await response.json();
  assert.equal(answer.error, undefined);
  return answer.result;
}

let channels = 0;
const newChannel = () => `recover:${process.pid}-${(channels += 1)}`;
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, index) => from + index);
const dataOf = (publications) => publications.map(({ data }) => data);

/** Connect, and again where the first request met a pooled connection that had just been cut. */
async function connected(name, context, tries = 5) {
  const peer = new Peer(name, relay.port);
  context.after(() => peer.close());
  try {
    await peer.open(TOKEN);
    return peer;
  } catch (error) {
    if (tries === 0 || error.ending?.code !== 1006) throw error;
    return connected(name, context, tries - 1);
  }
}

for (const name of TRANSPORTS.split(' ')) {
  test(`${name}: connect, subscribe, publish, and hear it`, async (context) => {
    const channel = newChannel();
    const peer = await connected(name, context);

    await peer.request('subscribe', { channel });
    await peer.request('publish', { channel, data: { text: 'é€😀\n' } });
    await api('publish', { channel, data: 2 });
    await peer.until(() => peer.publications.length === 2, 'two publications');

    assert.deepEqual(dataOf(peer.publications), [{ text: 'é€😀\n' }, 2]);
  });

  test(`${name}: what is sent arrives in order, each once`, async (context) => {
    const channel = newChannel();
    const peer = await connected(name, context);
    await peer.request('subscribe', { channel });

    await Promise.all(range(1, 200).map((data) => peer.request('publish', { channel, data })));
    await peer.until(() => peer.publications.length >= 200, '200 publications');

    assert.deepEqual(dataOf(peer.publications), range(1, 200));
  });

  test(`${name}: an expired token, an unknown command and a disconnect have their causes`, async (context) => {
    const refused = new Peer(name, relay.port);
    context.after(() => refused.close());
    await assert.rejects(refused.open('a.b.c'), (error) => error.ending !== null || error.code > 0);
    const peer = await connected(name, context);
    await assert.rejects(peer.request('subscribe', { channel: 'nowhere:x' }), { code: 102 });

    await api('disconnect', { user: process.env.USER_ID, disconnect: { code: 4507, reason: 'enough' } });
    await peer.until(() => peer.pushes.some(({ disconnect }) => disconnect?.code === 4507), 'the push');
  });

  test(`${name}: after a cut everything missed comes, each once`, async (context) => {
    const channel = newChannel();
    let peer = await connected(name, context);
    let position = await peer.request('subscribe', { channel });
    const seen = [];

    for (let round = 0; round < 4; round += 1) {
      for (const data of range(round * 10 + 1, round * 10 + 5)) await api('publish', { channel, data });
      await peer.until(() => peer.publications.length > 0, 'a publication');
      relay.cut();
      for (const data of range(round * 10 + 6, round * 10 + 10)) await api('publish', { channel, data });
      if (name === 'poll') {
        const all = () => seen.length + peer.publications.length === round * 10 + 10;
        await peer.until(all, `publication ${round * 10 + 10}`);
        seen.push(...peer.publications.splice(0));
        assert.equal(peer.ending, null); // its session outlives a connection
        continue;
      }
      await peer.until(() => peer.ending, 'the end');
      assert.equal(peer.ending.slug, 'connection_cut');
      seen.push(...peer.publications);
      const { offset } = seen[seen.length - 1];
      peer = await connected(name, context);
      position = await peer.request('subscribe', { channel, recover: true, epoch: position.epoch, offset });
      assert.equal(position.recovered, true);
      seen.push(...(position.publications ?? []));
    }

    assert.deepEqual(dataOf(seen), range(1, 40));
  });
}

for (const name of TRANSPORTS.split(' ')) {
  test(`${name}: while the network flaps no publication is doubled, and none that was acknowledged is lost`, async (context) => {
    const channel = newChannel();
    const watcher = new Peer('poll', Number(PORT)); // not through what is cut
    context.after(() => watcher.close());
    await watcher.open(TOKEN);
    await watcher.request('subscribe', { channel });
    let peer = await connected(name, context);
    await peer.request('subscribe', { channel });
    const acknowledged = [];

    for (const data of range(1, 60)) {
      if (data % 5 === 0) setTimeout(() => relay.cut(), Math.random() * 20); // somewhere in what follows
      await peer.request('publish', { channel, data }).then(() => acknowledged.push(data), () => {});
      for (let tries = 0; peer.ending && tries < 5; tries += 1) {
        const next = await connected(name, context).catch(() => null); // the cut may come while it opens
        if (!next) continue;
        peer = next;
        await peer.request('subscribe', { channel }).catch(() => {});
      }
    }
    const last = acknowledged[acknowledged.length - 1];
    await watcher.until(() => watcher.publications.some(({ data }) => data === last), 'the last one');

    const heard = dataOf(watcher.publications);
    assert.ok(acknowledged.length > 20, `${acknowledged.length} of 60 acknowledged`);
    assert.equal(new Set(heard).size, heard.length);
    assert.deepEqual(acknowledged.filter((data) => !heard.includes(data)), []);
  });
}
