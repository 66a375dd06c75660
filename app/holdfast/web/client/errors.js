// @ts-check
/** Every error of the client has one cause: a slug of the one table that the gateway and its logs share. */

import { TABLE } from './codes.js';

/** @typedef {'retry' | 'fetch_token' | 'stop' | 'login'} Action  what the client does about it */

/** @typedef {'close' | 'error' | 'unsubscribe' | 'http' | 'path' | 'client'} Kind  where the number stands */

/** @typedef {{number: number, action: Action}} Code */

/**
 * What is known of a cause; `slug` is the client's own finding, all else what came.
 * @typedef {object} Cause
 * @property {string} [slug]  a slug, where one is known
 * @property {Kind} [kind]  where the number came from
 * @property {number} [code]  of a close frame, disconnect or unsubscribe push, or error reply; never an HTTP status
 * @property {string} [reason]  of the close frame, or message of the error reply: our servers put the slug there
 * @property {boolean} [temporary]  as error replies have it
 * @property {string} [detail]  what was expected, what came; never a token
 * @property {string} [attempt]  the attempt's correlation id
 * @property {number} [retryAfter]  milliseconds
 * @property {string} [meaning]  in the server's words
 * @property {string} [remedy]
 * @property {unknown} [cause]  the error behind it
 */

/** @type {Map<string, Code>} */
const CODES = new Map();

/** Make causes known. @param {string} table  as in codes.js */
export function addCodes(table) {
  for (const line of table.split('\n')) {
    const [action, ...words] = line.split(' ');
    let number = 0;
    for (const word of words) {
      const given = Number(word);
      number = given >= 0 ? given - 1 : number + 1;
      CODES.set(word, /** @type {Code} */ ({ number, action })); // a number is no slug: nobody asks for it
    }
  }
}
addCodes(TABLE);

/** @type {Record<string, string[]>} */
export const TEXTS = {};

/** Give causes their words. @param {Record<string, string[]>} texts  meaning and remedy by slug */
export function addTexts(texts) {
  Object.assign(TEXTS, texts);
}

/** An error with one cause. Each slug has a class of its own in causes.js, for `instanceof`. */
export class HoldfastError extends Error {
  /** @type {string} */ slug;
  /** Of the table, or as it came. @type {number} */ number;
  /** @type {Action} */ action;
  /** What was expected, what came. @type {string} */ detail;
  /** The correlation id of the attempt, which the server's log has too. @type {string} */ attempt;
  /** What the server said. @type {{meaning?: string, remedy?: string}} */ #texts;
  /** Milliseconds after which the other side wants to be asked again. @type {number | undefined} */ retryAfter;

  /** @param {string} slug @param {Omit<Cause, 'slug'> & {number?: number, action?: Action}} [facts] */
  constructor(slug, facts = {}) {
    const { detail = '', attempt = '', retryAfter, cause, meaning, remedy } = facts;
    super(detail ? `${slug}: ${detail}` : slug, cause === undefined ? undefined : { cause });
    const code = codeOf(slug);
    this.name = className(slug);
    this.slug = slug;
    this.number = facts.number ?? code.number;
    this.action = facts.action ?? code.action;
    this.detail = detail;
    this.attempt = attempt;
    this.retryAfter = retryAfter;
    this.#texts = { meaning, remedy };
  }

  /** Whether the same may succeed later without anybody doing anything. */
  get isTemporary() {
    return this.action === 'retry' || this.action === 'fetch_token';
  }

  /** What it means, in English; the slug in words until texts.js has been loaded. */
  get meaning() {
    return this.#texts.meaning ?? TEXTS[this.slug]?.[0] ?? this.slug.replaceAll('_', ' ');
  }

  /** What to do about it, in English; empty until texts.js has been loaded. */
  get remedy() {
    return this.#texts.remedy ?? TEXTS[this.slug]?.[1] ?? '';
  }
}

