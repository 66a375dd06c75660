// @ts-check
/** Asks a login server, and names what is wrong with its answer. */

import '../codes-rest.js';
import { browserEnvironment } from '../environment.js';
import { errorOf, HoldfastError, isKnown } from '../errors.js';
import { abortAfter, dateOf, isHtml, isRedirect, parsed, retryAfterOf, textIn, wordsOf } from '../http.js';
import { use } from '../on-demand.js';
import { textOf } from '../transports/answers.js';
import { withoutTokens } from './check.js';

const TIMEOUT = 10_000;

/**
 * @typedef {object} Question
 * @property {import('../types.js').Environment} environment
 * @property {string} url
 * @property {string} [method]
 * @property {object} [body]  sent as JSON
 * @property {Record<string, string>} [headers]
 * @property {RequestCredentials} [credentials]
 * @property {AbortSignal} [signal]
 */

/**
 * @param {Question} question
 * @returns {Promise<any>} the JSON of the answer with `server_time`, which the Date header gives if the body does not
 */
export function askEndpoint(question) {
  use('advice', () => {}); // the words of causes: this token may be the first that is refused
  const { environment } = question;
  const work = async (/** @type {AbortController} */ { signal }) => {
    try {
      return await read(await send(question, signal), environment);
    } catch (error) {
      if (error instanceof HoldfastError) throw error;
      if (signal.aborted) throw errorOf({ slug: 'token_source_timeout', detail: `no whole answer in ${TIMEOUT / 1000} s` });
      const { name } = /** @type {Error} */ (error);
      if (name === 'EncodingError') throw errorOf({ slug: 'token_source_malformed', detail: 'expected UTF-8' });
      const slug = environment.isOnline() ? 'token_source_unreachable' : 'offline';
      throw errorOf({ slug, detail: withoutTokens(String(error)) });
    }
  };
  return abortAfter(environment, TIMEOUT, work, question.signal);
}

/**
 * A getToken that asks an endpoint of the application's own, which answers `{token, expires_in}`.
 * @param {Omit<Question, 'signal' | 'environment'> & {environment?: Question['environment']}} question
 * @returns {import('../types.js').GetToken}
 */
export function tokensFrom({ environment = browserEnvironment(), ...question }) {
  const getToken = (/** @type {import('../types.js').TokenContext} */ { signal }) =>
    askEndpoint({ ...question, environment, signal });
  return Object.assign(getToken, { share: question.url });
}

/** @param {Question} question @param {AbortSignal} signal @returns {Promise<Response>} */
function send({ environment, url, method = 'POST', body, headers, credentials = 'same-origin' }, signal) {
  const fetch = /** @type {typeof globalThis.fetch} */ (environment.fetch);
  return fetch(new URL(url, environment.baseUrl).href, {
    method,
    credentials,
    redirect: 'manual', // a login never answers with one; following it would lead to a page, or round in circles
    cache: 'no-store',
    headers: { accept: 'application/json', ...(body && { 'content-type': 'application/json' }), ...headers },
    body: body && JSON.stringify(body),
    signal,
  });
}

/** @param {Response} response @param {Question['environment']} environment @returns {Promise<any>} */
async function read(response, environment) {
  if (isRedirect(response)) throw redirected(environment);
  const text = await textOf(response);
  const body = objectIn(text);
  if (!response.ok) throw refused(response, body);
  if (response.status === 204) return {};
  if (body === null && isHtml(response)) throw errorOf({ slug: 'captive_portal', detail: 'expected JSON, got a page of HTML' });
  if (body === null && text === '') throw errorOf({ slug: 'token_empty', detail: 'the answer is empty' });
  if (body === null) throw errorOf({ slug: 'token_source_malformed', detail: 'expected a JSON object' });
  return { ...body, server_time: body.server_time ?? dateOf(response) };
}

/** @param {string} text @returns {Record<string, any> | null} */
function objectIn(text) {
  const value = parsed(text);
  return value === '' ? { token: '' } : typeof value === 'object' && !Array.isArray(value) ? value : null;
}

/** @param {Question['environment']} environment */
function redirected(environment) {
  // Nobody between can redirect what is encrypted: it is the server, which wants a login.
  const slug = environment.baseUrl.startsWith('https:') ? 'login_required' : 'captive_portal';
  return errorOf({ slug, detail: 'expected JSON, got a redirect' });
}

/** @param {Response} response @param {any} body */
function refused(response, body) {
  const { status } = response;
  const detail = textIn(body?.detail) ?? `HTTP ${status}`;
  const facts = { detail, retryAfter: retryAfterOf(response), ...wordsOf(body) };
  const slug = typeof body?.slug === 'string' ? body.slug : '';
  if (slug.startsWith('session_')) return Object.assign(errorOf({ slug, ...facts }), { action: 'login' });
  if (isKnown(slug)) return errorOf({ slug, ...facts });
  if (status === 401 || status === 403) return errorOf({ slug: 'login_required', ...facts });
  if (isHtml(response) && [502, 503, 504].includes(status)) return errorOf({ slug: 'upgrade_no_gateway', ...facts });
  return errorOf({ slug: 'token_source_failed', ...facts });
}
