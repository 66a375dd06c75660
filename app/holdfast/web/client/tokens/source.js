// @ts-check
/** Where the connection's tokens come from: one at hand, or getToken, asked once for all tabs, never in a tight loop. */

import { backoffDelay } from '../backoff.js';
import { errorOf, HoldfastError } from '../errors.js';
import { load, loaded, soon } from '../on-demand.js';
import { unless, within } from '../timer.js';
import { tokenFault } from './check.js';
import { ServerClock } from './clock.js';
import { Gate } from './gate.js';

/** getToken has this long: milliseconds. */
const TIMEOUT = 10_000;
const LATE = { slug: 'token_source_timeout', detail: `getToken took longer than ${TIMEOUT / 1000} s` };
const BACKOFF = { minReconnectDelay: 1000, maxReconnectDelay: 60_000 };
/** A token this close to its end is not handed out if another can be fetched: seconds. */
const MARGIN = 5;
/** What the token endpoint gets wrong may be over soon (it is being deployed), but not after so many times. */
const PATIENCE = 3;
const MOST_REFUSED = 8;

/** @typedef {import('../types.js').TokenContext['reason']} Reason */

/**
 * @typedef {object} TokenSourceOptions
 * @property {string} [token]  one that is at hand
 * @property {import('../types.js').GetToken} [getToken]
 * @property {string} [share]  tabs share a fetch under this name; `''` shares nothing
 * @property {import('../types.js').Environment} environment
 * @property {import('../types.js').LogLike} [log]
 */

export class TokenSource {
  clock;
  #environment;
  #gate;
  #getToken;
  #log;
  #share;
  /** @type {import('./tabs.js').Tabs | null} */ #together = null;
  /** @type {string | undefined} */ current;
  /** @type {string | undefined} */ #given;
  /** When the fetch of the current token began, by the wall clock. */ begun = 0;
  /** @type {unknown} */ #generation;
  /** Since when it is this generation's. */ since = 0;
  /** @type {string[]} */ refused = [];
  /** @type {Promise<string> | null} */ #flight = null;
  /** Ends the flight. */ #stop = new AbortController();
  #waiting = 0;
  #failures = 0;

  /** @param {TokenSourceOptions} options */
  constructor({ token, getToken, share = getToken?.share ?? 'tokens', environment, log }) {
    this.clock = new ServerClock(environment);
    this.#environment = environment;
    this.#gate = new Gate(environment);
    this.#getToken = getToken;
    this.#log = log;
    this.current = token;
    this.#generation = getToken?.generation?.();
    this.#share = share;
  }

