import assert from 'node:assert/strict';
import { test } from 'node:test';

import { at, deliveryOf, RECOVERABLE } from '../deliveries.mjs';
import { settle } from '../fakes.mjs';

/** A snapshot callback that a test answers. */
function snapshots() {
  const asked = [];
  const getState = () => new Promise((resolve, reject) => asked.push({ resolve, reject }));
  return { asked, getState };
}

test('what comes while a snapshot is fetched is held; the snapshot has what is up to its offset', async () => {
  const { asked, getState } = snapshots();
  const { delivery, told } = deliveryOf({ getState });
  delivery.begin({ ...RECOVERABLE, offset: 5 });
  for (const offset of [6, 7, 8]) delivery.take(at(offset), 0);
  assert.deepEqual(told, []);
  asked[0].resolve({ offset: 7, epoch: 'e' });
  await settle();
  delivery.take(at(9), 0);

  assert.deepEqual(told, ['state 7', '8', '9']);
});

test('a snapshot that is ahead of the stream drops what follows up to it', async () => {
  const { asked, getState } = snapshots();
  const { delivery, told } = deliveryOf({ getState });
  delivery.begin({ ...RECOVERABLE, offset: 5 });
  asked[0].resolve({ offset: 7, epoch: 'e' });
  await settle();
  for (const offset of [6, 7, 8]) delivery.take(at(offset), 0);

  assert.deepEqual(told, ['state 7', '8']);
});

test('a snapshot that is older than the subscription is continued from history', async () => {
  const { asked, getState } = snapshots();
  const { delivery, told } = deliveryOf({ getState });
  delivery.begin({ ...RECOVERABLE, offset: 5 });
  delivery.take(at(6), 0);
  asked[0].resolve({ offset: 3, epoch: 'e' });
  await settle();
  assert.deepEqual(delivery.position, { offset: 3, epoch: 'e' });
  delivery.begin({ ...RECOVERABLE, offset: 3, recovered: true, publications: [4, 5, 6].map(at) });

  assert.deepEqual(told, ['state 3', 'ask', '4', '5', '6']);
});

test('a subscriber that left before its snapshot came gets one when it comes back', async () => {
  const { asked, getState } = snapshots();
  const { delivery, told } = deliveryOf({ getState });
  delivery.begin({ ...RECOVERABLE, offset: 5 });
  delivery.stop();
  delivery.begin({ ...RECOVERABLE, offset: 5, recovered: true, publications: [at(6)] });
  asked[1].resolve({ offset: 5, epoch: 'e' });
  await settle();

  assert.deepEqual(told, ['state 5', '6']);
});

test('where nothing can be recovered an old snapshot is fetched again', async () => {
  const { asked, getState } = snapshots();
  const { delivery, told, environment } = deliveryOf({ getState });
  delivery.begin({ epoch: 'e', offset: 5 });
  asked[0].resolve({ offset: 3, epoch: 'e' });
  await environment.clock.advance(1000);
  asked[1].resolve({ offset: 5, epoch: 'e' });
  await settle();

  assert.deepEqual(told, ['state_sync_failed', 'state 5']);
});

test('a gap has a snapshot fetched, and begins where the subscriber was told to be', async () => {
  const { asked, getState } = snapshots();
  const { delivery, told } = deliveryOf({ getState, since: { offset: 5, epoch: 'e' } });
  delivery.begin({ ...RECOVERABLE, offset: 9 });
  delivery.take(at(10), 0);
  delivery.begin({ ...RECOVERABLE, offset: 20 });
  asked[1].resolve({ offset: 20, epoch: 'e' });
  await settle();
  delivery.take(at(21), 0);

  assert.deepEqual(told, ['gap 5-9 unrecovered', 'gap 9-20 unrecovered', 'state 20', '21']);
});

test('a snapshot that says no offset, or a channel without any, gets all that was held', async () => {
  const { asked, getState } = snapshots();
  const { delivery, told } = deliveryOf({ getState });
  delivery.begin({});
  delivery.take({ data: 'a' }, 0);
  asked[0].resolve({});
  await settle();

  assert.deepEqual(told, ['state undefined', 'a']);
});

test('a snapshot that never comes does not fill the memory', () => {
  const { asked, getState } = snapshots();
  const { delivery, told } = deliveryOf({ getState });
  delivery.begin(RECOVERABLE);
  for (let offset = 1; offset <= 10_001; offset += 1) delivery.take(at(offset), 0);

  assert.deepEqual(told, ['gap 0-10001 overflow']);
  assert.equal(asked.length, 2);
});

test('a snapshot that was under way when the connection ended is fetched for the next one, and nothing held is lost', async () => {
  const { asked, getState } = snapshots();
  const { delivery, told, environment } = deliveryOf({ getState });
  delivery.begin({ ...RECOVERABLE, offset: 5 });
  delivery.take(at(6), 0);
  delivery.rest();
  asked[0].reject(new Error('gone'));
  await environment.clock.advance(60_000);
  assert.deepEqual([asked.length, environment.clock.pending], [1, 0]);

  delivery.begin({ ...RECOVERABLE, offset: 7, recovered: true, publications: [at(7)] });
  asked[1].resolve({ offset: 5, epoch: 'e' });
  await settle();

  assert.deepEqual(told, ['state 5', '6', '7']);
});

test('a gap while a snapshot rests begins where the subscriber was told to be', async () => {
  const { asked, getState } = snapshots();
  const { delivery, told } = deliveryOf({ getState, since: { offset: 5, epoch: 'e' } });
  delivery.begin({ ...RECOVERABLE, offset: 9 });
  delivery.take(at(10), 0);
  delivery.rest();
  delivery.begin({ ...RECOVERABLE, offset: 20 });
  asked[1].resolve({ offset: 20, epoch: 'e' });
  await settle();

  assert.deepEqual(told, ['gap 5-9 unrecovered', 'gap 9-20 unrecovered', 'state 20']);
});
