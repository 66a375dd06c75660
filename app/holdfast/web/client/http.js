// @ts-check
/** What all requests over HTTP have in common. */

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
  signal?.addEventListener('abort', abort);
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

/** @param {Response} response */
export function isHtml({ headers }) {
  return /html/i.test(headers.get('content-type') ?? '');
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
