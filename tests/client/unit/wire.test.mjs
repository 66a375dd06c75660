import assert from 'node:assert/strict';
import { test } from 'node:test';

import { infoOf, publicationOf } from '../../../app/holdfast/web/client/wire.js';

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
});
