import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { errorOf, isKnown } from '../../../app/holdfast/web/client/errors.js';

const REST = new URL('../../../app/holdfast/web/client/codes-rest.js', import.meta.url);

/** The causes of codes-rest.js, which is not loaded here. */
function rest() {
  const table = /addCodes\(`([^`]+)`\)/.exec(readFileSync(REST, 'utf8'))[1];
  return table.split('\n').flatMap((line) => {
    const [kind, number, action, ...slugs] = line.split(' ');
    return slugs.map((slug) => ({ kind, number: Number(number), action, slug }));
  });
}

test('what comes from the server is named and decided without the rest of the table', () => {
  const told = rest().filter(({ kind }) => kind !== 'http');
  assert.ok(told.length > 80);

  for (const { kind, number, action, slug } of told) {
    const error = errorOf({ kind, code: number, reason: slug, temporary: action === 'retry' });

    assert.ok(!isKnown(slug));
    assert.deepEqual([error.slug, error.number, error.action], [slug, number, action]);
  }
});
