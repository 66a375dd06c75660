import assert from 'node:assert/strict';
import { test } from 'node:test';

test('a server that renders pages can load all of it, though it has no elements', async () => {
  const { HoldfastStatus, showStatus, loadLanguage } = await import('../../../app/holdfast/web/client/status/index.js');
  const { Toasts } = await import('../../../app/holdfast/web/client/status/toasts.js');

  for (const each of [HoldfastStatus, showStatus, loadLanguage, Toasts]) assert.equal(typeof each, 'function');
});
