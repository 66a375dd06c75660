// @ts-check
/** The server's clock, as far as the client has learned it. */

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

  /** Seconds since 1970: by the server's clock if it is known, else by the device's. */
  now() {
    return (this.#environment.wallClock() + (this.#offset ?? 0)) / 1000;
  }
}
