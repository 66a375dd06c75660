// @ts-check
/** Holds up the next attempt for a time, which may be cut short. */

import { Timer } from '../timer.js';

export class Gate {
  #environment;
  #opensAt = 0;
  #open = () => {};
  #timer;

  /** @param {import('../types.js').Environment} environment */
  constructor(environment) {
    this.#environment = environment;
    this.#timer = new Timer(environment);
  }

  /** @param {number} milliseconds  from now */
  close(milliseconds) {
    this.#opensAt = this.#environment.now() + milliseconds;
  }

  /** Let through who waits, and who comes. */
  open() {
    this.#opensAt = 0;
    this.leave();
  }

  /** Let through who waits. */
  leave() {
    this.#timer.stop();
    this.#open();
  }

  /** Wait until it is open; one at a time. @returns {Promise<void>} */
  async pass() {
    const left = this.#opensAt - this.#environment.now();
    if (left <= 0) return;
    await new Promise((resolve) => {
      this.#open = () => resolve(undefined);
      this.#timer.set(left, this.#open);
    });
  }
}
