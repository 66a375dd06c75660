// @ts-check
/**
 * Keeps a connection beyond the end of its token: fetches another in time and hands it to the server. Loaded on demand;
 * without it the server ends the connection, and the next one has another token.
 */

import { scheduleRenewal } from './tokens/renewal.js';

/** @typedef {import('./types.js').SessionLike} SessionLike */
/** @typedef {import('./errors.js').HoldfastError} HoldfastError */

/** A server that wants yet another token gets one after so many milliseconds, and after so many it is left to end. */
const AGAIN = 2_000;
const PATIENCE = 5;

export class Renewal {
  #tokens;
  #environment;
  #onHopeless;
  #stop = new AbortController();
  #cancel = () => {};

  /**
   * @param {Pick<import('./tokens/source.js').TokenSource, 'obtain'>} tokens
   * @param {import('./types.js').Environment} environment
   * @param {(error: HoldfastError) => void} onHopeless  no token will come any more
   */
  constructor(tokens, environment, onHopeless) {
    this.#tokens = tokens;
    this.#environment = environment;
    this.#onHopeless = onHopeless;
  }

  /**
   * @param {SessionLike} session  the one to keep from now on
   * @param {{expires?: boolean, ttl?: number}} result  of connect, refresh, or a push of that name
   */
  keep(session, { expires, ttl }) {
    this.stop();
    if (!expires || !(Number(ttl) > 0)) return;
    const { signal } = (this.#stop = new AbortController());
    this.#cancel = scheduleRenewal(this.#environment, Number(ttl), () => void this.#renew(session, 'renewal', PATIENCE, signal));
  }

  stop() {
    this.#stop.abort();
    this.#cancel();
    this.#cancel = () => {};
  }

  /**
   * @param {SessionLike} session
   * @param {'renewal' | 'refused'} reason
   * @param {number} patience
   * @param {AbortSignal} signal
   */
  async #renew(session, reason, patience, signal) {
    let token;
    try {
      token = await this.#tokens.obtain(reason, signal);
    } catch (error) {
      const { action } = /** @type {HoldfastError} */ (error);
      if (!signal.aborted && action !== 'retry') this.#onHopeless(/** @type {HoldfastError} */ (error));
      else if (!signal.aborted) this.#again(session, reason, patience, signal);
      return;
    }
    if (signal.aborted) return;
    try {
      const result = await session.request('refresh', { token });
      if (!signal.aborted) this.keep(session, result);
    } catch (error) {
      const isStale = /** @type {HoldfastError} */ (error).action === 'fetch_token';
      if (!signal.aborted) this.#again(session, isStale ? 'refused' : 'renewal', patience, signal);
    }
  }

  /**
   * @param {SessionLike} session
   * @param {'renewal' | 'refused'} reason
   * @param {number} patience  when it is used up the server ends the connection, and the next attempt decides
   * @param {AbortSignal} signal
   */
  #again(session, reason, patience, signal) {
    if (patience <= 0 || !session.isConnected) return;
    const timer = this.#environment.setTimer(() => void this.#renew(session, reason, patience - 1, signal), AGAIN);
    this.#cancel = () => this.#environment.clearTimer(timer);
  }
}
