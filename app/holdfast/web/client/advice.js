// @ts-check
/**
 * What each cause means, what a getToken means by its own, and a word to whoever has to do something about one: users
 * can't, so it stands on the page's console. Loaded on demand.
 */

import './texts.js';

export { meantBy } from './tokens/meaning.js';

/** The last cause that was spoken of. @type {WeakMap<import('./types.js').Environment, string>} */
const told = new WeakMap();

/** No attempt follows by itself. @param {import('./errors.js').HoldfastError} error @param {import('./types.js').Environment} environment */
export function onStopped(error, environment) {
  if (error.action === 'stop') advise(error, environment);
}

/** Never twice in a row of the same. @param {import('./errors.js').HoldfastError} error @param {import('./types.js').Environment} environment */
export function advise({ slug, number, meaning, remedy, detail, attempt }, environment) {
  if (told.get(environment) === slug) return;
  told.set(environment, slug);
  environment.warn(`Holdfast: ${slug} (${number}). ${[meaning, remedy, detail && `(${detail})`].filter(Boolean).join(' ')} Attempt ${attempt}`);
}
