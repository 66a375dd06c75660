import assert from 'node:assert/strict';
import { test } from 'node:test';

import '../../../app/holdfast/web/client/codes-rest.js';
import { EN } from '../../../app/holdfast/web/client/lang/en.js';
import { chooseLanguage, Language, loadLanguage } from '../../../app/holdfast/web/client/lang/language.js';
import { PT_BR } from '../../../app/holdfast/web/client/lang/pt-br.js';

const NAMES = ['en', 'pt-br'];

test('the first wish that says anything decides', () => {
  assert.equal(chooseLanguage([undefined, '', 'pt-BR', 'en'], NAMES), 'pt-br');
  assert.equal(chooseLanguage(['en-GB', 'pt-BR'], NAMES), 'en');
});

test('a language without texts of the same region takes those of another', () => {
  assert.equal(chooseLanguage(['pt'], NAMES), 'pt-br');
  assert.equal(chooseLanguage(['pt_PT'], NAMES), 'pt-br');
});

test('a language without texts is English', () => {
  assert.equal(chooseLanguage(['fi'], NAMES), 'en');
  assert.equal(chooseLanguage([], NAMES), 'en');
});

test('both languages have the same keys, the same kinds of texts and the same placeholders', () => {
  const shapes = (texts) => Object.fromEntries(Object.entries(texts).map(([key, value]) => [key, shapeOf(value)]));

  assert.deepEqual(shapes(PT_BR), shapes(EN));
});

test('no text is empty or has blanks around it', () => {
  for (const [key, value] of [...Object.entries(EN), ...Object.entries(PT_BR)]) {
    for (const text of Object.values(typeof value === 'string' ? [value] : value)) {
      assert.ok(text.length > 1 && text === text.trim(), `${key}: ${JSON.stringify(text)}`);
    }
  }
});

test('an application replaces single texts, the rest stays', async () => {
  const language = await loadLanguage({ language: 'pt-BR', texts: { 'state.connected': 'No ar' } });

  assert.equal(language.text('state.connected'), 'No ar');
  assert.equal(language.text('action.retry'), 'Tentar agora');
});

test('an application replaces the text of one cause, or of all that mean the same', () => {
  const texts = { 'cause.connection_limit': ['One window only.', 'Close this one.'], 'cause.crowded': ['Full.', 'Wait.'] };
  const language = new Language('en', texts);

  assert.equal(language.cause({ slug: 'connection_limit', action: 'stop' }).title, 'One window only.');
  assert.equal(language.cause({ slug: 'address_connection_limit', action: 'retry' }).title, 'Full.');
});

test('an application brings a language of its own, and English fills its gaps', async () => {
  const languages = { de: async () => ({ 'state.connected': 'Verbunden' }) };
  const language = await loadLanguage({ wishes: ['de-AT'], languages });

  assert.equal(language.tag, 'de');
  assert.equal(language.text('state.connected'), 'Verbunden');
  assert.equal(language.text('action.retry'), 'Try now');
});

test('a language that cannot be loaded is English, with the texts of the application', async () => {
  const languages = { de: async () => { throw new TypeError('no network'); } };
  const language = await loadLanguage({ language: 'de', languages, texts: { 'action.retry': 'Los' } });

  assert.equal(language.tag, 'en');
  assert.equal(language.text('action.retry'), 'Los');
});

test('a number chooses its plural', () => {
  const [english, portuguese] = [new Language(), new Language('pt-br', PT_BR)];

  assert.equal(english.text('detail.times', { count: 1 }), '1 time');
  assert.equal(english.text('detail.times', { count: 1200 }), '1,200 times');
  assert.equal(portuguese.text('detail.times', { count: 1 }), '1 vez');
  assert.equal(portuguese.text('detail.times', { count: 1_000_000 }), '1.000.000 vezes');
});

test('times are in the unit that fits', () => {
  const portuguese = new Language('pt-br', PT_BR);

  assert.equal(new Language().duration(4_200), '5 seconds');
  assert.equal(portuguese.duration(1_000), '1 segundo');
  assert.equal(portuguese.duration(130_000), '2 minutos');
  assert.equal(portuguese.duration(5_400_000), '1,5 hora');
  assert.equal(portuguese.milliseconds(1480), '1.480 ms');
});

test('who has to wait is told how long, where it is known', () => {
  const locked = { slug: 'login_locked', action: 'retry' };
  const language = new Language();

  assert.equal(language.cause({ ...locked, retryAfter: 120_000 }).hint, 'Try again in 2 minutes.');
  assert.equal(language.cause(locked).hint, 'Wait a few minutes, then try again.');
});

test('a text that does not exist is empty', () => {
  assert.equal(new Language().text('no.such.key'), '');
});

function shapeOf(value) {
  const placeholders = (text) => (text.match(/\{\w+\}/g) ?? []).join();
  if (typeof value === 'string') return placeholders(value);
  return Array.isArray(value) ? value.map(placeholders) : placeholders(value.other);
}
