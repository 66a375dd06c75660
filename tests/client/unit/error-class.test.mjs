import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorClass } from '../../../app/holdfast/web/client/error-class.js';
import { errorOf, HoldfastError } from '../../../app/holdfast/web/client/errors.js';

const QueueFullError = errorClass('queue_full');

test('an error belongs to the class of its slug, whoever made it', () => {
  assert.ok(errorOf({ slug: 'queue_full' }) instanceof QueueFullError);
  assert.ok(!(errorOf({ slug: 'queue_timeout' }) instanceof QueueFullError));
  assert.ok(!(new Error('queue_full') instanceof QueueFullError));
});

test('one made of the class has its slug, name and detail', () => {
  const error = new QueueFullError('1000 wait');

  assert.ok(error instanceof HoldfastError);
  assert.equal(error.slug, 'queue_full');
  assert.equal(error.detail, '1000 wait');
  assert.equal(QueueFullError.name, 'QueueFullError');
});
