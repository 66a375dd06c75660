import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { errorOf, isKnown } from '../../../app/holdfast/web/client/errors.js';

const REST = new URL('../../../app/holdfast/web/client/codes-rest.js', import.meta.url);

/** The causes of codes-rest.js, which is not loaded here. */
function rest() {
  const table = /addCodes\(`([^`]+)`\)/.exec(readFileSync(REST, 'utf8'))[1];
  return table.split('\n').flatMap((line) => {
    const [action, ...words] = line.split(' ');
    let number = 0;
    return words.flatMap((slug) => {
      const given = Number(slug);
      number = given >= 0 ? given - 1 : number + 1;
      return given >= 0 ? [] : [{ number, action, slug }];
    });
  });
}

/** Numbers of different kinds do not meet; those below 100 never travel, and from 1910 on there are those of HTTP. */
const kindOf = (number) => (number < 1000 || number === 1900 ? 'error' : number >= 2000 && number < 3000 ? 'unsubscribe' : 'close');

test('what comes from the server is named and decided without the rest of the table', () => {
  const told = rest().filter(({ number }) => number >= 100 && (number < 1910 || number >= 2000));
  assert.ok(told.length > 70);

  for (const { number, action, slug } of told) {
    const error = errorOf({ kind: kindOf(number), code: number, reason: slug, temporary: action === 'retry' });

    assert.ok(!isKnown(slug));
    assert.deepEqual([error.slug, error.number, error.action], [slug, number, action]);
  }
});

test('a cause of the core has the number that the table gives it, 0 too', () => {
  const rows = { unsubscribed_by_client: 0, open_failed: 2, import_failed: 10, page_frozen: 16, login_required: 35, token_missing: 3501, token_claims: 3500 };

  assert.deepEqual(Object.fromEntries(Object.keys(rows).map((slug) => [slug, errorOf({ slug }).number])), rows);
});
