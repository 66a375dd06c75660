import assert from 'node:assert/strict';
import { test } from 'node:test';

import { join } from '../../../app/holdfast/web/client/crossing.js';
import { Position } from '../../../app/holdfast/web/client/positions.js';
import { at, deliveryOf, RECOVERABLE } from '../deliveries.mjs';
import { settle } from '../fakes.mjs';

const AT_7 = { offset: 7, epoch: 'e' };

test('two sessions deliver each publication once', () => {
  const { delivery, told } = deliveryOf();
  delivery.begin(RECOVERABLE);
  delivery.take(at(1), 0);
  delivery.crossing.prepare();
  delivery.take(at(2), 0);
  delivery.crossing.join({ ...RECOVERABLE, offset: 1, recovered: true, publications: [2, 3].map(at) });
  delivery.take(at(3), 0);
  delivery.take(at(4), 1);
  delivery.crossing.settle();
  delivery.take(at(5), 0);

  assert.deepEqual(told, ['1', '2', '3', '4', '5']);
});

test('a second session that could not recover waits until the first has told as much', () => {
  const { delivery, told } = deliveryOf();
  delivery.begin({ epoch: 'e' });
  delivery.crossing.prepare();
  delivery.crossing.join({ epoch: 'e', offset: 2 });
  delivery.take(at(3), 1);
  assert.deepEqual(told, []);
  delivery.take(at(1), 0);
  delivery.take(at(2), 0);
  delivery.crossing.settle();

  assert.deepEqual(told, ['1', '2', '3']);
});

test('what the first session did not tell before its end is a gap', () => {
  const { delivery, told } = deliveryOf();
  delivery.begin({ epoch: 'e' });
  delivery.crossing.prepare();
  delivery.crossing.join({ epoch: 'e', offset: 2 });
  delivery.take(at(3), 1);
  delivery.crossing.settle();

  assert.deepEqual(told, ['gap 0-2 unrecovered', '3']);
});

test('a second session that failed leaves the first as it was', () => {
  const { delivery, told } = deliveryOf();
  delivery.begin({});
  delivery.crossing.prepare();
  delivery.crossing.join({});
  delivery.take({ data: 'a' }, 1);
  delivery.crossing.abandon();
  delivery.take({ data: 'a' }, 0);
  delivery.take({ data: 'b' }, 0);

  assert.deepEqual(told, ['a', 'b']);
});

test('without offsets what the first session is behind with comes first', () => {
  const { delivery, told } = deliveryOf();
  delivery.begin({});
  delivery.crossing.prepare();
  delivery.take({ data: 'a' }, 0);
  delivery.crossing.join({});
  delivery.take({ data: 'c' }, 1);
  delivery.take({ data: 'd' }, 1);
  delivery.take({ data: 'b' }, 0);
  delivery.take({ data: 'c' }, 0);
  assert.deepEqual(told, ['a', 'b', 'c']);
  delivery.crossing.settle();
  delivery.take({ data: 'e' }, 0);

  assert.deepEqual(told, ['a', 'b', 'c', 'd', 'e']);
});

test('without offsets a session that is behind tells nothing twice after the other has ended', () => {
  const { delivery, told } = deliveryOf();
  delivery.begin({});
  delivery.crossing.prepare();
  delivery.crossing.join({});
  for (const data of ['a', 'b']) delivery.take({ data }, 0);
  delivery.crossing.settle();
  for (const data of ['a', 'b', 'c', 'a']) delivery.take({ data }, 0);

  assert.deepEqual(told, ['a', 'b', 'c', 'a']);
});

test('a hole while two sessions deliver is asked for when one is left', () => {
  for (const end of ['settle', 'abandon']) {
    const { delivery, told } = deliveryOf();
    delivery.begin(RECOVERABLE);
    delivery.crossing.prepare();
    delivery.crossing.join({ ...RECOVERABLE, recovered: true });
    delivery.take(at(2), 0);
    delivery.crossing[end]();

    assert.deepEqual(told, ['ask']);
  }
});

test('a second session is whole when it leaves out nothing that the first has not told', () => {
  const position = new Position(AT_7);

  assert.equal(join(position, { epoch: 'e', offset: 9 }).isWhole, false);
  assert.equal(join(position, { epoch: 'e', offset: 7 }).isWhole, true);
  assert.equal(join(position, { epoch: 'f', offset: 0 }).isWhole, false);
  assert.deepEqual(join(position, { epoch: 'e', offset: 7, recovered: true, publications: [{ offset: 8 }] }), {
    fresh: [{ offset: 8 }],
    gap: null,
    isWhole: true,
  });
  assert.deepEqual(position.current, { offset: 8, epoch: 'e' });
  assert.equal(join(position, {}).isWhole, true);
});