  /**
   * Return a token that is worth trying.
   * @param {Reason} reason  `refused`: the server wants another than the last one; `renewal`: try until there is one
   * @param {AbortSignal} [signal]
   * @returns {Promise<string>} rejects with a HoldfastError; its action says what comes next
   */
  async obtain(reason, signal) {
    if (reason === 'refused') this.forget(this.#given);
    for (;;) {
      try {
        this.#given = this.known(reason) ?? (await this.#wait(this.#fetch(reason), signal));
        return this.#given;
      } catch (error) {
        const isOver = !(error instanceof HoldfastError) || error.action !== 'retry' || signal?.aborted;
        if (reason !== 'renewal' || isOver) throw error;
      }
    }
  }

  /** Never send this token again. @param {string | undefined} token */
  forget(token) {
    if (token === undefined) return;
    this.refused = [...this.refused, token].slice(-MOST_REFUSED);
    if (this.current === token) this.current = undefined;
  }

  /** Do not wait for the next attempt any longer: the network is back, or the user asks. */
  hurry() {
    this.#gate.hurry();
  }

  /** Let go of the other tabs. */
  close() {
    this.#stop.abort();
    this.#together?.close();
  }

  /** @param {Reason} reason @returns {string | undefined} */
  known(reason) {
    const generation = this.#getToken?.generation?.();
    if (generation !== this.#generation) {
      this.#generation = generation;
      this.current = undefined;
      this.since = this.#environment.wallClock();
    }
    const token = this.current;
    if (token === undefined || (reason === 'renewal' && token === this.#given)) return undefined;
    if (this.#getToken === undefined) {
      this.#mustBeUsable(token);
      return token;
    }
    return tokenFault(token, this.clock.now() + MARGIN) ? undefined : token;
  }

  /** @param {string} token */
  #mustBeUsable(token) {
    // A device's clock alone condemns nothing: the server is asked.
    const fault = tokenFault(token, this.clock.isLearned ? this.clock.now() : null);
    if (fault) throw errorOf(fault);
    if (this.refused.includes(token)) throw errorOf({ slug: 'token_unchanged' });
  }

  /** @param {Reason} reason */
  #fetch(reason) {
    if (this.#getToken === undefined) {
      const slug = reason === 'first' ? 'token_missing' : 'login_required';
      throw errorOf({ slug, detail: 'no getToken' });
    }
    return (this.#flight ??= this.#fly(reason, (this.#stop = new AbortController()).signal));
  }

  /** @param {Reason} reason @param {AbortSignal} signal */
  async #fly(reason, signal) {
    await this.#gate.pass(signal);
    try {
      const tabs = await this.#tabs(signal);
      const token = await (tabs ? tabs.fetch(reason, signal) : this.ask(reason, signal));
      this.#failures = 0;
      this.#log?.info('token_fetched', { reason });
      return token;
    } catch (error) {
      await soon('advice', this.#environment, signal); // which knows what is meant, and has the words
      throw signal.aborted ? error : this.#failed(error);
    }
  }

  /** What keeps to one fetch for all tabs; null where each fetches for itself: that is wanted, or the part does not load. @param {AbortSignal} signal */
  async #tabs(signal) {
    const part = this.#share ? await load('tokens/tabs').catch(() => null) : null;
    signal.throwIfAborted();
    if (part) this.#together ??= new part.Tabs(this, this.#environment, this.#share, TIMEOUT * 1.5);
    return this.#together;
  }

  /** @param {Reason} reason @param {AbortSignal} signal @returns {Promise<string>} */
  async ask(reason, signal) {
    const getToken = /** @type {import('../types.js').GetToken} */ (this.#getToken);
    const generation = getToken.generation?.();
    const begun = this.#environment.wallClock();
    const asking = Promise.resolve(getToken({ reason, signal }));
    const answer = await within(this.#environment, TIMEOUT, asking, LATE, signal);
    if (getToken.generation?.() !== generation) return this.ask(reason, signal); // it is another user's by now
    this.current = this.#taken(answer);
    this.begun = begun;
    return this.current;
  }

  /** @param {any} answer @returns {string} */
  #taken(answer) {
    const { token, server_time: serverTime } = typeof answer === 'string' ? { token: answer } : (answer ?? {});
    this.clock.learn(serverTime);
    if (typeof token !== 'string') {
      throw errorOf({ slug: 'token_source_malformed', detail: `expected text, got ${typeof token}` });
    }
    this.#mustBeUsable(token);
    return token;
  }

  /** @param {unknown} error @returns {HoldfastError} */
  #failed(error) {
    const isOurs = error instanceof HoldfastError;
    const found = isOurs ? error : (loaded.advice?.meantBy(error) ?? errorOf({ slug: 'token_source_failed', cause: error }));
    this.#failures += 1;
    if (found.action === 'fetch_token' || (found.action === 'stop' && found.slug.startsWith('token_'))) {
      found.action = this.#failures < PATIENCE ? 'retry' : 'stop';
    }
    const delay = Math.max(found.retryAfter ?? 0, backoffDelay(this.#failures, BACKOFF, this.#environment.random));
    if (found.action === 'retry') this.#gate.close(delay);
    this.#log?.warning('token_fetch_failed', { slug: found.slug, detail: found.detail, failures: this.#failures });
    return found;
  }

  /** @param {Promise<string>} flight @param {AbortSignal} [signal] @returns {Promise<string>} */
  async #wait(flight, signal) {
    this.#waiting += 1;
    try {
      return await unless(signal, flight);
    } finally {
      this.#waiting -= 1;
      if (this.#waiting === 0) {
        this.#flight = null;
        this.#stop.abort();
      }
    }
  }
}
