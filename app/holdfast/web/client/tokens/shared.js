// @ts-check
/**
 * One fetch in flight for all tabs of an origin. Web Locks keep the order, or where the page is no secure context, a
 * lease; a BroadcastChannel hands the result on. A tab that dies or freezes with the lock delays the others, but never
 * stops them.
 */

import { Lease } from './lease.js';

/** How long other tabs have to answer when asked for a token: milliseconds. */
const ANSWER_TIME = 150;

/**
 * @typedef {object} SharedOptions
 * @property {import('../types.js').Environment} environment
 * @property {string} name  of what is fetched: tabs with the same name share it
 * @property {number} patience  milliseconds that a tab waits for another's fetch
 * @property {(message: any) => void} onMessage  what another tab handed on
 * @property {() => any} onAsked  what to hand on, or null
 */

export class SharedFetch {
  #options;
  /** @type {BroadcastChannel | undefined} */
  #channel;
  /** @type {(() => void) | null} */
  #onAnswer = null;

  /** @param {SharedOptions} options */
  constructor(options) {
    this.#options = options;
    const { BroadcastChannel } = options.environment;
    if (BroadcastChannel === undefined) return;
    this.#channel = new BroadcastChannel(`holdfast:${options.name}`);
    this.#channel.onmessage = ({ data }) => this.#receive(data);
    /** @type {any} */ (this.#channel).unref?.(); // Node would wait for it
  }

  /**
   * Run `body` while no other tab does.
   * @template T
   * @param {(wasShared: boolean) => Promise<T>} body  is told whether another tab was at it before
   * @param {AbortSignal} signal  nobody waits for it any more
   * @returns {Promise<T>}
   */
  async run(body, signal) {
    const { release, hadToWait } = await this.#acquire(signal);
    try {
      if (hadToWait && !signal.aborted) await this.#ask(signal);
      signal.throwIfAborted();
      return await body(hadToWait);
    } finally {
      release();
    }
  }

  close() {
    this.#channel?.close();
  }

  /** Hand something on to the other tabs. @param {any} message */
  tell(message) {
    this.#channel?.postMessage(message);
  }

  /** @param {any} message */
  #receive(message) {
    if (message?.ask) {
      const answer = this.#options.onAsked();
      if (answer) this.tell(answer);
      return;
    }
    this.#options.onMessage(message);
    if (message?.token) this.#onAnswer?.();
  }

  /** @param {AbortSignal} signal */
  #ask(signal) {
    if (this.#channel === undefined) return undefined;
    this.tell({ ask: true });
    return /** @type {Promise<void>} */ (
      new Promise((resolve) => {
        const timer = this.#options.environment.setTimer(resolve, ANSWER_TIME);
        this.#onAnswer = () => {
          this.#onAnswer = null;
          this.#options.environment.clearTimer(timer);
          resolve();
        };
        signal.addEventListener('abort', this.#onAnswer);
      })
    );
  }

  /** @param {AbortSignal} signal @returns {Promise<{release: () => void, hadToWait: boolean}>} */
  async #acquire(signal) {
    const { environment, name, patience } = this.#options;
    if (environment.locks) return lock(environment, environment.locks, `holdfast:${name}`, patience, signal);
    const lease = new Lease(environment, `holdfast:lease:${name}`);
    return { hadToWait: await lease.acquire(patience, signal), release: () => lease.release() };
  }
}

/**
 * @param {import('../types.js').Environment} environment @param {LockManager} locks @param {string} name
 * @param {number} patience @param {AbortSignal} signal
 * @returns {Promise<{release: () => void, hadToWait: boolean}>}
 */
function lock(environment, locks, name, patience, signal) {
  return new Promise((resolve) => {
    const controller = new AbortController();
    let release = () => {};
    const whole = new Promise((done) => (release = () => done(undefined)));
    // Whoever holds the lock is frozen or hangs: two fetches at once do less harm than none.
    const giveUp = () => controller.abort();
    const timer = environment.setTimer(giveUp, patience);
    signal.addEventListener('abort', giveUp);
    const take = (/** @type {boolean} */ hadToWait) => {
      environment.clearTimer(timer);
      resolve({ release, hadToWait });
      return whole;
    };
    locks
      .request(name, { ifAvailable: true }, (held) => held && take(false))
      .then((held) => held === null && locks.request(name, { signal: controller.signal }, () => take(true)))
      .catch(() => take(true));
  });
}