/**
 * The error of what came, or of what the client found. The number decides what is done, where one came; the reason says
 * why, where it is one of the table.
 * @param {Cause} cause
 * @returns {HoldfastError}
 */
export function errorOf(cause) {
  const { slug: found, code, reason = '', kind = 'close' } = cause;
  const slug = found ?? (CODES.has(reason) || (isSlug(reason) && isOurs(kind, code)) ? reason : otherSlug(kind, code));
  const foreign = found === undefined && slug !== reason;
  const facts = { ...cause, detail: cause.detail ?? (foreign ? short(reason) : '') };
  if (code !== undefined) Object.assign(facts, { number: code, action: actionOf(kind, code, cause.temporary) });
  return new HoldfastError(slug, facts);
}

/**
 * What a server says of a subscription or a command, of whatever types; without a number something is wrong with itself.
 * @param {Kind} kind @param {any} said
 */
export function errorSaid(kind, { code, reason, message = reason, temporary }) {
  return errorOf({ kind, code: Number(code) || 100, reason: String(message ?? ''), temporary: temporary === true });
}

/** What a server sent of types that nobody expects makes anything throw. @param {any} error @returns {HoldfastError} */
export function named(error) {
  return error.slug ? error : errorOf({ slug: 'message_malformed', detail: String(error) });
}

/** Whether a slug is one of those known so far. @param {string} slug */
export function isKnown(slug) {
  return CODES.has(slug);
}

/** All slugs known so far. */
export function knownSlugs() {
  return [...CODES.keys()].filter(isSlug); // numbers stand among them
}

/** The row of a slug; of one that this client is too old for, that of `unknown_cause`. @param {string} slug */
export function codeOf(slug) {
  return CODES.get(slug) ?? /** @type {Code} */ (CODES.get('unknown_cause'));
}

/**
 * What the client does about a number, by its range alone: so an older client does the right thing about causes that it
 * does not know.
 * @param {Kind} kind @param {number} code @param {boolean} [temporary]
 * @returns {Action}
 */
export function actionOf(kind, code, temporary = false) {
  if (kind === 'error') return code === 109 ? 'fetch_token' : temporary || code === 100 ? 'retry' : 'stop';
  if (kind === 'unsubscribe') return code >= 2500 ? 'retry' : 'stop';
  const isTerminal = (code >= 3500 && code < 5000 && code % 1000 >= 500) || code === 1009; // 3500-3999, 4500-4999
  return kind === 'close' && isTerminal ? 'stop' : 'retry';
}

/** @param {Kind} kind @param {number} [code] */
function otherSlug(kind, code = NaN) {
  if (kind === 'error') return code >= 400 && code < 1900 ? 'application_error' : 'unknown_cause';
  if (kind === 'unsubscribe') return code === 0 ? 'unsubscribed_by_client' : 'unsubscribed_by_server';
  if (code === 1000 || code === 1001) return 'connection_closed';
  if (code === 1006) return 'connection_cut';
  return code >= 4000 ? 'application' : 'unknown_cause';
}

/** Servers of ours give a slug as reason, others a sentence. @param {string} text */
function isSlug(text) {
  return /^[a-z][a-z0-9_]{2,63}$/.test(text);
}

/** Whether a number is the gateway's own, and no backend's. @param {Kind} kind @param {number} [code] */
function isOurs(kind, code = 0) {
  if (kind === 'error') return code < 400 || code >= 1900;
  return code < 4000 || code > 4999 || (code % 500 >= 100 && code % 500 < 200); // 4100-4199, 4600-4699
}

/** What a server says can be of any length. @param {string} text */
function short(text) {
  return text.slice(0, 200);
}

/** @param {string} slug */
export function className(slug) {
  const free = slug === 'application' ? 'application_close' : slug; // `application_error` has the name
  return free.replace(/(?:^|_)(.)/g, (_, letter) => letter.toUpperCase()).replace(/(Error)?$/, 'Error');
}
