// @ts-check
/** Goes back to a better transport when it works again: tries it beside the present one, and moves only then. */

/** @typedef {import('./types.js').TransportName} TransportName */
/** @typedef {{session: import('./session.js').Session, reply: any}} Opened */

const LONGEST = 3_600_000;
const AGAIN = 30_000;

export class Upgrade {
  #parts;
  /** @type {unknown} */
  #timer = null;

  /**
   * @param {object} parts
   * @param {import('./types.js').Environment} parts.environment
   * @param {Pick<import('./transports/choice.js').TransportChoice, 'shouldUpgrade' | 'upgradeIn'>} parts.choice
   * @param {(transport: TransportName) => Promise<Opened>} parts.open  connected, beside the present one
   * @param {(opened: Opened) => void} parts.moveTo
   */
  constructor(parts) {
    this.#parts = parts;
  }

  /** There is a connection: look again when it is worth it. @param {number} [soonest]  milliseconds */
  watch(soonest = 1_000) {
    this.stop();
    const { environment, choice } = this.#parts;
    const wait = choice.upgradeIn();
    if (wait === null) return;
    const delay = Math.min(LONGEST, Math.max(soonest, wait));
    this.#timer = environment.setTimer(() => void this.#try(), delay);
  }

  stop() {
    if (this.#timer !== null) this.#parts.environment.clearTimer(this.#timer);
    this.#timer = null;
  }

  async #try() {
    const { environment, choice, open, moveTo } = this.#parts;
    this.#timer = null;
    const better = environment.isHidden() ? null : choice.shouldUpgrade();
    try {
      if (better) moveTo(await open(better));
    } catch {
      // The choice has been told, and says when it is worth another try.
    }
    if (this.#timer === null) this.watch(AGAIN);
  }
}
