import assert from 'node:assert/strict';
import { test } from 'node:test';

import { shapes } from '../../../app/holdfast/web/client/shapes.js';

test('fields that the protocol leaves out are there', () => {
  assert.deepEqual(shapes.history({}, 'news'), { publications: [], offset: 0, epoch: '' });
  assert.deepEqual(shapes.presence({}), {});
  assert.deepEqual(shapes.presence_stats({}), { numClients: 0, numUsers: 0 });
});

test('results of history and presence are converted', () => {
  const history = shapes.history({ publications: [{ data: 1, offset: 1 }], offset: 1, epoch: 'e' }, 'news');

  assert.deepEqual(history, { publications: [{ channel: 'news', data: 1, offset: 1 }], offset: 1, epoch: 'e' });
  assert.deepEqual(shapes.presence({ presence: { c: { user: 'ann', client: 'c' } } }), { c: { user: 'ann', client: 'c' } });
  assert.deepEqual(shapes.presence_stats({ num_clients: 2, num_users: 1 }), { numClients: 2, numUsers: 1 });
});
