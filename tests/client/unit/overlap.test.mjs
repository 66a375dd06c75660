import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Overlap } from '../../../app/holdfast/web/client/overlap.js';

/** Side and data of each publication, as 'o1' (the old session) or 'n1'; what was let through, in order. */
function through(overlap, order) {
  const taken = order.split(' ').flatMap((one) => overlap.take({ data: one.slice(1) }, one[0] === 'o' ? 0 : 1));
  return taken.map(({ data }) => data).join(' ');
}

const rest = (overlap) => overlap.rest().map(({ data }) => data).join(' ');

for (const [what, order, expected, left] of [
  ['the new one begins later', 'o1 o2 n2 n3 o3', '1 2 3', ''],
  ['the new one is faster', 'n1 n2 o1 o2 o3 n3', '1 2 3', ''],
  ['the new one is slower', 'o1 o2 o3 n1 n2 n3 n4', '1 2 3', '4'],
  ['the same is said twice', 'o1 o1 n1 n1 n2', '1 1', '2'],
  ['the old one is behind with what only it tells', 'n2 n3 o1 o2', '1 2', '3'],
  ['the old one leaves something out', 'n1 n2 n3 o2', '1 2', '3'],
]) {
  test(`each publication is let through once, in order: ${what}`, () => {
    const overlap = new Overlap();

    assert.equal(through(overlap, order), expected);
    assert.equal(rest(overlap), left);
    assert.equal(rest(overlap), '');
  });
}

test('what a session told before it ended is known to the next overlap', () => {
  const first = new Overlap();
  through(first, 'o1 o2 n1');
  const second = new Overlap(first.told);

  assert.deepEqual(first.told, [JSON.stringify({ data: '2' })]);
  assert.equal(second.hasTold({ data: '2' }), true);
  assert.equal(second.hasTold({ data: '2' }), false);
});

test('memory is bounded, and nothing that waits is lost', () => {
  const [old, next] = [new Overlap(), new Overlap()];
  let released = 0;
  for (let number = 0; number < 5000; number += 1) {
    old.take({ data: number }, 0);
    released += next.take({ data: number }, 1).length;
  }

  assert.equal(old.told.length, 1000);
  assert.equal(released, 4000);
  assert.equal(next.rest().length, 1000);
});
