// @ts-check
/** Keeps what the user typed, in this tab alone, while they log in again; never a password, a code or a card number. */

import { browserEnvironment } from '../environment.js';
import { parsed } from '../http.js';
import { stored } from '../storage.js';

const KEY = 'holdfast:form:';
const LARGEST = 100_000;
const SECRET = /password|one-time-code|^cc-/;
const UNFIT = new Set(['password', 'hidden', 'file', 'submit', 'button', 'image', 'reset']);

/** @typedef {import('../types.js').Environment} Environment */

/** What inputs, text areas and selects have in common. @typedef {{name: string, type: string, value: string, checked?: boolean}} Field */

/** @typedef {{id?: string, elements: ArrayLike<any>, getAttribute?: (name: string) => string | null}} FormLike */

/**
 * Keep one form.
 * @param {FormLike} form @param {Environment} environment @param {number} [index]  of forms without id or name
 */
export function keepForm(form, environment, index = 0) {
  const kept = fieldsOf(form).map(({ name, type, value, checked }) => [name, type, value, checked ?? null]);
  const text = JSON.stringify(kept);
  if (kept.length === 0 || text.length > LARGEST) return;
  stored({ storage: environment.tabStorage }, (storage) => storage.setItem(keyOf(form, environment, index), text));
}

/**
 * Put back what was kept, once; fields that the user has touched meanwhile stay.
 * @param {FormLike} form @param {Environment} environment @param {number} [index]
 * @returns {boolean} whether there was something
 */
export function restoreForm(form, environment, index = 0) {
  const kept = take(keyOf(form, environment, index), environment);
  const free = fieldsOf(form);
  for (const [name, type, value, checked] of kept) {
    const isChoice = type === 'checkbox' || type === 'radio';
    const isIt = (/** @type {Field} */ field) =>
      field.name === name && field.type === type && (!isChoice || field.value === value);
    const at = free.findIndex(isIt);
    if (at < 0) continue;
    const [field] = free.splice(at, 1);
    if (isChoice) field.checked = checked === true;
    else if (field.value === '' || type.startsWith('select')) field.value = String(value);
  }
  return kept.length > 0;
}

/** Keep all forms of the page. @param {Environment} environment */
export function keepForms(environment) {
  formsOf(environment).forEach((form, index) => keepForm(form, environment, index));
}

/** Put back what was kept of all forms of the page. @param {Environment} [environment] */
export function restoreForms(environment = browserEnvironment()) {
  formsOf(environment).forEach((form, index) => restoreForm(form, environment, index));
}

/** @param {Environment} environment @returns {FormLike[]} */
function formsOf({ document }) {
  return Array.from(/** @type {any} */ (document)?.forms ?? []);
}

/** @param {FormLike} form @returns {Field[]} */
function fieldsOf(form) {
  return Array.from(form.elements).filter(
    ({ name, type, autocomplete, dataset }) =>
      name && type && !UNFIT.has(type) && !SECRET.test(autocomplete ?? '') && dataset?.keep !== 'no',
  );
}

/** @param {FormLike} form @param {Environment} environment @param {number} index */
function keyOf(form, environment, index) {
  const name = form.getAttribute?.('id') || form.getAttribute?.('name') || index;
  return `${KEY}${new URL(environment.address()).pathname}:${name}`;
}

/** @param {string} key @param {Environment} environment @returns {any[][]} */
function take(key, { tabStorage: storage }) {
  const found = parsed(stored({ storage }, (kept) => kept.getItem(key)) ?? '');
  stored({ storage }, (kept) => kept.removeItem(key));
  return Array.isArray(found) ? found.filter(Array.isArray) : [];
}
