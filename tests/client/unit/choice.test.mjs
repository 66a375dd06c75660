import assert from 'node:assert/strict';
import { test } from 'node:test';

import { TransportChoice } from '../../../app/holdfast/web/client/transports/choice.js';
import { FakeStorage, seededRandom } from '../fakes.mjs';

const NAMES = ['websocket', 'http_stream', 'sse', 'poll'];
const HOUR = 3_600_000;
const BLOCKED = { wasOpen: false, didConnect: false, lived: 0, heard: 'nothing', ending: { code: 1006, reason: '' } };
const UNKNOWN = { ...BLOCKED, heard: undefined };
const BUFFERED = { ...BLOCKED, wasOpen: true, ending: { code: 1006, reason: '', slug: 'connect_timeout' } };
const FAILED = { ...UNKNOWN, ending: { code: 1006, reason: '', slug: 'open_failed' } };
const CUT = { wasOpen: true, didConnect: true, lived: 2000, ending: { code: 1006, reason: '' } };
const LONG = { ...CUT, lived: HOUR };
const REFUSED = { ...BLOCKED, heard: 'cause' };

function made({ storage = new FakeStorage(), time = { now: 1e12 }, unsupported = [], names = NAMES } = {}) {
  const options = {
    names,
    isSupported: (name) => !unsupported.includes(name),
    now: () => time.now,
    random: seededRandom(3),
    storage,
    origin: 'https://app.example',
  };
  return { choice: new TransportChoice(options), storage, time };
}

/** Attempts that end like this, until another transport is next. */
function attempts(choice, outcome) {
  const name = choice.next();
  let count = 0;
  while (choice.next() === name && count < 100) {
    choice.onOutcome(name, outcome);
    count += 1;
  }
  return count;
}

/** A page behind a proxy that blocks WebSocket, on an HTTP stream. */
function fallenBack(more) {
  const parts = made(more);
  attempts(parts.choice, BLOCKED);
  parts.choice.onConnected(parts.choice.next());
  return parts;
}

test('WebSocket comes first and stays while it works', () => {
  const { choice } = made();

  assert.equal(choice.next(), 'websocket');
  choice.onConnected('websocket');
  for (let round = 0; round < 50; round += 1) {
    choice.onOutcome('websocket', LONG);
    choice.onOutcome('websocket', CUT);
    choice.onOutcome('websocket', REFUSED);
  }

  assert.equal(choice.next(), 'websocket');
  assert.equal(choice.shouldUpgrade(), null);
  assert.equal(choice.upgradeIn(), null);
});

test('what never opened while HTTP works is left after two attempts, of unknown cause after three', () => {
  assert.equal(attempts(made().choice, BLOCKED), 2);
  assert.equal(attempts(made().choice, UNKNOWN), 3);
});

test('what is cut soon again and again is left, and one good life in between forgives', () => {
  const { choice } = made();

  assert.equal(attempts(choice, CUT), 3);
  const other = made().choice;
  for (let round = 0; round < 10; round += 1) {
    other.onOutcome('websocket', CUT);
    other.onOutcome('websocket', CUT);
    other.onOutcome('websocket', LONG);
  }
  assert.equal(other.next(), 'websocket');
});

test('streams that are held back lead to polling, one attempt each', () => {
  const { choice } = made();
  attempts(choice, BLOCKED);

  assert.equal(choice.next(), 'http_stream');
  assert.equal(attempts(choice, BUFFERED), 1);
  assert.equal(choice.next(), 'sse');
  assert.equal(attempts(choice, BUFFERED), 1);
  assert.equal(choice.next(), 'poll');
});

test('what the browser lacks, or the page does not allow, is never next', () => {
  assert.equal(made({ unsupported: ['websocket', 'http_stream'] }).choice.next(), 'sse');
  assert.equal(made({ names: ['poll'] }).choice.next(), 'poll');
  assert.equal(made({ unsupported: NAMES }).choice.next(), null);
});

test('when all of them fail it was none of them, and the best one is next, with nothing remembered', () => {
  const { choice, storage } = made();

  for (const name of NAMES) {
    assert.equal(choice.next(), name);
    attempts(choice, FAILED);
  }

  assert.equal(choice.next(), 'websocket');
  assert.equal(made({ storage }).choice.next(), 'websocket');
});

test('it is remembered for the next page once the lesser one has connected, and not before', () => {
  const before = made();
  attempts(before.choice, BLOCKED);

  assert.equal(made({ storage: before.storage }).choice.next(), 'websocket');
  const { storage } = fallenBack();
  assert.equal(made({ storage }).choice.next(), 'http_stream');
});

test('what is remembered expires within about a day', () => {
  const { storage, time } = fallenBack();

  time.now += 12 * HOUR;
  assert.equal(made({ storage, time }).choice.next(), 'http_stream');
  time.now += 24 * HOUR;
  assert.equal(made({ storage, time }).choice.next(), 'websocket');
});

