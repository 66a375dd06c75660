import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Delivery } from '../../../app/holdfast/web/client/delivery.js';
import { fakeEnvironment } from '../fakes.mjs';

const RECOVERABLE = { recoverable: true, epoch: 'e' };
const at = (offset) => ({ offset, data: offset });

/** A delivery, and what came out of it, as text. */
function deliveryOf(options = {}) {
  const told = [];
  const environment = fakeEnvironment();
  const delivery = new Delivery('news', options, environment, {
    onPublication: ({ data }) => told.push(`${data}`),
    onGap: ({ from, to, reason }) => told.push(`gap ${from?.offset}-${to?.offset} ${reason}`),
    onState: ({ offset }) => told.push(`state ${offset}`),
    onError: ({ slug }) => told.push(slug),
    onAsk: () => told.push('ask'),
  });
  return { delivery, told, environment };
}

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
