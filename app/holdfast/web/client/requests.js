// @ts-check
/** Commands that wait for their reply: one promise, one timer and one id each. */

import { errorOf, errorSaid } from './errors.js';

/** @typedef {{method: string, resolve: (result: any) => void, reject: (error: Error) => void, timer: unknown}} Pending */

export class Requests {
  /** @type {Map<number, Pending>} */
  #pending = new Map();
  #lastId = 0;
  #environment;

  /** @param {import('./types.js').Environment} environment */
  constructor(environment) {
    this.#environment = environment;
  }

  get size() {
    return this.#pending.size;
  }

  /**
   * @param {string} method
   * @param {number} timeout  milliseconds
   * @returns {{id: number, reply: Promise<any>}} the id to send; the result, or why there is none
   */
  add(method, timeout) {
    this.#lastId += 1;
    const id = this.#lastId;
    const reply = new Promise((resolve, reject) => {
      const expire = () => this.#take(id)?.reject(errorOf({ slug: 'command_timeout', detail: method }));
      this.#pending.set(id, { method, resolve, reject, timer: this.#environment.setTimer(expire, timeout) });
    });
    reply.catch(() => {}); // whoever does not look at it must not find it among the unhandled
    return { id, reply };
  }

  /**
   * @param {Record<string, any>} message  with an id
   * @returns {boolean} whether it answers something that was asked, be it too late
   */
  settle({ id, error, ...results }) {
    const failure = error && errorSaid('error', error); // which may be of types that nobody expects
    const pending = this.#take(id);
    if (pending === undefined) return Number.isInteger(id) && id > 0 && id <= this.#lastId;
    if (failure) pending.reject(failure);
    else pending.resolve(results[pending.method] ?? {});
    return true;
  }

  /** @param {(method: string) => Error} why  nothing will be answered any more */
  rejectAll(why) {
    for (const id of [...this.#pending.keys()]) {
      const pending = /** @type {Pending} */ (this.#take(id));
      pending.reject(why(pending.method));
    }
  }

  /** @param {number} id @returns {Pending | undefined} */
  #take(id) {
    const pending = this.#pending.get(id);
    if (pending === undefined) return undefined;
    this.#pending.delete(id);
    this.#environment.clearTimer(pending.timer);
    return pending;
  }
}
