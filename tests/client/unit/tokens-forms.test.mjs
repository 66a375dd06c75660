import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keepForm, keepForms, restoreForm, restoreForms } from '../../../app/holdfast/web/client/tokens/forms.js';
import { fakeEnvironment } from '../fakes.mjs';

const field = (name, type, value, more = {}) => ({ name, type, value, ...more });
const formOf = (...elements) => ({ elements, getAttribute: () => null });

function kept(...elements) {
  const environment = fakeEnvironment();
  keepForm(formOf(...elements), environment);
  return environment;
}

test('what was typed comes back, once', () => {
  const environment = kept(field('text', 'textarea', 'long letter'), field('to', 'text', 'bob'));
  const form = formOf(field('text', 'textarea', ''), field('to', 'text', ''));

  assert.ok(restoreForm(form, environment));
  assert.deepEqual(form.elements.map(({ value }) => value), ['long letter', 'bob']);
  assert.ok(!restoreForm(form, environment));
});

test('passwords, codes and card numbers are never kept', () => {
  const environment = kept(
    field('p', 'password', 'hunter2'), field('otp', 'text', '123456', { autocomplete: 'one-time-code' }),
    field('old', 'text', 'hunter3', { autocomplete: 'current-password' }), field('card', 'text', '4111', { autocomplete: 'cc-number' }),
    field('csrf', 'hidden', 'abc'), field('no', 'text', 'private', { dataset: { keep: 'no' } }), field('yes', 'text', 'fine'),
  );
  const text = environment.tabStorage.getItem('holdfast:form:/:0');

  assert.deepEqual(JSON.parse(text), [['yes', 'text', 'fine', null]]);
});

test('choices come back as they were', () => {
  const environment = kept(
    field('size', 'radio', 's', { checked: false }), field('size', 'radio', 'l', { checked: true }),
    field('news', 'checkbox', 'on', { checked: true }), field('land', 'select-one', 'br'),
  );
  const form = formOf(
    field('size', 'radio', 's', { checked: true }), field('size', 'radio', 'l', { checked: false }),
    field('news', 'checkbox', 'on', { checked: false }), field('land', 'select-one', 'de'),
  );
  restoreForm(form, environment);

  assert.deepEqual(form.elements.map(({ checked, value }) => checked ?? value), [false, true, true, 'br']);
});

test('what the user has typed meanwhile stays', () => {
  const environment = kept(field('to', 'text', 'bob'));
  const form = formOf(field('to', 'text', 'carol'));
  restoreForm(form, environment);

  assert.equal(form.elements[0].value, 'carol');
});

test('fields of one name come back in their order', () => {
  const environment = kept(field('line', 'text', 'one'), field('line', 'text', 'two'));
  const form = formOf(field('line', 'text', ''), field('line', 'text', ''));
  restoreForm(form, environment);

  assert.deepEqual(form.elements.map(({ value }) => value), ['one', 'two']);
});

test('all forms of a page are kept, each page for itself', () => {
  const environment = fakeEnvironment();
  const page = () => [formOf(field('a', 'text', 'first')), { ...formOf(field('a', 'text', 'second')), getAttribute: () => 'letter' }];
  environment.document.forms = page();
  keepForms(environment);
  environment.document.forms = page().map((form) => ({ ...form, elements: [field('a', 'text', '')] }));
  environment.href = 'https://app.example/other';
  restoreForms(environment);
  assert.deepEqual(environment.document.forms.map(({ elements }) => elements[0].value), ['', '']);
  environment.href = 'https://app.example/?back=1';
  restoreForms(environment);

  assert.deepEqual(environment.document.forms.map(({ elements }) => elements[0].value), ['first', 'second']);
});

test('a full, missing or broken storage loses the text and nothing else', () => {
  const full = fakeEnvironment({ tabStorage: { setItem: () => { throw new DOMException('full', 'QuotaExceededError'); } } });
  keepForm(formOf(field('a', 'text', 'x')), full);
  const broken = fakeEnvironment();
  broken.tabStorage.setItem('holdfast:form:/:0', '{"not": "ours"}');

  for (const environment of [broken, fakeEnvironment({ tabStorage: undefined })]) assert.ok(!restoreForm(formOf(field('a', 'text', '')), environment));
});

test('a form too large for the storage is not kept', () => {
  const environment = kept(field('a', 'textarea', 'x'.repeat(200_000)));

  assert.equal(environment.tabStorage.getItem('holdfast:form:/:0'), null);
});
