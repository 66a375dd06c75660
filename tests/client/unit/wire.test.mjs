import assert from 'node:assert/strict';
import { test } from 'node:test';

import { historyOf, infoOf, presenceOf, presenceStatsOf, publicationOf } from '../../../app/holdfast/web/client/wire.js';

test('a publication has what came, in the words of the application', () => {
  const raw = { data: 1, offset: 2, tags: { a: 'b' }, info: { user: 'ann', client: 'c', conn_info: 3, chan_info: 4 }, delta: true };

  assert.deepEqual(publicationOf('news', raw), {
    channel: 'news',
    data: 1,
    offset: 2,
    tags: { a: 'b' },
    info: { user: 'ann', client: 'c', connInfo: 3, chanInfo: 4 },
  });
  assert.deepEqual(publicationOf('news', { data: null }), { channel: 'news', data: null });
  assert.deepEqual(publicationOf('news', undefined), { channel: 'news', data: undefined });
});

test('fields that the protocol leaves out are there', () => {
  assert.deepEqual(infoOf(undefined), { user: '', client: '' });
  assert.deepEqual(historyOf('news', {}), { publications: [], offset: 0, epoch: '' });
  assert.deepEqual(presenceOf({}), {});
  assert.deepEqual(presenceStatsOf({}), { numClients: 0, numUsers: 0 });
});

test('results of history and presence are converted', () => {
  const history = historyOf('news', { publications: [{ data: 1, offset: 1 }], offset: 1, epoch: 'e' });

  assert.deepEqual(history, { publications: [{ channel: 'news', data: 1, offset: 1 }], offset: 1, epoch: 'e' });
  assert.deepEqual(presenceOf({ presence: { c: { user: 'ann', client: 'c' } } }), { c: { user: 'ann', client: 'c' } });
  assert.deepEqual(presenceStatsOf({ num_clients: 2, num_users: 1 }), { numClients: 2, numUsers: 1 });
});
