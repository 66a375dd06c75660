// @ts-check
/** A lock of all tabs for pages without Web Locks: a line in localStorage that ends by itself if its tab dies. */

/** Milliseconds that it lasts without being renewed, between renewals, and between looks at another's. */
const LASTS = 3000;
const RENEWAL = 1000;
const POLL = 100;

export class Lease {
  #environment;
  #key;
  #owner;
  /** @type {unknown} */
  #timer;

  /** @param {import('../types.js').Environment} environment @param {string} key */
  constructor(environment, key) {
    this.#environment = environment;
    this.#key = key;
    this.#owner = environment.random().toString(36).slice(2);
  }

  /**
   * Wait until it is this tab's, or has been another's for too long.
   * @param {number} patience  milliseconds
   * @returns {Promise<boolean>} whether another tab had it
   */
  async acquire(patience) {
    const { now, random, storage } = this.#environment;
    const end = now() + patience;
    let hadToWait = false;
    while (storage && now() < end) {
      if (this.#holder() === '') {
        if (!this.#write()) break;
        await this.#pause(20 + random() * 30); // another tab may have written in the same moment: the last one has it
        if (this.#holder() === this.#owner) {
          this.#keep();
          break;
        }
      }
      hadToWait = true;
      await this.#pause(POLL);
    }
    return hadToWait;
  }

  release() {
    this.#environment.clearTimer(this.#timer);
    try {
      if (this.#holder() === this.#owner) this.#environment.storage?.removeItem(this.#key);
    } catch {
      // It ends by itself.
    }
  }

  #keep() {
    this.#timer = this.#environment.setTimer(() => {
      if (this.#holder() === this.#owner && this.#write()) this.#keep();
    }, RENEWAL);
  }

  /** Who has it; `''` for nobody. */
  #holder() {
    const { storage, wallClock } = this.#environment;
    try {
      const [who, until] = (storage?.getItem(this.#key) ?? '').split(' ');
      const left = Number(until) - wallClock();
      return left > 0 && left <= LASTS ? who : ''; // one of the far future was written before the clock was set
    } catch {
      return '';
    }
  }

  #write() {
    const { storage, wallClock } = this.#environment;
    try {
      storage?.setItem(this.#key, `${this.#owner} ${wallClock() + LASTS}`);
      return true;
    } catch {
      return false; // the storage is full or forbidden: go on without
    }
  }

  /** @param {number} milliseconds @returns {Promise<void>} */
  #pause(milliseconds) {
    return new Promise((resolve) => this.#environment.setTimer(() => resolve(), milliseconds));
  }
}
