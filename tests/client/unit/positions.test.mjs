import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Position, offsetOf } from '../../../app/holdfast/web/client/positions.js';

const AT_7 = { offset: 7, epoch: 'e' };

test('an offset is a whole number above 0', () => {
  assert.equal(offsetOf(3), 3);
  for (const value of [undefined, null, 0, -1, 1.5, '3', 2 ** 53, NaN, {}]) assert.equal(offsetOf(value), null);
});

test('a first subscription begins at the top, without a gap', () => {
  const position = new Position();

  assert.deepEqual(position.resume({ epoch: 'e', offset: 7 }, false), { fresh: [], gap: null });
  assert.deepEqual(position.current, AT_7);
});

test('the next offset is fresh, a known one a duplicate, a later one a hole', () => {
  const position = new Position(AT_7);

  assert.equal(position.take(8), 'fresh');
  assert.equal(position.take(8), 'duplicate');
  assert.equal(position.take(3), 'duplicate');
  assert.equal(position.take(10), 'hole');
  assert.equal(position.current.offset, 8);
  assert.equal(position.take(null), 'fresh');
});

test('with a filter offsets may be missing', () => {
  assert.equal(new Position(AT_7, { isSparse: true }).take(20), 'fresh');
});

test('what was recovered comes without what is known already', () => {
  const position = new Position(AT_7);
  const publications = [6, 7, 8, 9].map((offset) => ({ offset }));

  const { fresh, gap } = position.resume({ epoch: 'e', offset: 7, recovered: true, publications }, true);

  assert.deepEqual(fresh, [{ offset: 8 }, { offset: 9 }]);
  assert.equal(gap, null);
  assert.deepEqual(position.current, { offset: 9, epoch: 'e' });
});

test('a cache gives the latest alone, whatever its offset', () => {
  const position = new Position(AT_7);

  assert.equal(position.resume({ epoch: 'e', offset: 7, recovered: true, publications: [{ offset: 20 }] }, true).fresh.length, 1);
  assert.equal(position.resume({ epoch: 'f', offset: 3, recovered: true, publications: [{ offset: 3 }] }, true).fresh.length, 1);
  assert.deepEqual(position.current, { offset: 3, epoch: 'f' });
});

test('a position without an epoch learns it', () => {
  const position = new Position({ offset: 0, epoch: '' });

  const { fresh } = position.resume({ epoch: 'e', recovered: true, publications: [{ offset: 1 }] }, false);

  assert.equal(fresh.length, 1);
  assert.deepEqual(position.current, { offset: 1, epoch: 'e' });
});

for (const [what, result, gap] of [
  ['history is too short', { epoch: 'e', offset: 12 }, { from: AT_7, to: { offset: 12, epoch: 'e' }, reason: 'unrecovered' }],
  ['the stream went back', { epoch: 'e', offset: 2 }, { from: AT_7, to: { offset: 2, epoch: 'e' }, reason: 'unrecovered' }],
  ['the stream began anew', { epoch: 'f' }, { from: AT_7, to: { offset: 0, epoch: 'f' }, reason: 'epoch' }],
  ['there is no history any more', {}, { from: AT_7, to: null, reason: 'no_history' }],
  ['nothing happened meanwhile', { epoch: 'e', offset: 7 }, null],
]) {
  test(`what cannot be recovered is a gap: ${what}`, () => {
    const position = new Position(AT_7);

    assert.deepEqual(position.resume(result, true), { fresh: [], gap });
    assert.deepEqual(position.current, gap ? gap.to : AT_7);
  });
}

test('a channel without history has a gap behind each interruption, and none at first', () => {
  const position = new Position();

  assert.equal(position.resume({}, false).gap, null);
  assert.deepEqual(position.resume({}, true).gap, { from: null, to: null, reason: 'no_history' });
});

test('the server is asked once about a hole, then it is a gap', () => {
  const position = new Position(AT_7);

  assert.equal(position.cross(10, true), null);
  assert.deepEqual(position.current, AT_7);
  assert.deepEqual(position.cross(10, true), { from: AT_7, to: { offset: 9, epoch: 'e' }, reason: 'hole' });
  assert.deepEqual(position.current, { offset: 10, epoch: 'e' });
  assert.equal(position.cross(13, true), null);
});

test('where nothing can be recovered a hole is a gap at once', () => {
  assert.equal(new Position(AT_7).cross(10, false).reason, 'hole');
});
