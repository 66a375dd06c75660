// @ts-check
/** The server's clock, as far as the client has learned it. */

/** How far a device's clock may be off before the user hears of it: milliseconds. */
const WRONG = 60_000;

export class ServerClock {
  #environment;
  /** Milliseconds by which the server is ahead of this device. @type {number | null} */
  #offset = null;

  /** @param {{wallClock: () => number}} environment */
  constructor(environment) {
    this.#environment = environment;
  }

  /** @param {unknown} serverTime  seconds since 1970, just now */
  learn(serverTime) {
    if (typeof serverTime !== 'number' || !(serverTime > 0) || serverTime > 1e11) return;
    this.#offset = serverTime * 1000 - this.#environment.wallClock();
  }

  get isLearned() {
    return this.#offset !== null;
  }

  /** Whether the device's own clock is so wrong that its user should set it. */
  get isDeviceWrong() {
    return Math.abs(this.#offset ?? 0) > WRONG;
  }

  /** Seconds since 1970: by the server's clock if it is known, else by the device's. */
  now() {
    return (this.#environment.wallClock() + (this.#offset ?? 0)) / 1000;
  }
}
