import assert from 'node:assert/strict';
import { test } from 'node:test';

import { stored } from '../../../app/holdfast/web/client/storage.js';
import { FakeStorage } from '../fakes.mjs';

test('a storage that is missing, full or forbidden has nothing, and breaks nothing', () => {
  const forbidden = () => {
    throw new DOMException('no', 'SecurityError');
  };

  assert.equal(stored({ storage: undefined }, () => 'something'), undefined);
  assert.equal(stored({ storage: new FakeStorage() }, forbidden), undefined);
  assert.equal(stored({ storage: new FakeStorage() }, (storage) => storage.getItem('none')), null);
});
