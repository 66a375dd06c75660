// @ts-check
/** HTTP as the fallback transports use it: requests that go nowhere else, and a named cause for whatever comes instead. */

import '../codes-rest.js';
import { isHtml, isRedirect, retryAfterOf, wordsOf } from '../http.js';

/** @typedef {import('../types.js').Environment} Environment */
/** @typedef {import('../types.js').Command} Command */
/** @typedef {{code: number, reason: string, slug: string, status?: number, retryAfter?: number, meaning?: string, remedy?: string}} Cause */

/** Characters of a line or an answer beyond which nothing is read: four times what the gateway lets wait for a client. */
export const LONGEST = 4_194_304;
/** Without a close frame: nobody said a word. */
export const NO_WORD = 1006;
/** The client leaves a server that it does not understand. */
export const GAVE_UP = 4000;

/** Characters of a body. In UTF-8, and quoted once more for /emulation, they stay below the gateway's 64 KiB. */
const BATCH = 16_384;
const SLUG = /^[a-z0-9_]{1,64}$/;

/**
 * Post a text. Its default type, text/plain, spares pages of other origins a preflight. Cookies go along, as they do
 * with a WebSocket: balancers keep a session at its instance by them. Redirects are not followed, since they would
 * carry tokens elsewhere; and `manual` lets them be told from a dead network, which `error` would not.
 * @param {Environment} environment
 * @param {string} url
 * @param {string} body
 * @param {RequestInit} more
 * @returns {Promise<Response>}
 */
export function post(environment, url, body, more) {
  const fetch = /** @type {typeof globalThis.fetch} */ (environment.fetch);
  return fetch(url, { method: 'POST', body, cache: 'no-store', credentials: 'include', redirect: 'manual', ...more });
}

/**
 * Say what an answer means that is not the one that was hoped for.
 * @param {Response} response
 * @returns {Promise<Cause>}
 */
export async function causeOf(response) {
  const { status } = response;
  if (isRedirect(response) || status === 511 || (response.ok && isHtml(response))) {
    discard(response);
    return because('captive_portal', status);
  }
  const body = await jsonOf(response);
  const { code, slug } = body ?? {};
  if (typeof slug === 'string' && SLUG.test(slug) && Number.isInteger(code)) {
    return { code, reason: slug, slug, status, retryAfter: retryAfterOf(response), ...wordsOf(body) };
  }
  return { ...because(silentCause(status), status), retryAfter: retryAfterOf(response) };
}

/** @param {string} slug @param {number} [status] @returns {Cause} */
export function because(slug, status) {
  return { code: NO_WORD, reason: '', slug, status };
}

/** The server is there, and what it says makes no sense. @param {string} slug @returns {Cause} */
export function nonsense(slug) {
  return { code: GAVE_UP, reason: slug, slug };
}

/** @param {Response} response @returns {string} */
export function typeOf(response) {
  return (response.headers.get('content-type') ?? '').toLowerCase();
}

/**
 * @param {Response} response
 * @returns {Promise<any>} undefined where it is no JSON, too long, or cut off
 */
export async function jsonOf(response) {
  try {
    return JSON.parse(await textOf(response));
  } catch {
    return undefined;
  }
}

/**
 * Read a body, and no more of it than a little beyond LONGEST. Rejects as textsOf does.
 * @param {Response} response
 * @returns {Promise<string>}
 */
export async function textOf(response) {
  const parts = [];
  let length = 0;
  for await (const text of textsOf(response)) {
    parts.push(text);
    length += text.length;
    if (length > LONGEST) break; // which cancels what still comes
  }
  return parts.join('');
}

/**
 * Read a body while it comes. Rejects where it is cut off (TypeError, AbortError) or is no UTF-8 (EncodingError).
 * @param {Response} response
 * @returns {AsyncGenerator<string, void, void>}
 */
export async function* textsOf(response) {
  const reader = response.body?.getReader();
  if (!reader) return;
  const decoder = new TextDecoder('utf-8', { fatal: true });
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      yield decode(decoder, part.value);
    }
  } finally {
    reader.cancel().catch(() => {}); // it may have ended, in whatever way
  }
}

/** @param {Response} response  whose body nobody wants */
export function discard(response) {
  response.body?.cancel().catch(() => {});
}

/**
 * @param {Command[]} queue  what waits; what is returned is taken from it
 * @returns {Command[]} as many as fit into one body, in order
 */
export function takeBatch(queue) {
  let size = 0;
  let count = 0;
  for (const command of queue) {
    size += JSON.stringify(command).length + 1;
    if (count > 0 && size > BATCH) break;
    count += 1;
  }
  return queue.splice(0, count);
}

/** @param {TextDecoder} decoder @param {Uint8Array} bytes */
function decode(decoder, bytes) {
  try {
    return decoder.decode(bytes, { stream: true });
  } catch {
    throw new DOMException('not UTF-8', 'EncodingError');
  }
}

/** @param {number} status  of an answer that is not the gateway's */
function silentCause(status) {
  if (status === 404) return 'path_not_found';
  return status >= 500 ? 'upgrade_no_gateway' : 'answer_malformed';
}
