// @ts-check
/**
 * A channel without offsets that two sessions deliver while a connection moves: each publication is let through once, in
 * the channel's order. Both sessions have that order, and one begins later than the other. So what one of them tells is
 * either what the other told already, then everything that the other told before it will not come again; or it is new.
 * What only the session we move to has told waits: the one we leave may be behind with what comes before it. Pure.
 */

/** A session that says the same thing for ever must not fill the memory. */
const MOST = 1000;

export class Overlap {
  /** What only the session we leave has told so far. @type {string[]} */
  told;
  /** What only the session we move to has told so far. @type {string[]} */
  #waiting = [];

  /** @param {string[]} [told]  before, by a session that is none any more: what one of these two may tell as well */
  constructor(told = []) {
    this.told = [...told];
  }

  /** @param {any} publication  of the session we move to @returns {boolean} whether the one we leave told it */
  hasTold(publication) {
    return this.told.splice(0, this.told.indexOf(JSON.stringify(publication)) + 1).length > 0;
  }

  /**
   * @param {any} publication
   * @param {0 | 1} side  0: the session we leave, 1: the one we move to
   * @returns {any[]} what is let through now
   */
  take(publication, side) {
    const text = JSON.stringify(publication);
    if (side === 1) {
      if (!this.hasTold(publication)) this.#waiting.push(text);
      return this.#release(this.#waiting.length - MOST);
    }
    const matched = this.#release(this.#waiting.indexOf(text) + 1);
    if (matched.length > 0) return matched;
    if (this.told.push(text) > MOST) this.told.shift();
    return [publication];
  }

  /** @returns {any[]} what waited: the session we leave is none any more */
  rest() {
    return this.#release(MOST);
  }

  // Private methods

  /** @param {number} count @returns {any[]} */
  #release(count) {
    return this.#waiting.splice(0, Math.max(0, count)).map((text) => JSON.parse(text));
  }
}
