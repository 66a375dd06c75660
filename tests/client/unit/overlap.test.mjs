import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Overlap } from '../../../app/holdfast/web/client/overlap.js';

/** Side and data of each publication, as 'o1' (the old session) or 'n1'; what was let through. */
function through(overlap, order) {
  return order.split(' ').filter((one) => overlap.isNew(one[0] === 'o' ? 0 : 1, { data: one.slice(1) })).join(' ');
}

for (const [what, order, expected] of [
  ['the new one begins later', 'o1 o2 n2 n3 o3', 'o1 o2 n3'],
  ['the new one is faster', 'n1 n2 o1 o2 o3 n3', 'n1 n2 o3'],
  ['the new one is slower', 'o1 o2 o3 n1 n2 n3 n4', 'o1 o2 o3 n4'],
  ['the same is said twice', 'o1 o1 n1 n1 n2', 'o1 o1 n2'],
  ['the old one is behind with what only it tells', 'n2 o1 o2', 'n2 o1'],
]) {
  test(`each publication is let through once: ${what}`, () => {
    assert.equal(through(new Overlap(), order), expected);
  });
}

test('what a session told before it ended is known to the next overlap', () => {
  const first = new Overlap();
  through(first, 'o1 o2 n1');

  assert.deepEqual(first.told(0), [JSON.stringify({ data: '2' })]);
  assert.equal(through(new Overlap(first.told(0)), 'n2 n3'), 'n3');
});

test('memory is bounded', () => {
  const overlap = new Overlap();
  for (let number = 0; number < 5000; number += 1) overlap.isNew(0, { data: number });

  assert.equal(overlap.told(0).length, 1000);
});
