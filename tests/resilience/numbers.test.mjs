/** The checker itself: what it must find, found. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Reader, Tally } from './numbers.mjs';

/** What a reader comes to that takes these numbers; `told` stands for being told of insufficient state. */
function read(steps, { first = 0, final = steps.findLast(Number.isInteger) } = {}) {
  const tally = new Tally();
  const reader = new Reader(tally, first);
  for (const step of steps) step === 'told' ? reader.tell() : reader.take(step);
  reader.end(final);
  return Object.fromEntries(Object.entries(tally).filter(([, count]) => count > 0));
}

const CASES = {
  'all of them once': [read([1, 2, 3]), { delivered: 3 }],
  'one is missing': [read([1, 3]), { delivered: 2, lost: 1 }],
  'the first are missing': [read([3]), { delivered: 1, lost: 2 }],
  'the last are missing': [read([1], { final: 4 }), { delivered: 1, lost: 3 }],
  'all are missing': [read([], { final: 2 }), { lost: 2 }],
  'one comes twice': [read([1, 1, 2]), { delivered: 3, doubled: 1 }],
  'one comes late': [read([1, 3, 2]), { delivered: 3, outOfOrder: 1 }],
  'one comes late and once more': [read([1, 3, 2, 2, 3]), { delivered: 5, outOfOrder: 1, doubled: 2 }],
  'a hole that was told': [read([1, 'told', 5]), { delivered: 2, told: 1, missedTold: 3 }],
  'told for nothing': [read([1, 'told', 2]), { delivered: 2, told: 1 }],
  'a hole behind what was told': [read([1, 'told', 2, 4]), { delivered: 3, told: 1, lost: 1 }],
  'again what came before it was told': [read([1, 2, 'told', 2, 3]), { delivered: 4, told: 1, againTold: 1 }],
  'twice behind what was told': [read([1, 'told', 2, 2]), { delivered: 3, told: 1, doubled: 1 }],
  'told, and then nothing': [read([1, 'told'], { final: 3 }), { delivered: 1, told: 1, lost: 2 }],
  'who came in the middle': [read([7, 8], { first: null }), { delivered: 2 }],
};

for (const [name, [found, expected]] of Object.entries(CASES)) test(name, () => assert.deepEqual(found, expected));

test('the end is known when it is reached', () => {
  const reader = new Reader(new Tally(), null);

  assert.deepEqual([reader.hasReached(0), reader.hasReached(1)], [true, false]);
  reader.take(2);
  assert.deepEqual([reader.hasReached(2), reader.hasReached(3)], [true, false]);
});
