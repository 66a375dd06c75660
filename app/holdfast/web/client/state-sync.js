// @ts-check
/**
 * Fetches the application's snapshot of a channel, again and again until one comes. What to do with it, and with what is
 * published meanwhile, is its owner's.
 */

import { backoffDelay, DELAYS } from './backoff.js';
import './codes-rest.js';
import { errorOf } from './errors.js';
import { Timer } from './timer.js';

/** @typedef {import('./positions.js').Gap} Gap */


export class StateSync {
  #channel;
  #getState;
  #environment;
  #events;
  #failures = 0;
  #timer;
  /** @type {AbortController | null} the fetch under way */
  #abort = null;

  /**
   * @param {string} channel
   * @param {(context: import('./types.js').StateContext) => Promise<any>} getState
   * @param {import('./types.js').Environment} environment
   * @param {{onState: (state: any, gap: Gap | null) => void, onError: (error: Error) => void}} events
   */
  constructor(channel, getState, environment, events) {
    this.#channel = channel;
    this.#getState = getState;
    this.#environment = environment;
    this.#events = events;
    this.#timer = new Timer(environment);
  }

  /** Go on after `stop`. @param {Gap | null} gap */
  resume(gap) {
    if (this.#abort === null) this.start(gap);
  }

  /** @param {Gap | null} gap  what it is needed for; null at first */
  start(gap) {
    this.stop();
    this.#abort = new AbortController();
    const delay = this.#failures === 0 ? 0 : backoffDelay(this.#failures - 1, DELAYS, this.#environment.random);
    if (delay === 0) this.#fetch(gap);
    else this.#timer.set(delay, () => this.#fetch(gap));
  }

  /** What was fetched was of no use: the next one waits longer. @param {Gap | null} gap @param {string} detail */
  refuse(gap, detail) {
    this.#fail(gap, errorOf({ slug: 'state_sync_failed', detail: `${this.#channel}: ${detail}` }));
  }

  /** The subscriber goes on from a snapshot. */
  succeed() {
    this.#failures = 0;
  }

  /** Another fetch soon after this one would be the next of a row. */
  count() {
    this.#failures += 1;
  }

  stop() {
    this.#timer.stop();
    this.#abort?.abort();
    this.#abort = null;
  }

  /** @param {Gap | null} gap */
  async #fetch(gap) {
    const abort = /** @type {AbortController} */ (this.#abort);
    const reason = gap ? 'gap' : 'first';
    try {
      const state = await this.#getState({ channel: this.#channel, reason, gap, signal: abort.signal });
      if (this.#abort !== abort) return;
      this.#abort = null;
      this.#events.onState(state, gap);
    } catch (cause) {
      if (this.#abort !== abort) return;
      this.#fail(gap, errorOf({ slug: 'state_sync_failed', detail: `${this.#channel}: ${cause}`, cause }));
    }
  }

  /** @param {Gap | null} gap @param {Error} error */
  #fail(gap, error) {
    this.#failures += 1;
    this.#events.onError(error);
    this.start(gap);
  }
}
