// @ts-check
/** Goes back to a better transport when it works again: tries it beside the present one, and moves only then. */

import { Timer } from './timer.js';

/** @typedef {import('./types.js').TransportName} TransportName */
/** @typedef {{session: import('./session.js').Session, reply: any}} Opened */

const LONGEST = 3_600_000;
const AGAIN = 30_000;

export class Upgrade {
  #parts;
  #timer;
  #isWatching = false;

  /**
   * @param {object} parts
   * @param {import('./types.js').Environment} parts.environment
   * @param {() => Pick<import('./transports/choice.js').TransportChoice, 'shouldUpgrade' | 'upgradeIn'> | null} parts.choice
   *     null while there is no reason to choose
   * @param {(transport: TransportName) => Promise<Opened>} parts.open  connected, beside the present one
   * @param {(opened: Opened) => void} parts.moveTo
   */
  constructor(parts) {
    this.#parts = parts;
    this.#timer = new Timer(parts.environment);
  }

  /** There is a connection: look again when it is worth it. @param {number} [soonest]  milliseconds */
  watch(soonest = 1_000) {
    this.stop();
    this.#isWatching = true;
    const wait = this.#parts.choice()?.upgradeIn() ?? null;
    if (wait !== null) this.#timer.set(Math.min(LONGEST, Math.max(soonest, wait)), () => void this.#try());
  }

  stop() {
    this.#isWatching = false;
    this.#timer.stop();
  }

  async #try() {
    const { environment, choice, open, moveTo } = this.#parts;
    const better = environment.isHidden() ? null : choice()?.shouldUpgrade();
    try {
      if (better) moveTo(await open(better));
    } catch {
      // The choice has been told, and says when it is worth another try.
    }
    if (this.#isWatching && !this.#timer.isSet) this.watch(AGAIN);
  }
}
