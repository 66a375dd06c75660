// @ts-check
/** To the login page and back to where the user was: once, never in a loop, never to another site. */

import '../codes-rest.js';
import { errorOf } from '../errors.js';
import { parsed } from '../http.js';
import { stored } from '../storage.js';
import { keepForms } from './forms.js';

const KEY = 'holdfast:login';
/** So many times in so many milliseconds the user may be sent to the login without having logged in. */
const MOST = 2;
const WITHIN = 60_000;

/** @typedef {import('../types.js').Environment} Environment */

/**
 * Leave for the login page, with the address of this one as `return` and what was typed kept.
 * @param {{page: string, environment: Environment, reason?: string}} options  `reason` is a slug, for a notice there
 * @returns {import('../errors.js').HoldfastError | null} why it did not: login_loop; null too if this is the login page
 */
export function goToLogin({ page, environment, reason }) {
  const target = new URL(page, environment.baseUrl);
  const here = new URL(environment.address());
  if (here.pathname === target.pathname && here.origin === target.origin) return null;
  const now = environment.wallClock();
  const tries = triesOf(environment).filter((at) => now - at >= 0 && now - at < WITHIN);
  if (tries.length >= MOST) {
    return errorOf({ slug: 'login_loop', detail: `${tries.length} times within ${WITHIN / 1000} s` });
  }
  // Without storage the way there is not counted.
  stored({ storage: environment.tabStorage }, (storage) => storage.setItem(KEY, JSON.stringify([...tries, now])));
  keepForms(environment);
  target.searchParams.set('return', here.pathname + here.search + here.hash);
  if (reason) target.searchParams.set('reason', reason);
  environment.navigate(target.href);
  return null;
}

/**
 * Where to go on after the login. Only paths of this origin count, whoever made the link.
 * @param {Environment} environment @param {string} [fallback]
 */
export function returnPath(environment, fallback = '/') {
  const here = new URL(environment.address());
  return safePath(here.searchParams.get('return'), here, fallback);
}

/** There is a session that works: the next way to the login is the first again. @param {Environment} environment */
export function forgetTries(environment) {
  stored({ storage: environment.tabStorage }, (storage) => storage.removeItem(KEY));
}

/** @param {string | null} path @param {URL} here @param {string} fallback */
export function safePath(path, here, fallback) {
  if (!path?.startsWith('/')) return fallback;
  try {
    const url = new URL(path, here.origin); // `//host`, `/\host` and control characters show as another origin here
    const isElsewhere = url.origin !== here.origin || url.pathname === here.pathname;
    return isElsewhere || url.pathname.startsWith('//') ? fallback : url.pathname + url.search + url.hash;
  } catch {
    return fallback;
  }
}

/** @param {Environment} environment @returns {number[]} */
function triesOf({ tabStorage: storage }) {
  const found = parsed(stored({ storage }, (kept) => kept.getItem(KEY)) ?? '');
  return Array.isArray(found) ? found.filter((at) => typeof at === 'number') : [];
}
