import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';

import { loaded } from '../../../app/holdfast/web/client/on-demand.js';
import { isSupported, keyOf, Turn } from '../../../app/holdfast/web/client/transports/turn.js';
import { fakeEnvironment, settle } from '../fakes.mjs';

const NAMES = ['websocket', 'http_stream', 'sse', 'poll'];
const UNOPENED = { code: 1006, reason: '', wasOpen: false };
const session = (transport, connectedAt = null) => ({ transport, connectedAt });
const PART = 'transports/outcomes';
const outcomes = loaded[PART];
const { signal } = new AbortController();

afterEach(() => {
  loaded[PART] = outcomes;
});

/** Three attempts that never open, about which nobody knows more. */
const fail = async (turn, name) => {
  for (let count = 0; count < 3; count += 1) {
    await turn.next(signal);
    turn.ended(session(name), UNOPENED, false);
  }
};

test('a browser supports what it has the means for', () => {
  const all = fakeEnvironment();
  const names = ['websocket', 'http_stream', 'sse', 'poll'];

  assert.deepEqual(names.filter((name) => isSupported(name, all)), names);
  assert.deepEqual(names.filter((name) => isSupported(name, { ...all, fetch: undefined })), ['websocket']);
  assert.deepEqual(names.filter((name) => isSupported(name, { ...all, WebSocket: undefined })), ['http_stream', 'sse', 'poll']);
});

test('until something fails it is the best one that the browser has, and nothing is decided', async () => {
  const turn = new Turn(fakeEnvironment(), NAMES, 'o');
  assert.equal(await turn.next(signal), 'websocket');
  turn.onConnected('websocket');
  turn.ended(session('websocket', 0), { code: 3001, reason: 'shutdown', wasOpen: true }, true);

  assert.deepEqual([await turn.next(signal), turn.outcomes], ['websocket', null]);
  assert.equal(await new Turn(fakeEnvironment({ WebSocket: undefined }), NAMES, 'o').next(signal), 'http_stream');
  assert.equal(await new Turn(fakeEnvironment({ WebSocket: undefined }), ['websocket'], 'o').next(signal), null);
});

test('one that fails makes room for the next', async () => {
  const turn = new Turn(fakeEnvironment(), NAMES, 'o');
  await fail(turn, 'websocket');

  assert.equal(await turn.next(signal), 'http_stream');
});

test('one whose part does not load makes room for the next', async () => {
  const turn = new Turn(fakeEnvironment({ WebSocket: undefined }), NAMES, 'o');
  for (let count = 0; count < 3; count += 1) {
    assert.equal(await turn.next(signal), 'http_stream');
    turn.lacks('http_stream');
  }

  assert.equal(await turn.next(signal), 'sse');
});

test('what an earlier page found out holds from the first attempt on', async () => {
  const environment = fakeEnvironment();
  const first = new Turn(environment, NAMES, 'o');
  await fail(first, 'websocket');
  first.onConnected(await first.next(signal));
  assert.ok(environment.storage.getItem(keyOf('o')));

  assert.equal(await new Turn(environment, NAMES, 'o').next(signal), 'http_stream');
  assert.equal(await new Turn(environment, NAMES, 'another').next(signal), 'websocket');
});

test('a part that comes late hears what it missed', async () => {
  loaded[PART] = undefined;
  const turn = new Turn(fakeEnvironment(), NAMES, 'o');
  turn.onConnected('websocket');
  turn.ended(session('websocket', 0), UNOPENED, false);
  assert.equal(turn.outcomes, null);
  loaded[PART] = outcomes;
  await settle();

  assert.equal(turn.outcomes.choice.upgradeIn(), null);
  for (let count = 0; count < 2; count += 1) turn.ended(session('websocket'), UNOPENED, false);
  assert.equal(await turn.next(signal), 'http_stream');
});

test('attempts go on with the best one while the part does not come', async () => {
  loaded[PART] = undefined;
  const turn = new Turn(fakeEnvironment(), NAMES, 'o');
  turn.ended(session('websocket'), UNOPENED, false);

  assert.equal(await turn.next(signal), 'websocket');
});

test('a storage that may not be read changes nothing', async () => {
  const storage = { getItem: () => assert.fail('forbidden') };

  assert.equal(await new Turn(fakeEnvironment({ storage }), NAMES, 'o').next(signal), 'websocket');
});
