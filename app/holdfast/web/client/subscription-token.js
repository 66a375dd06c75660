// @ts-check
/**
 * The token of one subscription: fetched when one is needed, kept until it is refused, renewed before it ends. Loaded on
 * demand, for channels whose tokens can be fetched.
 */

import { backoffDelay, DELAYS } from './backoff.js';
import './codes-rest.js';
import { errorOf } from './errors.js';
import { Timer, within } from './timer.js';

/** @typedef {import('./types.js').SubscriptionTokenContext} SubscriptionTokenContext */

/**
 * Whose token it is.
 * @typedef {object} Holder
 * @property {() => boolean} isSubscribed  on the session that this was about
 * @property {(token: string) => Promise<any>} refresh  tells the server; the result
 * @property {(error: import('./errors.js').HoldfastError) => void} onError
 */

/** Seconds: what expires sooner is asked for no more often. */
const SOONEST = 2;
const FETCH_MS = 30_000;

export class SubscriptionToken {
  #channel;
  #getToken;
  #environment;
  /** @type {string} */
  #token;
  #timer;
  #abort = new AbortController();
  #wasRefused = false;
  /** @type {Promise<string> | null} */
  #fetching = null;

  /**
   * @param {string} channel
   * @param {{token?: string, getToken: (context: SubscriptionTokenContext) => Promise<string>}} options
   * @param {import('./types.js').Environment} environment
   */
  constructor(channel, { token = '', getToken }, environment) {
    this.#channel = channel;
    this.#token = token;
    this.#getToken = getToken;
    this.#environment = environment;
    this.#timer = new Timer(environment);
  }

  /** What is at hand; empty where there is nothing. */
  get current() {
    return this.#token;
  }

  /** Whether a token has to be fetched before the channel can be asked for. */
  get mustFetch() {
    return this.#token === '';
  }

  /** The server wants another one. */
  refuse() {
    this.#token = '';
    this.#wasRefused = true;
  }

  /**
   * Fetch one; whoever asks meanwhile gets the same.
   * @param {'first' | 'renewal' | 'refused'} [reason]
   * @returns {Promise<string>} rejects with a HoldfastError
   */
  fetch(reason = this.#wasRefused ? 'refused' : 'first') {
    const fetching = (this.#fetching ??= this.#fetch(reason).finally(() => {
      if (this.#fetching === fetching) this.#fetching = null;
    }));
    return fetching;
  }

  /**
   * @param {number} seconds  for which the subscription still lasts
   * @param {() => void} callback  called once, well before that
   */
  renewIn(seconds, callback) {
    // A crowd that came together must not renew together.
    const share = 0.75 + 0.15 * this.#environment.random();
    this.#timer.set(Math.max(SOONEST, seconds) * 1000 * share, callback);
  }

  /** Renew in time what lasts so long. @param {{expires?: boolean, ttl?: number}} result @param {Holder} holder */
  keep({ expires, ttl }, holder) {
    if (expires) this.renewIn(Number(ttl) || 0, () => this.#renew(holder));
    else this.rest();
  }

  /** No renewal until the next one is asked for. */
  rest() {
    this.#timer.stop();
  }

  /** The subscription, or its connection, has ended: nobody waits for a token any more. */
  stop() {
    this.rest();
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#fetching = null;
  }

  /** @param {Holder} holder @param {number} [failures] */
  async #renew(holder, failures = 0) {
    try {
      const token = await this.fetch('renewal');
      const result = holder.isSubscribed() && (await holder.refresh(token));
      if (result && holder.isSubscribed()) this.keep(result, holder);
    } catch (/** @type {any} */ error) {
      if (!holder.isSubscribed()) return;
      holder.onError(error);
      // Should none be had in time, the server ends the subscription and says so.
      this.#timer.set(backoffDelay(failures, DELAYS, this.#environment.random), () => this.#renew(holder, failures + 1));
    }
  }

  /** @param {'first' | 'renewal' | 'refused'} reason @returns {Promise<string>} */
  async #fetch(reason) {
    const { signal } = this.#abort;
    const context = { channel: this.#channel, reason, signal };
    try {
      const asking = Promise.resolve(this.#getToken(context));
      const late = { slug: 'token_source_timeout', detail: this.#channel };
      const token = validated(await within(this.#environment, FETCH_MS, asking, late, signal));
      if (!signal.aborted) this.#token = token;
      this.#wasRefused = false;
      return token;
    } catch (/** @type {any} */ cause) {
      if (cause?.action) throw cause;
      throw errorOf({ slug: 'token_source_failed', detail: this.#channel, cause });
    }
  }
}

/** @param {unknown} token @returns {string} */
function validated(token) {
  const text = typeof token === 'string' ? token.trim() : '';
  if (text === '') throw errorOf({ slug: 'subscription_token_empty', kind: 'error' });
  if (text.split('.').length !== 3) throw errorOf({ slug: 'subscription_token_malformed', kind: 'error' });
  return text;
}
