import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Announcer } from '../../../app/holdfast/web/client/announcer.js';

test('what a listener sets off is told behind what is being told', () => {
  const told = [];
  const announcer = new Announcer((name) => {
    told.push(name);
    if (name === 'first') {
      announcer.add('third', {});
      announcer.flush();
    }
  });
  announcer.add('first', {});
  announcer.add('second', {});
  announcer.flush();

  assert.deepEqual(told, ['first', 'second', 'third']);
});

test('nothing is told before flush', () => {
  const told = [];
  const announcer = new Announcer((name) => told.push(name));
  announcer.add('first', {});

  assert.deepEqual(told, []);
});