test('the better one is tried again at growing intervals, up to an hour and a half', () => {
  const { choice, time } = fallenBack();
  const waits = [];

  for (let round = 0; round < 20; round += 1) {
    const wait = choice.upgradeIn();
    waits.push(wait);
    time.now += wait - 1;
    assert.equal(choice.shouldUpgrade(), null);
    time.now += 1;
    assert.equal(choice.shouldUpgrade(), 'websocket');
    assert.equal(choice.shouldUpgrade(), null); // not while that trial goes on
    choice.onOutcome('websocket', BLOCKED);
    assert.equal(choice.next(), 'http_stream');
  }

  assert.ok(waits[0] >= 15_000 && waits[0] <= 45_000, `${waits}`);
  assert.ok(waits[3] >= 120_000, `${waits}`);
  assert.ok(Math.max(...waits) <= 1.5 * HOUR, `${waits}`);
  assert.ok(Math.min(...waits.slice(8)) >= 0.5 * HOUR, `${waits}`);
});

test('a trial that connects makes it the one in use', () => {
  const { choice, storage, time } = fallenBack();

  time.now += choice.upgradeIn();
  choice.onConnected(choice.shouldUpgrade());

  assert.equal(choice.upgradeIn(), null);
  assert.equal(choice.next(), 'websocket');
  assert.equal(made({ storage, time }).choice.next(), 'websocket');
});

test('one that came back and fails again is tried more seldom, until it has proved stable', () => {
  const { choice, time } = fallenBack();
  const again = () => {
    time.now += choice.upgradeIn();
    choice.onConnected(choice.shouldUpgrade());
    attempts(choice, CUT);
    choice.onConnected(choice.next());
    return choice.upgradeIn();
  };

  const waits = [again(), again(), again(), again()];
  assert.ok(waits[3] >= 240_000, `${waits}`);
  time.now += choice.upgradeIn();
  choice.onConnected(choice.shouldUpgrade());
  choice.onOutcome('websocket', LONG);
  attempts(choice, CUT);
  choice.onConnected(choice.next());
  assert.ok(choice.upgradeIn() <= 45_000);
});

test('a trial that the server refuses says nothing, and is not repeated at once', () => {
  const { choice, time } = fallenBack();

  time.now += choice.upgradeIn();
  assert.equal(choice.shouldUpgrade(), 'websocket');
  choice.onOutcome('websocket', REFUSED);

  assert.equal(choice.shouldUpgrade(), null);
  assert.ok(choice.upgradeIn() >= 15_000 && choice.upgradeIn() <= 45_000);
});

test('from polling the best one is tried first, then the next', () => {
  const { choice, time } = made();
  attempts(choice, BLOCKED);
  attempts(choice, BUFFERED);
  attempts(choice, BUFFERED);
  choice.onConnected(choice.next());
  const seen = new Set();

  for (let round = 0; round < 6; round += 1) {
    time.now += choice.upgradeIn();
    const name = choice.shouldUpgrade();
    seen.add(name);
    choice.onOutcome(name, name === 'websocket' ? BLOCKED : BUFFERED);
  }

  assert.deepEqual([...seen].sort(), ['http_stream', 'sse', 'websocket']);
  time.now += 3 * HOUR;
  assert.equal(choice.shouldUpgrade(), 'websocket');
});

test('whatever stands in the storage does no harm', () => {
  const key = 'holdfast:transports:https://app.example';
  const odd = [
    'null', '1', '[]', '{', '{"websocket":1}', '{"websocket":{"isPassedOver":true}}',
    '{"websocket":{"isPassedOver":true,"interval":1,"trialAt":1e15,"until":1e15}}',
    '{"__proto__":{"websocket":{}}}',
  ];
  for (const text of odd) {
    const storage = new FakeStorage();
    storage.setItem(key, text);

    assert.equal(made({ storage }).choice.next(), 'websocket', text);
  }
  const forbidden = { getItem: () => { throw new Error(); }, setItem: () => { throw new Error(); }, removeItem: () => { throw new Error(); } };
  assert.equal(fallenBack({ storage: forbidden }).choice.next(), 'http_stream');
  assert.equal(fallenBack({ storage: undefined }).choice.next(), 'http_stream');
});

test('a wrong address makes way for the next transport at once, and is remembered nowhere', () => {
  for (const slug of ['not_found', 'path_not_found']) {
    const { choice, storage, time } = made();
    assert.equal(attempts(choice, { ...BLOCKED, ending: { code: 1006, reason: '', slug } }), 1);
    choice.onConnected(choice.next());
    time.now += HOUR;
    assert.equal(choice.shouldUpgrade(), 'websocket');
    choice.onOutcome('websocket', UNKNOWN); // nobody explains a trial

    assert.equal(choice.next(), 'http_stream');
    assert.equal(made({ storage, time }).choice.next(), 'websocket');
  }
});
