// @ts-check
/** Holds up the next attempt for a time, which may be cut short. */

import { Timer } from '../timer.js';

/** Milliseconds from one attempt to the next, however often somebody hurries. */
const SPACING = 1_000;

export class Gate {
  #environment;
  #opensAt = 0;
  /** When it opens where somebody hurries. */
  #soonest = 0;
  #look = () => {};
  #timer;

  /** @param {import('../types.js').Environment} environment */
  constructor(environment) {
    this.#environment = environment;
    this.#timer = new Timer(environment);
  }

  /** @param {number} milliseconds  from now */
  close(milliseconds) {
    const now = this.#environment.now();
    this.#opensAt = now + milliseconds;
    this.#soonest = now + SPACING;
  }

  /** Let through who waits, and who comes, as soon as may be. */
  hurry() {
    this.#opensAt = Math.min(this.#opensAt, this.#soonest);
    this.#look();
  }

  /** Wait until it is open; one at a time. @param {AbortSignal} signal  ends it early @returns {Promise<void>} */
  pass(signal) {
    return new Promise((resolve) => {
      this.#look = () => {
        const left = this.#opensAt - this.#environment.now();
        if (left > 0 && !signal.aborted) return this.#timer.set(left, this.#look);
        this.#timer.stop();
        this.#look = () => {};
        resolve();
      };
      signal.addEventListener('abort', () => this.#look());
      this.#look();
    });
  }
}
