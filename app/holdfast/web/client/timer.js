// @ts-check
/** Waiting: for one thing at a time, and not for ever. */

import { errorOf } from './errors.js';

export class Timer {
  #environment;
  /** @type {unknown} */
  #id = null;

  /** @param {Pick<import('./types.js').Environment, 'setTimer' | 'clearTimer'>} environment */
  constructor(environment) {
    this.#environment = environment;
  }

  get isSet() {
    return this.#id !== null;
  }

  /** Instead of what was waited for. @param {number} milliseconds @param {() => void} callback */
  set(milliseconds, callback) {
    this.stop();
    this.#id = this.#environment.setTimer(() => {
      this.#id = null;
      callback();
    }, milliseconds);
  }

  stop() {
    if (this.isSet) this.#environment.clearTimer(this.#id);
    this.#id = null;
  }
}

/**
 * @param {Pick<import('./types.js').Environment, 'setTimer' | 'clearTimer'>} environment
 * @param {number} milliseconds
 * @param {AbortSignal} [signal]  ends it early
 * @returns {Promise<void>}
 */
export function pause(environment, milliseconds, signal) {
  return new Promise((resolve) => {
    const done = () => {
      environment.clearTimer(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = environment.setTimer(done, milliseconds);
    signal?.addEventListener('abort', done);
  });
}

/**
 * @template T
 * @param {Pick<import('./types.js').Environment, 'setTimer' | 'clearTimer'>} environment
 * @param {number} milliseconds
 * @param {Promise<T>} work
 * @param {import('./errors.js').Cause} cause  of the error, where it takes longer
 * @returns {Promise<T>}
 */
export function within(environment, milliseconds, work, cause) {
  return new Promise((resolve, reject) => {
    const timer = new Timer(environment);
    timer.set(milliseconds, () => reject(errorOf(cause)));
    work.then(resolve, reject).finally(() => timer.stop());
  });
}
