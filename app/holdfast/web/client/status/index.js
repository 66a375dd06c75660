// @ts-check
/** The face of a connection, loaded when a page wants it: `(await import('.../status/index.js')).showStatus(service)`. */

import { browserEnvironment } from '../environment.js';
import { loadLanguage } from '../lang/language.js';
import { HoldfastStatus, wishesOf } from './element.js';

export { chooseLanguage, Language, loadLanguage } from '../lang/language.js';
export { HoldfastStatus } from './element.js';

/**
 * @typedef {object} StatusOptions
 * @property {boolean} [toasts]  notices too; on by default
 * @property {string} [language]  such as `pt-BR`; that of the page by default
 * @property {import('../lang/language.js').Texts} [texts]  of the application, in place of single ones
 * @property {Record<string, import('../lang/language.js').LoadTexts>} [languages]  further ones
 * @property {Element} [into]  makes a `<holdfast-status>` there
 * @property {() => void} [onLogin]  what "Log in again" does; by default the service tries again, and asks for a login
 * @property {EventTarget} [notices]  tells `notice` {error}, as loginTokens() does: each becomes a toast
 * @property {import('../types.js').Environment} [environment]
 */

/**
 * Show the state of a service in each `<holdfast-status>` of the page, also in those that come later, and as toasts.
 * @param {any} service
 * @param {StatusOptions} [options]
 */
export async function showStatus(service, options = {}) {
  const { environment = browserEnvironment(), into, onLogin = null } = options;
  const language = await loadLanguage({ ...options, wishes: wishesOf(into, environment) });
  const toasts = options.toasts === false ? null : new (await import('./toasts.js')).Toasts(service, { ...options, language, environment });
  const take = giveTo(into, { onLogin, environment, language, service }, toasts !== null);
  return {
    toasts,
    language,
    /** Take away what was added. */
    close() {
      take();
      toasts?.close();
    },
  };
}

/**
 * Give a service and what belongs to it to all elements, and to one made for it.
 * @param {Element | undefined} into @param {object} facts @param {boolean} isQuiet  or everything would be spoken twice
 * @returns {() => void} undoes it, as far as it can be seen
 */
function giveTo(into, facts, isQuiet) {
  const stop = new AbortController();
  /** @type {Set<HoldfastStatus>} */
  const given = new Set();
  const give = (/** @type {any} */ element) => {
    element.toggleAttribute('quiet', isQuiet);
    given.add(Object.assign(element, facts));
  };
  document.addEventListener('holdfast-status', (event) => give(event.composedPath()[0]), { signal: stop.signal });
  const made = into && document.createElement('holdfast-status');
  if (made) into.append(made); // it asks for a service itself, if it is in the page by that
  const waiting = [...document.querySelectorAll('holdfast-status'), ...(made ? [made] : [])];
  for (const element of /** @type {any[]} */ (waiting)) if (!element.service) give(element);
  return () => {
    stop.abort();
    for (const element of given) element.removeAttribute('quiet');
    made?.remove();
  };
}
