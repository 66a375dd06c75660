import assert from 'node:assert/strict';
import { test } from 'node:test';

import { errorOf } from '../../../app/holdfast/web/client/errors.js';
import { needsLogin } from '../../../app/holdfast/web/client/tokens/need.js';

test('the login is asked for where nothing else helps', () => {
  assert.equal(errorOf({ slug: 'login_required' }).action, 'login');
  assert.ok(needsLogin(errorOf({ slug: 'login_required' })));
  assert.ok(needsLogin(errorOf({ kind: 'close', code: 3500, reason: 'user_revoked' })));
  assert.ok(!needsLogin(errorOf({ slug: 'offline' })));
});
