import assert from 'node:assert/strict';
import { test } from 'node:test';

import '../../../app/holdfast/web/client/codes-rest.js';
import { errorOf, knownSlugs } from '../../../app/holdfast/web/client/errors.js';
import { EN } from '../../../app/holdfast/web/client/lang/en.js';
import { Language } from '../../../app/holdfast/web/client/lang/language.js';
import { PT_BR } from '../../../app/holdfast/web/client/lang/pt-br.js';
import { SLUGS, topicOf } from '../../../app/holdfast/web/client/lang/topics.js';

const ALL = knownSlugs();
const LANGUAGES = [new Language('en', EN), new Language('pt-br', PT_BR)];

test('each cause that the client can meet has words in both languages', () => {
  for (const slug of ALL) {
    for (const language of LANGUAGES) {
      const { title, hint } = language.cause(errorOf({ slug }));

      assert.match(title, /^.{8,}\.$/, `${language.tag} ${slug}`);
      assert.match(hint, /^.{8,}\.$/, `${language.tag} ${slug}`);
    }
  }
});

test('each topic has a slug, and each text of a cause its topic', () => {
  const topics = new Set([...SLUGS.map((slug) => topicOf({ slug, action: 'stop' })), 'retry', 'stop']);
  const texts = Object.keys(EN).filter((key) => key.startsWith('cause.'));

  assert.deepEqual(texts.map((key) => key.slice(6)).sort(), [...topics].sort());
});

test('each slug of a topic is one of the table', () => {
  assert.deepEqual(SLUGS.filter((slug) => !ALL.includes(slug)), []);
});

test('a cause that this client is too old for goes by what is done about it', () => {
  assert.equal(topicOf({ slug: 'of_tomorrow', action: 'retry' }), 'retry');
  assert.equal(topicOf({ slug: 'of_tomorrow', action: 'stop' }), 'stop');
  assert.equal(topicOf({ slug: 'of_tomorrow', action: 'login' }), 'login');
  assert.equal(topicOf({ slug: 'of_tomorrow', action: 'fetch_token' }), 'renewing');
});

test('no text has words that only developers know', () => {
  const jargon = /websocket|socket|token|http|proto[ck]ol|payload|timeout|backoff|JWT|cache/i;
  for (const texts of [EN, PT_BR]) {
    for (const [key, value] of Object.entries(texts)) {
      for (const text of Object.values(typeof value === 'string' ? [value] : value)) assert.doesNotMatch(text, jargon, key);
    }
  }
});
