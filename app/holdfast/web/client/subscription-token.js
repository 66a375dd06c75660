// @ts-check
/** The token of one subscription: fetched when one is needed, kept until it is refused, renewed before it ends. */

import { errorOf } from './errors.js';

/** @typedef {import('./types.js').SubscriptionTokenContext} SubscriptionTokenContext */

const FETCH_MS = 30_000;
/** Timers of browsers hold no more; 24 days. */
const LONGEST = 2 ** 31 - 1;

export class SubscriptionToken {
  #channel;
  #getToken;
  #environment;
  /** @type {string} */
  #token;
  /** @type {unknown} */
  #timer = null;
  #abort = new AbortController();
  #wasRefused = false;
  /** @type {Promise<string> | null} */
  #fetching = null;

  /**
   * @param {string} channel
   * @param {{token?: string, getToken?: (context: SubscriptionTokenContext) => Promise<string>}} options
   * @param {import('./types.js').Environment} environment
   */
  constructor(channel, { token = '', getToken }, environment) {
    this.#channel = channel;
    this.#token = token;
    this.#getToken = getToken;
    this.#environment = environment;
  }

  /** What is at hand; empty where there is nothing. */
  get current() {
    return this.#token;
  }

  /** Whether a token has to be fetched before the channel can be asked for. */
  get mustFetch() {
    return this.#token === '' && this.#getToken !== undefined;
  }

  /** @returns {boolean} whether another one can be had */
  refuse() {
    this.#token = '';
    this.#wasRefused = true;
    return this.#getToken !== undefined;
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
    this.rest();
    // A crowd that came together must not renew together.
    const share = 0.75 + 0.15 * this.#environment.random();
    this.#timer = this.#environment.setTimer(callback, Math.min(LONGEST, Math.max(1, seconds) * 1000 * share));
  }

  get canRenew() {
    return this.#getToken !== undefined;
  }

  /** No renewal until the next one is asked for. */
  rest() {
    if (this.#timer !== null) this.#environment.clearTimer(this.#timer);
    this.#timer = null;
  }

  /** The subscription has ended: nobody waits for a token any more. */
  stop() {
    this.rest();
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#fetching = null;
  }

  /** @param {'first' | 'renewal' | 'refused'} reason @returns {Promise<string>} */
  async #fetch(reason) {
    const { signal } = this.#abort;
    const context = { channel: this.#channel, reason, signal };
    try {
      const token = validated(await this.#within(FETCH_MS, async () => /** @type {any} */ (this.#getToken)(context)));
      if (!signal.aborted) this.#token = token;
      this.#wasRefused = false;
      return token;
    } catch (/** @type {any} */ cause) {
      if (cause?.action) throw cause;
      throw errorOf({ slug: 'token_source_failed', detail: this.#channel, cause });
    }
  }

  /** @param {number} milliseconds @param {() => Promise<unknown>} work @returns {Promise<unknown>} */
  #within(milliseconds, work) {
    return new Promise((resolve, reject) => {
      const late = () => reject(errorOf({ slug: 'token_source_timeout', detail: this.#channel }));
      const timer = this.#environment.setTimer(late, milliseconds);
      work().then(resolve, reject).finally(() => this.#environment.clearTimer(timer));
    });
  }
}

/** @param {unknown} token @returns {string} */
function validated(token) {
  const text = typeof token === 'string' ? token.trim() : '';
  if (text === '') throw errorOf({ slug: 'subscription_token_empty', kind: 'error' });
  if (text.split('.').length !== 3) throw errorOf({ slug: 'subscription_token_malformed', kind: 'error' });
  return text;
}
