import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linesOf, parseLines } from '../../../app/holdfast/web/client/transports/lines.js';

test('a frame is not heaped up beyond what servers take', () => {
  const command = { id: 1, data: 'x'.repeat(6000) };
  const texts = linesOf(Array.from({ length: 10 }, () => command), 16_384);

  assert.ok(texts.every((text) => text.length <= 16_384));
  assert.deepEqual(texts.flatMap((text) => parseLines(text)).length, 10);
});

test('a command that is longer than a frame should be has one of its own', () => {
  const long = { data: 'x'.repeat(100) };

  assert.equal(linesOf([{ id: 1 }, long, { id: 2 }], 50).length, 3);
});

test('empty lines are none, and what is no object is refused', () => {
  assert.deepEqual(parseLines('{}\n\n{"id":1}\n'), [{}, { id: 1 }]);
  for (const text of ['5', 'null', '[]', '"x"', '{', '{}\n5', 7, undefined]) assert.equal(parseLines(text), null);
});
