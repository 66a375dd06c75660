import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Feed } from '../../../app/holdfast/web/client/feed.js';
import { fakeEnvironment } from '../fakes.mjs';

function feedOf({ isOurs = () => false } = {}) {
  const told = [];
  const face = { state: () => 'subscribed', setState: () => {}, tell: (name, detail) => told.push([name, detail.data ?? detail.client]) };
  const host = { environment: fakeEnvironment(), isOurs };
  return { told, feed: new Feed('news', {}, host, face, () => told.push(['ask'])) };
}

const pub = (data) => ({ pub: { data } });

test('what is pushed before its reply was looked at waits for it', () => {
  const { feed, told } = feedOf();
  const link = feed.settleOn({});

  feed.take(link, pub('a'));
  assert.deepEqual(told, []);
  feed.begin(link, {});
  feed.take(link, pub('b'));

  assert.deepEqual(told, [['publication', 'a'], ['publication', 'b']]);
});

test('a link that was given up carries nothing', () => {
  const { feed, told } = feedOf();
  const session = {};
  const first = feed.settleOn(session);
  feed.begin(first, {});
  const second = feed.settleOn(session);

  feed.take(first, pub('a'));

  assert.equal(feed.has(first), false);
  assert.equal(feed.linkOf(session), second);
  assert.deepEqual(told, []);
});

test('who comes and goes is told by one session only, and not of this page as it moves', () => {
  const { feed, told } = feedOf({ isOurs: (client) => client === 'me' });
  const old = feed.settleOn({});
  feed.begin(old, {});
  const next = feed.reachFor({});
  feed.begin(next, {});

  for (const link of [old, next]) {
    feed.take(link, { join: { info: { client: 'ann' } } });
    feed.take(link, { leave: { info: { client: 'me' } } });
  }
  feed.settle();
  feed.take(next, { leave: { info: { client: 'ann' } } });

  assert.deepEqual(told, [['join', 'ann'], ['leave', 'ann']]);
  assert.equal(feed.home, next);
});

test('pushes that wait are bounded', () => {
  const { feed, told } = feedOf();
  const link = feed.settleOn({});

  for (let number = 0; number < 12_000; number += 1) feed.take(link, pub(number));
  feed.begin(link, {});

  assert.equal(told.length, 10_000);
});

test('rest keeps the position, stop ends everything', () => {
  const { feed } = feedOf();
  const link = feed.settleOn({});
  feed.begin(link, { recoverable: true, epoch: 'e', offset: 3 });

  feed.rest();
  assert.equal(feed.home, null);
  assert.deepEqual(feed.position, { offset: 3, epoch: 'e' });
  feed.settle();
  feed.abandon();
  feed.stop();
  assert.equal(feed.next, null);
});
