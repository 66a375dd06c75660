// @ts-check
/** A lock of all tabs for pages without Web Locks: a line in localStorage that ends by itself if its tab dies. */

import { stored } from '../storage.js';
import { pause, Timer } from '../timer.js';

/** Milliseconds that it lasts without being renewed, between renewals, and between looks at another's. */
const LASTS = 3000;
const RENEWAL = 1000;
const POLL = 100;

export class Lease {
  #environment;
  #key;
  #owner;
  #timer;

  /** @param {import('../types.js').Environment} environment @param {string} key */
  constructor(environment, key) {
    this.#environment = environment;
    this.#timer = new Timer(environment);
    this.#key = key;
    this.#owner = environment.random().toString(36).slice(2);
  }

  /**
   * Wait until it is this tab's, or has been another's for too long.
   * @param {number} patience  milliseconds
   * @param {AbortSignal} signal  nobody waits for it any more
   * @returns {Promise<boolean>} whether another tab had it
   */
  async acquire(patience, signal) {
    const { now, random, storage } = this.#environment;
    const end = now() + patience;
    let hadToWait = false;
    while (storage && now() < end && !signal.aborted) {
      if (this.#holder() === '') {
        if (!this.#write()) break;
        await pause(this.#environment, 20 + random() * 30, signal); // another tab may have written in the same moment: the last one has it
        if (this.#holder() === this.#owner) {
          this.#keep();
          break;
        }
      }
      hadToWait = true;
      await pause(this.#environment, POLL, signal);
    }
    return hadToWait;
  }

  release() {
    this.#timer.stop();
    if (this.#holder() === this.#owner) stored(this.#environment, (storage) => storage.removeItem(this.#key));
  }

  #keep() {
    this.#timer.set(RENEWAL, () => {
      if (this.#holder() === this.#owner && this.#write()) this.#keep();
    });
  }

  /** Who has it; `''` for nobody. */
  #holder() {
    const [who, until] = (stored(this.#environment, (storage) => storage.getItem(this.#key)) ?? '').split(' ');
    const left = Number(until) - this.#environment.wallClock();
    return left > 0 && left <= LASTS ? who : ''; // one of the far future was written before the clock was set
  }

  /** Whether it could; where the storage is full or forbidden, go on without. */
  #write() {
    return stored(this.#environment, (storage) => {
      storage.setItem(this.#key, `${this.#owner} ${this.#environment.wallClock() + LASTS}`);
      return true;
    });
  }
}
