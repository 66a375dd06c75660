// @ts-check
/** Asks the gateway why an attempt failed, of which a browser tells a page nothing but 1006. Loaded on demand. */

import './codes-rest.js';
import { isMisplaced, schemeFault } from './address-faults.js';
import { advise } from './advice.js';
import { errorOf } from './errors.js';
import { abortAfter, isHtml, isRedirect, parsed, slugOfPage, textIn, wordsOf } from './http.js';
import { withQuery } from './options.js';
import { pause } from './timer.js';
import { withoutTokens } from './tokens/check.js';
import { discard, textOf } from './transports/answers.js';

const TIMEOUT = 5000;
/** Another instance may have seen the attempt and not yet said so. */
const SECOND_LOOK = 500;

/** What keeps WebSockets out may let the next transport through. */
const OF_WEBSOCKETS = new Set(['upgrade_stripped', 'upgrade_required', 'bad_handshake', 'method_not_allowed', 'not_found']);
/** Whoever wrote the page has to hear of these: a fallback that works hides them, and no user can mend them. */
const OF_ADDRESSES = new Set(['not_found', 'path_not_found', 'tls_required', 'tls_not_spoken']);
/** No other transport, and no later attempt, would fare better. */
const FINAL = new Set(['origin_not_allowed', 'mixed_content']);

/** @typedef {import('./errors.js').HoldfastError & {logToken?: string, isFinal?: boolean}} Explained */

/**
 * @typedef {object} Question
 * @property {{websocket: string, explain: string}} endpoints
 * @property {import('./session.js').Session} session  that did not open
 * @property {import('./errors.js').HoldfastError} error  all that is known of it so far
 * @property {boolean} [hasConnected]  before, so the address was right: who answers with a page now is somebody else
 * @property {Pick<import('./transports/turn.js').Turn, 'explained'>} turn
 * @property {Pick<import('./vitals.js').Vitals, 'load'>} vitals
 * @property {AbortSignal} [signal]  nobody waits for it any more
 * @property {import('./types.js').Environment} environment
 */

/**
 * @param {Question} question
 * @returns {Promise<Explained>} the cause, or why it is not known; never rejects. `isFinal` where any other attempt would
 *   meet the same
 */
export async function explain(question) {
  const { session, error, turn, vitals, environment, signal } = question;
  let cause = await ask(question);
  if (cause.slug === 'unknown_attempt') {
    await pause(environment, SECOND_LOOK, signal);
    cause = await ask(question);
  }
  turn.explained(session, cause.slug);
  const { logToken } = cause; // it says that the gateway can be reached
  if (logToken) vitals.load().then(({ trouble }) => trouble.learn(session.cid, logToken), () => {});
  if (OF_ADDRESSES.has(cause.slug)) advise(cause, environment);
  if (cause.slug === 'open_failed' && error.slug !== 'open_failed') return error; // the transport knows more
  cause.isFinal = isFinal(cause);
  return cause;
}

/** @param {Question} question @returns {Promise<Explained>} */
async function ask({ endpoints, session, hasConnected, environment, signal: stop }) {
  const attempt = session.cid;
  if (!environment.isOnline()) return errorOf({ slug: 'offline', attempt });
  return abortAfter(environment, TIMEOUT, async ({ signal }) => {
    const fetch = /** @type {typeof globalThis.fetch} */ (environment.fetch);
    const look = (/** @type {string} */ url, /** @type {RequestInit} */ init = {}) =>
      fetch(url, { credentials: 'omit', redirect: 'manual', cache: 'no-store', signal, ...init });
    try {
      const response = await look(withQuery(endpoints.explain, { cid: attempt }));
      return await judge(response, { endpoints, hasConnected, attempt, look });
    } catch (error) {
      const detail = signal.aborted ? `no answer in ${TIMEOUT / 1000} s` : withoutTokens(String(error));
      if (/** @type {Error} */ (error).name === 'EncodingError') return errorOf({ slug: 'answer_malformed', detail, attempt });
      const slug = signal.aborted ? '' : await schemeFault(endpoints.explain, environment.baseUrl, look);
      return errorOf({ slug: slug || 'server_unreachable', detail: slug ? addressOf(endpoints) : detail, attempt });
    }
  }, stop);
}

/**
 * @param {Response} response
 * @param {{attempt: string, look: import('./address-faults.js').Look} & Pick<Question, 'endpoints' | 'hasConnected'>} question
 * @returns {Promise<Explained>}
 */
async function judge(response, { endpoints, hasConnected, attempt, look }) {
  if (isRedirect(response)) return errorOf({ slug: 'captive_portal', detail: 'got a redirect', attempt });
  const { status } = response;
  const isPage = isHtml(response);
  const body = isPage ? discard(response) : parsed(await textOf(response));
  const slug = typeof body?.slug === 'string' ? body.slug : '';
  const facts = { detail: `HTTP ${status}`, attempt };
  if (status === 200 && slug) return told(body, addressOf(endpoints), attempt);
  if (slug === 'unknown_attempt') return goingOn(errorOf({ slug, attempt }));
  if ([502, 503, 504].includes(status) && !slug) return errorOf({ slug: 'upgrade_no_gateway', ...facts });
  const pageSlug = isPage && response.ok && !hasConnected ? slugOfPage(endpoints.explain) : 'captive_portal';
  if (status === 404 || (isPage && pageSlug === 'path_not_found')) {
    if (!(await isMisplaced(endpoints.websocket, look))) return errorOf({ slug: 'open_failed', ...facts });
    const detail = `HTTP ${status}${isPage ? ' and a page of HTML' : ''} at ${addressOf(endpoints)}`;
    const said = slug === 'not_found' ? { slug, ...wordsOf(body) } : { slug: 'path_not_found' };
    return goingOn(errorOf({ ...said, detail, attempt }));
  }
  if (isPage) return errorOf({ slug: 'captive_portal', ...facts });
  // A gateway that is too busy to explain, and an old one that cannot, leave it unexplained.
  return errorOf({ slug: slug ? 'open_failed' : 'answer_malformed', ...facts });
}

/** @param {Question['endpoints']} endpoints @returns what an application gave, without a query, which may have secrets */
function addressOf({ websocket }) {
  return withoutTokens(websocket.replace(/[?#].*/, ''));
}

/** @param {Record<string, unknown>} body @param {string} address @param {string} attempt @returns {Explained} */
function told(body, address, attempt) {
  const isSlug = /^[a-z][a-z0-9_]{2,60}$/.test(String(body.slug));
  if (!isSlug) {
    const detail = `the gateway calls this attempt ${textIn(body.state) || textIn(body.slug)}`;
    return errorOf({ slug: 'connection_cut', detail, attempt });
  }
  /** @type {Explained} */
  const error = errorOf({ slug: String(body.slug), detail: textIn(body.detail) ?? (body.slug === 'not_found' ? address : ''), ...wordsOf(body), attempt });
  // Not enumerable: it is a secret, good once, and must not stray into a log.
  const { log_token: logToken } = body;
  if (logToken && typeof logToken === 'string') Object.defineProperty(error, 'logToken', { value: logToken });
  return OF_WEBSOCKETS.has(error.slug) ? goingOn(error) : error;
}

/** Try again, whatever the table says of a request that fails so. @param {Explained} error */
function goingOn(error) {
  error.action = 'retry';
  return error;
}

/** What the server said of an attempt that did not open: most may pass, or another transport helps. @param {Explained} cause */
export function isFinal({ action, number, slug }) {
  return FINAL.has(slug) || action === 'login' || (action === 'stop' && number >= 3500);
}
