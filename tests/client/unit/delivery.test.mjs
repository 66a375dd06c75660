import assert from 'node:assert/strict';
import { test } from 'node:test';

import { at, deliveryOf, RECOVERABLE } from '../deliveries.mjs';

test('a hole is asked for, and what comes until the answer is part of it', () => {
  const { delivery, told } = deliveryOf();
  delivery.begin(RECOVERABLE);
  for (const offset of [1, 3, 4]) delivery.take(at(offset), 0);
  delivery.begin({ ...RECOVERABLE, offset: 1, recovered: true, publications: [2, 3, 4].map(at) });
  delivery.take(at(5), 0);

  assert.deepEqual(told, ['1', 'ask', '2', '3', '4', '5']);
});

test('a hole that asking does not close is a gap before what follows it', () => {
  const { delivery, told } = deliveryOf();
  delivery.begin(RECOVERABLE);
  delivery.take(at(1), 0);
  delivery.take(at(3), 0);
  delivery.begin({ ...RECOVERABLE, offset: 1, recovered: true });
  delivery.take(at(3), 0);

  assert.deepEqual(told, ['1', 'ask', 'gap 1-2 hole', '3']);
});
