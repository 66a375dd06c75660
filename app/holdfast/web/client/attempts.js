// @ts-check
/** How often was tried, and how soon it may be tried again. Counts and moments alone; whoever waits, waits elsewhere. */

import { backoffDelay } from './backoff.js';
import { stored } from './storage.js';

const MINUTE = 60_000;
/** At most this many attempts in any minute, whatever happens. */
export const ATTEMPTS_PER_MINUTE = 60;
/** So many attempts within RECENT may follow each other at once, if somebody asks for them; then one in each SPACING. */
const QUICK_ATTEMPTS = 3;
const RECENT = 10_000;
const SPACING = 1_000;
const LONGEST_WINDOW = 300_000;

export class Attempts {
  /** @type {number[]} moments at which attempts of the last minute began, oldest first */
  #starts = [];
  /** @type {number | null} */
  #connectedAt = null;
  #windowMs = 0;
  #environment;
  #limits;
  #key;
  /** Attempts since the last connection that proved stable. */
  count = 0;

  /**
   * @param {import('./types.js').Environment} environment
   * @param {{minReconnectDelay: number, maxReconnectDelay: number, stableAfter: number}} limits  milliseconds
   * @param {string} origin  of the server, for which the window is remembered
   */
  constructor(environment, limits, origin) {
    this.#environment = environment;
    this.#limits = limits;
    this.#key = `holdfast:window:${origin}`;
    this.#windowMs = legalWindow(Number(stored(environment, (storage) => storage.getItem(this.#key))));
  }

  /** An attempt begins now. */
  begin() {
    const now = this.#environment.now();
    this.#starts = this.#starts.filter((start) => start > now - MINUTE);
    this.#starts.push(now);
    this.count += 1;
  }

  /**
   * The attempt succeeded.
   * @param {unknown} windowMs  over which to spread the return, should the server vanish; as the server said it
   */
  connected(windowMs) {
    this.#connectedAt = this.#environment.now();
    if (typeof windowMs !== 'number') return;
    this.#windowMs = legalWindow(windowMs);
    stored(this.#environment, (storage) => storage.setItem(this.#key, String(this.#windowMs)));
  }

  /** The connection, or the attempt, has ended. Only a connection that lasted makes the count start again. */
  ended() {
    const { stableAfter } = this.#limits;
    if (this.#connectedAt !== null && this.#environment.now() - this.#connectedAt >= stableAfter) this.count = 0;
    this.#connectedAt = null;
  }

  /** Milliseconds to wait after an attempt that failed, or a connection that was closed in due form. */
  backoff() {
    return backoffDelay(Math.max(0, this.count - 1), this.#limits, this.#environment.random);
  }

  /** Milliseconds to wait after a server that vanished with everybody: all of them come back over the window that it told. */
  spread() {
    const delay = this.#environment.random() * this.#windowMs;
    return this.count > 1 || this.#windowMs === 0 ? Math.max(delay, this.backoff()) : delay;
  }

  /** Milliseconds to wait where somebody, or the network, asks for an attempt now. */
  quick() {
    const now = this.#environment.now();
    const recent = this.#starts.filter((start) => start > now - RECENT);
    if (recent.length < QUICK_ATTEMPTS) return 0;
    return Math.max(0, /** @type {number} */ (recent.at(-1)) + SPACING - now);
  }

  /** Milliseconds until the minute's attempts are not used up. */
  earliest() {
    const sixtieth = this.#starts.at(-ATTEMPTS_PER_MINUTE);
    return sixtieth === undefined ? 0 : Math.max(0, sixtieth + MINUTE + 1 - this.#environment.now());
  }
}

/** @param {number} windowMs */
function legalWindow(windowMs) {
  return windowMs > 0 ? Math.min(windowMs, LONGEST_WINDOW) : 0; // NaN is 0, too
}
