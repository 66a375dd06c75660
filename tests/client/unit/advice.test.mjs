import assert from 'node:assert/strict';
import { test } from 'node:test';

import { advise, onStopped } from '../../../app/holdfast/web/client/advice.js';
import '../../../app/holdfast/web/client/codes-rest.js';
import { errorOf } from '../../../app/holdfast/web/client/errors.js';
import { fakeEnvironment } from '../fakes.mjs';

const error = (slug) => errorOf({ slug, detail: 'came x', attempt: 'a1', meaning: 'It is so.', remedy: 'Do that.' });

test('who stops for good says on the console why, and what to do', () => {
  const environment = fakeEnvironment();
  onStopped(error('origin_not_allowed'), environment);

  assert.deepEqual(environment.warnings, ['Holdfast: origin_not_allowed (1910). It is so. Do that. (came x) Attempt a1']);
});

test('the same cause is not said twice in a row, another is', () => {
  const environment = fakeEnvironment();
  for (const slug of ['not_found', 'not_found', 'mixed_content', 'not_found']) advise(error(slug), environment);

  assert.deepEqual(environment.warnings.map((text) => text.split(' ')[1]), ['not_found', 'mixed_content', 'not_found']);
});

test('what a login mends is not said', () => {
  const environment = fakeEnvironment();
  onStopped(errorOf({ slug: 'login_required' }), environment);

  assert.deepEqual(environment.warnings, []);
});

test('a cause has its words with it, whoever found it', () => {
  const environment = fakeEnvironment();
  advise(errorOf({ slug: 'mixed_content' }), environment);

  assert.match(environment.warnings[0], /by https.*Use wss:/);
});
