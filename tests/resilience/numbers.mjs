/**
 * What one reader of one channel got of the numbers 1, 2, 3... that its publisher sent: each once and in order, or it was
 * told that something is missing. Pure.
 */

/** What all readers of a crowd have come to. */
export class Tally {
  delivered = 0;
  lost = 0;
  doubled = 0;
  outOfOrder = 0;
  /** How often a reader was told of insufficient state. */
  told = 0;
  /** Numbers that were missing, or came again, where it had been told so. */
  missedTold = 0;
  againTold = 0;
}

export class Reader {
  #tally;
  #last;
  #missing = new Set();
  #isTold = false;
  /** Whatever came before the last time it was told may come again. */
  #toldAt = -1;

  /** @param {Tally} tally @param {number | null} last  the number before the first; null where it is not known */
  constructor(tally, last) {
    this.#tally = tally;
    this.#last = last;
  }

  get last() {
    return this.#last;
  }

  /**
   * It cannot be told what came between, nor whether what it has is all: during a failover an instance may find out a
   * moment later that another one's publications are gone. The reader loads its state anew, and has missed nothing then.
   */
  tell() {
    this.#tally.told += 1;
    this.#tally.missedTold += this.#missing.size;
    this.#missing.clear();
    this.#isTold = true;
    this.#toldAt = this.#last ?? -1;
  }

  /** @param {number} number */
  take(number) {
    this.#tally.delivered += 1;
    if (this.#last === null || number === this.#last + 1) this.#goOn(number);
    else if (number > this.#last) this.#jump(number);
    else this.#back(number);
  }

  /** @param {number} final  the last number that was acknowledged @returns {boolean} whether it has come so far */
  hasReached(final) {
    return final === 0 || (this.#last !== null && this.#last >= final);
  }

  /** Nothing follows: what is missing now is lost. @param {number} final */
  end(final) {
    this.#tally.lost += this.#missing.size + Math.max(0, final - (this.#last ?? 0));
    this.#missing.clear();
    this.#last = Math.max(final, this.#last ?? 0);
  }

  #goOn(number) {
    this.#last = number;
    this.#isTold = false;
  }

  #jump(number) {
    if (this.#isTold) this.#tally.missedTold += number - this.#last - 1;
    else for (let one = this.#last + 1; one < number; one += 1) this.#missing.add(one);
    this.#goOn(number);
  }

  #back(number) {
    if (this.#missing.delete(number)) this.#tally.outOfOrder += 1;
    else if (number <= this.#toldAt) this.#tally.againTold += 1;
    else this.#tally.doubled += 1;
  }
}
