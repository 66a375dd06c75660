// @ts-check
/** Asks the gateway why an attempt failed, of which a browser tells a page nothing but 1006. Loaded on demand. */

import './codes-rest.js';
import { errorOf } from './errors.js';
import { abortAfter, isHtml, isRedirect, parsed, textIn, wordsOf } from './http.js';
import { use } from './on-demand.js';
import { pause } from './timer.js';
import { withoutTokens } from './tokens/check.js';
import { discard, textOf } from './transports/answers.js';

const TIMEOUT = 5000;
/** Another instance may have seen the attempt and not yet said so. */
const SECOND_LOOK = 500;

/** What keeps WebSockets out may let the next transport through. */
const OF_WEBSOCKETS = new Set(['upgrade_stripped', 'upgrade_required', 'bad_handshake', 'method_not_allowed']);

/** @typedef {import('./errors.js').HoldfastError & {logToken?: string, isFinal?: boolean}} Explained */

/**
 * @param {{url: string, cid: string, environment: import('./types.js').Environment}} question
 *   `url` of /connection/explain, `cid` of the attempt
 * @returns {Promise<Explained>} the cause, or why it is not known; never rejects. `logToken`, where there is one, lets
 *   the client hand in log lines of this attempt; `isFinal` where any other attempt would meet the same
 */
export async function explain(question) {
  const { environment, cid } = question;
  use('texts', () => {}); // the words of causes, for a page that never connects
  if (!environment.isOnline()) return errorOf({ slug: 'offline', attempt: cid });
  let cause = await ask(question);
  if (cause.slug === 'unknown_attempt') {
    await pause(environment, SECOND_LOOK);
    cause = await ask(question);
  }
  cause.isFinal = isFinal(cause);
  return cause;
}

/** @param {Parameters<typeof explain>[0]} question @returns {Promise<Explained>} */
function ask({ url, cid, environment }) {
  return abortAfter(environment, TIMEOUT, async ({ signal }) => {
    try {
      const address = new URL(url, environment.baseUrl);
      address.searchParams.set('cid', cid);
      const fetch = /** @type {typeof globalThis.fetch} */ (environment.fetch);
      const response = await fetch(address.href, { credentials: 'omit', redirect: 'manual', cache: 'no-store', signal });
      return await judge(response, cid);
    } catch (error) {
      const detail = signal.aborted ? `no answer in ${TIMEOUT / 1000} s` : withoutTokens(String(error));
      const isText = /** @type {Error} */ (error).name !== 'EncodingError';
      return errorOf({ slug: isText ? 'server_unreachable' : 'answer_malformed', detail, attempt: cid });
    }
  });
}

/** @param {Response} response @param {string} attempt @returns {Promise<Explained>} */
async function judge(response, attempt) {
  if (isRedirect(response)) return errorOf({ slug: 'captive_portal', detail: 'got a redirect', attempt });
  const { status } = response;
  const isPage = isHtml(response);
  const body = isPage ? discard(response) : parsed(await textOf(response));
  const slug = typeof body?.slug === 'string' ? body.slug : '';
  if (status === 200 && slug) return told(body, attempt);
  if (slug === 'unknown_attempt') return goingOn(errorOf({ slug, attempt }));
  const facts = { detail: `HTTP ${status}`, attempt };
  if ([502, 503, 504].includes(status) && !slug) return errorOf({ slug: 'upgrade_no_gateway', ...facts });
  // A page that is not found comes from a web server at a wrong address; who wants a login shows one.
  if (isPage && status === 404) return errorOf({ slug: 'answer_malformed', detail: 'HTTP 404 and HTML: no gateway', attempt });
  if (isPage) return errorOf({ slug: 'captive_portal', ...facts });
  // A gateway that is too busy to explain, and an old one that cannot, leave it unexplained.
  return errorOf({ slug: slug || status === 404 ? 'open_failed' : 'answer_malformed', ...facts });
}

/** @param {Record<string, unknown>} body @param {string} attempt @returns {Explained} */
function told(body, attempt) {
  const isSlug = /^[a-z][a-z0-9_]{2,60}$/.test(String(body.slug));
  if (!isSlug) {
    const detail = `the gateway calls this attempt ${textIn(body.state) || textIn(body.slug)}`;
    return errorOf({ slug: 'connection_cut', detail, attempt });
  }
  /** @type {Explained} */
  const error = errorOf({ slug: String(body.slug), detail: textIn(body.detail), ...wordsOf(body), attempt });
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
  return slug === 'origin_not_allowed' || action === 'login' || (action === 'stop' && number >= 3500);
}
