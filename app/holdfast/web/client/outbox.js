// @ts-check
/**
 * Messages that wait for a connection: bounded, in order, each with a promise and a time by which it has to have left.
 * What has left is no longer the outbox's: if its connection breaks before the reply, nobody knows what became of it.
 */

import { errorOf } from './errors.js';

/** @typedef {(method: string, params: object) => Promise<any>} Send */
/** @typedef {{method: string, params: object, resolve: (result: any) => void, reject: (error: Error) => void, timer: unknown}} Waiting */

export class Outbox {
  /** @type {Set<Waiting>} in the order of arrival */
  #waiting = new Set();
  #environment;
  #limits;

  /**
   * @param {import('./types.js').Environment} environment
   * @param {{queueSize: number, queueTimeout: number}} limits
   */
  constructor(environment, limits) {
    this.#environment = environment;
    this.#limits = limits;
  }

  /**
   * @param {string} method
   * @param {object} params
   * @returns {Promise<any>} the reply's result
   */
  add(method, params) {
    const { queueSize, queueTimeout } = this.#limits;
    if (this.#waiting.size >= queueSize) {
      return Promise.reject(errorOf({ slug: 'queue_full', detail: `${queueSize} messages wait` }));
    }
    return new Promise((resolve, reject) => {
      const expire = () => {
        this.#waiting.delete(entry);
        reject(errorOf({ slug: 'queue_timeout', detail: `not sent for ${queueTimeout} ms` }));
      };
      const entry = { method, params, resolve, reject, timer: this.#environment.setTimer(expire, queueTimeout) };
      this.#waiting.add(entry);
    });
  }

  /** @param {Send} send  everything goes out now */
  flush(send) {
    for (const { method, params, resolve, reject } of this.#takeAll()) send(method, params).then(resolve, reject);
  }

  /** @param {Error} error  nothing of it will ever be sent */
  rejectAll(error) {
    for (const { reject } of this.#takeAll()) reject(error);
  }

  #takeAll() {
    const all = [...this.#waiting];
    this.#waiting.clear();
    for (const { timer } of all) this.#environment.clearTimer(timer);
    return all;
  }
}
