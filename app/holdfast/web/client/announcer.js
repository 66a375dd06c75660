// @ts-check
/**
 * Tells events in the order of what happened: a step first changes everything it has to, then tells. What a listener
 * sets off meanwhile is told behind it.
 */
export class Announcer {
  /** @type {[string, object][]} */
  #untold = [];
  #isTelling = false;
  #tell;

  /** @param {(name: string, detail: object) => void} tell */
  constructor(tell) {
    this.#tell = tell;
  }

  /** @param {string} name @param {object} detail */
  add(name, detail) {
    this.#untold.push([name, detail]);
  }

  /** Tell what has been added. */
  flush() {
    if (this.#isTelling) return;
    this.#isTelling = true;
    try {
      for (let next = this.#untold.shift(); next; next = this.#untold.shift()) this.#tell(...next);
    } finally {
      this.#isTelling = false;
    }
  }
}
