// @ts-check
/** What all requests over HTTP have in common. */

import { onAbort } from './timer.js';
import { withoutTokens } from './tokens/check.js';

/**
 * Do what can be aborted, and abort it after a while.
 * @template T
 * @param {Pick<import('./types.js').Environment, 'setTimer' | 'clearTimer'>} environment
 * @param {number} milliseconds
 * @param {(controller: AbortController) => Promise<T>} work
 * @param {AbortSignal} [signal]  aborts it, too
 * @returns {Promise<T>}
 */
export async function abortAfter(environment, milliseconds, work, signal) {
  const controller = new AbortController();
  const abort = () => controller.abort();
  const timer = environment.setTimer(abort, milliseconds);
  onAbort(signal, abort);
  try {
    return await work(controller);
  } finally {
    environment.clearTimer(timer);
    signal?.removeEventListener('abort', abort);
  }
}

/** Answers are asked for with `redirect: 'manual'`, which hides where one leads. @param {Response} response */
export function isRedirect({ type, status }) {
  return type === 'opaqueredirect' || (status >= 300 && status < 400);
}

/** @param {Response} response @returns {number | undefined} milliseconds, at most an hour */
export function retryAfterOf(response) {
  const text = response.headers.get('retry-after') ?? '';
  const seconds = /^\d+$/.test(text) ? Number(text) : Date.parse(text) / 1000 - (dateOf(response) ?? NaN);
  return seconds >= 0 ? Math.min(seconds, 3600) * 1000 : undefined;
}

/** @param {Response} response @returns {number | undefined} seconds since 1970, by the server's clock */
export function dateOf({ headers }) {
  const at = Date.parse(headers.get('date') ?? '');
  return at > 0 ? at / 1000 : undefined;
}

/** @param {Response} response */
export function isHtml({ headers }) {
  return /html/i.test(headers.get('content-type') ?? '');
}

/** Whether nobody is between the page and there: browsers let pages go there without encryption, too. @param {string} url */
export function isLocal(url) {
  return /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(url).hostname);
}

/**
 * Who answers with a page of HTML: with encryption, or on the same machine, it is the server itself, which is no gateway
 * then; else it may be a network that wants a login.
 * @param {string} url
 */
export function slugOfPage(url) {
  return url.startsWith('https:') || (url && isLocal(url)) ? 'path_not_found' : 'captive_portal';
}

/** @param {string} text @returns {any} null where it is no JSON */
export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** What the gateway says of a cause in a body, in its own words. @param {any} body @returns {{meaning?: string, remedy?: string}} */
export function wordsOf(body) {
  const { message, meaning = message, remedy } = body ?? {};
  return { meaning: textIn(meaning), remedy: textIn(remedy) };
}

/** @param {unknown} value @returns {string | undefined} bounded, without tokens and not empty */
export function textIn(value) {
  return (typeof value === 'string' && withoutTokens(value)) || undefined;
}
