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

/** @param {AbortSignal | undefined} signal  which may be aborted already @param {() => void} callback */
export function onAbort(signal, callback) {
  if (signal?.aborted) callback();
  else signal?.addEventListener('abort', callback);
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
    onAbort(signal, done);
  });
}

/**
 * @template T
 * @param {AbortSignal | undefined} signal  nobody waits any more
 * @param {Promise<T>} work
 * @returns {Promise<T>}
 */
export function unless(signal, work) {
  let stop = () => {};
  const stopped = new Promise((_, reject) => {
    stop = () => reject(signal?.reason);
    onAbort(signal, stop);
  });
  return Promise.race([work, stopped]).finally(() => signal?.removeEventListener('abort', stop));
}

/**
 * @template T
 * @param {Pick<import('./types.js').Environment, 'setTimer' | 'clearTimer'>} environment
 * @param {number} milliseconds
 * @param {Promise<T>} work
 * @param {import('./errors.js').Cause} cause  of the error, where it takes longer
 * @param {AbortSignal} [signal]  nobody waits any more
 * @returns {Promise<T>}
 */
export function within(environment, milliseconds, work, cause, signal) {
  const timer = new Timer(environment);
  const late = new Promise((_, reject) => timer.set(milliseconds, () => reject(errorOf(cause))));
  return unless(signal, Promise.race([work, late])).finally(() => timer.stop());
}
