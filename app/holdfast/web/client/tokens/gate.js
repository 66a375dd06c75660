// @ts-check
/** Holds up the next attempt for a time, which may be cut short. */

export class Gate {
  #environment;
  #opensAt = 0;
  #open = () => {};

  /** @param {import('../types.js').Environment} environment */
  constructor(environment) {
    this.#environment = environment;
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
    this.#open();
  }

  /** Wait until it is open; one at a time. @returns {Promise<void>} */
  async pass() {
    const { now, setTimer, clearTimer } = this.#environment;
    const left = this.#opensAt - now();
    if (left <= 0) return;
    await new Promise((resolve) => {
      const timer = setTimer(() => this.#open(), left);
      this.#open = () => {
        clearTimer(timer);
        this.#open = () => {};
        resolve(undefined);
      };
    });
  }
}
