import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Emitter } from '../../../app/holdfast/web/client/emitter.js';
import { settle } from '../fakes.mjs';

function emitterOf() {
  const faults = [];
  return { faults, emitter: new Emitter((fault, event) => faults.push([event, fault.message])) };
}

test('a listener that throws breaks nothing', async () => {
  const { emitter, faults } = emitterOf();
  const heard = [];
  emitter.addEventListener('news', () => {
    throw new Error('broken');
  });
  emitter.addEventListener('news', async () => {
    throw new Error('rejected');
  });
  emitter.addEventListener('news', ({ detail }) => heard.push(detail));

  emitter.emit('news', { data: 1 });
  await settle();

  assert.deepEqual(heard, [{ data: 1 }]);
  assert.deepEqual(faults, [['news', 'broken'], ['news', 'rejected']]);
});

test('a listener that was added twice counts once, and can be removed', () => {
  const { emitter } = emitterOf();
  let calls = 0;
  const listener = { handleEvent: () => (calls += 1) };

  emitter.addEventListener('news', listener);
  emitter.addEventListener('news', listener);
  emitter.addEventListener('news', null);
  emitter.emit('news', {});
  emitter.removeEventListener('news', listener);
  emitter.removeEventListener('news', null);
  emitter.emit('news', {});

  assert.equal(calls, 1);
});

test('options of listeners hold', () => {
  const { emitter } = emitterOf();
  let calls = 0;
  emitter.addEventListener('news', () => (calls += 1), { once: true });

  emitter.emit('news', {});
  emitter.emit('news', {});

  assert.equal(calls, 1);
});
