// @ts-check
/**
 * A channel without offsets that two sessions deliver while a connection moves: each publication is let through once.
 * Both sessions have the channel's order, and one begins later than the other. So what one of them tells is either what
 * the other told already, then everything that the other told before it will not come again; or it is new. Pure.
 */

/** A session that says the same thing for ever must not fill the memory. */
const MOST = 1000;

export class Overlap {
  /** What only the session we leave, and only the one we move to, has told so far. @type {[string[], string[]]} */
  #unmatched;

  /** @param {string[]} [told]  before, by a session that is none any more: what one of these two may tell as well */
  constructor(told = []) {
    this.#unmatched = [[...told], []];
  }

  /** @param {0 | 1} side @returns {string[]} what it told and the other one may tell yet */
  told(side) {
    return this.#unmatched[side];
  }

  /**
   * @param {0 | 1} side  0: the session we leave, 1: the one we move to
   * @param {any} publication
   * @returns {boolean} whether it is new
   */
  isNew(side, publication) {
    const text = JSON.stringify(publication);
    const others = this.#unmatched[side === 0 ? 1 : 0];
    const match = others.indexOf(text);
    if (match >= 0) {
      others.splice(0, match + 1);
      return false;
    }
    this.#unmatched[side].push(text);
    if (this.#unmatched[side].length > MOST) this.#unmatched[side].shift();
    return true;
  }
}
