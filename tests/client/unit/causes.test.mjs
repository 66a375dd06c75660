import assert from 'node:assert/strict';
import { test } from 'node:test';
import { causes } from '../../../app/holdfast/web/client/causes.js';
import { errorOf, HoldfastError, knownSlugs } from '../../../app/holdfast/web/client/errors.js';

const { QueueFullError } = causes;

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

test('every cause has a class of its own, by its name', () => {
  assert.equal(Object.keys(causes).length, knownSlugs().length);
  for (const [name, Class] of Object.entries(causes)) {
    const error = new Class('why');

    assert.deepEqual([error.name, Class.name], [name, name]);
    assert.ok(errorOf({ slug: error.slug }) instanceof Class);
  }
});

test('the end of a name is Error once, and no two causes share one', () => {
  const { ApplicationCloseError, ApplicationError, InternalError } = causes;

  assert.ok(errorOf({ slug: 'application' }) instanceof ApplicationCloseError);
  assert.ok(errorOf({ slug: 'application_error' }) instanceof ApplicationError);
  assert.ok(errorOf({ slug: 'internal_error' }) instanceof InternalError);
});
