// @ts-check
/**
 * Whose turn it is to connect: the best transport that the browser has, until one fails, or one has failed on an earlier
 * page. From then on choice.js decides, which is loaded for that.
 */

import { loaded, soon, use } from '../on-demand.js';
import { stored } from '../storage.js';

/** @typedef {import('../types.js').TransportName} TransportName */
/** @typedef {import('../types.js').Environment} Environment */
/** @typedef {import('../session.js').Session} Session */
/** @typedef {import('./outcomes.js').Outcomes} Outcomes */

const PART = 'transports/outcomes';
/** Ends that may speak against a transport: no close frame came, or what came was not understood. */
const SUSPICIOUS = [1006, 4000];

export class Turn {
  #environment;
  #names;
  #origin;
  #hasDoubts;
  /** @type {TransportName | null} */
  #current = null;
  /** @type {Outcomes | null} */
  #outcomes = null;

  /**
   * @param {Environment} environment
   * @param {TransportName[]} names  the best one first
   * @param {string} origin  of the server
   */
  constructor(environment, names, origin) {
    this.#environment = environment;
    this.#names = names;
    this.#origin = origin;
    this.#hasDoubts = Boolean(stored(environment, (storage) => storage.getItem(keyOf(origin))));
  }

  /** What decides; null where there is no reason to, or it has not come yet. */
  get outcomes() {
    const part = loaded[PART];
    if (this.#hasDoubts && part) this.#outcomes ??= this.#begin(part);
    return this.#outcomes;
  }

  /** @param {AbortSignal} signal @returns {Promise<TransportName | null>} what to try next; null where the browser has none of them */
  async next(signal) {
    if (this.#hasDoubts) await soon(PART, this.#environment, signal); // without it the best one is tried once more
    if (this.outcomes) return this.outcomes.next();
    return this.#names.find((name) => isSupported(name, this.#environment)) ?? null;
  }

  /** The connect reply has come over it. @param {TransportName} name */
  onConnected(name) {
    this.#current = name;
    this.outcomes?.choice.onConnected(name);
  }

  /** @param {Session} session @param {import('../types.js').Ending} ending @param {boolean} willAsk  the server */
  ended(session, ending, willAsk) {
    this.#hasDoubts ||= SUSPICIOUS.includes(ending.code);
    this.#tell((outcomes) => outcomes.ended(session, ending, willAsk));
  }

  /** The part for it does not load. @param {TransportName} name */
  lacks(name) {
    this.#hasDoubts = true;
    this.#tell((outcomes) => outcomes.lacks(name));
  }

  /** @param {Session} session @param {string} slug  of what asking the server came to */
  explained(session, slug) {
    this.#tell((outcomes) => outcomes.explained(session, slug));
  }

  // Private methods

  /** @param {(outcomes: Outcomes) => void} tell */
  #tell(tell) {
    if (this.#hasDoubts) use(PART, () => this.outcomes && tell(this.outcomes));
  }

  /** @param {import('../on-demand.js').Modules['transports/outcomes']} part */
  #begin({ outcomesOf }) {
    const outcomes = outcomesOf(this.#environment, this.#names, this.#origin);
    if (this.#current) outcomes.choice.onConnected(this.#current);
    return outcomes;
  }
}

/** Under what is remembered which transports failed. @param {string} origin */
export function keyOf(origin) {
  return `holdfast:transports:${origin}`;
}

/**
 * @param {TransportName} name
 * @param {Environment} environment
 * @returns {boolean} whether the browser has what it takes
 */
export function isSupported(name, { WebSocket, fetch }) {
  return (name === 'websocket' ? WebSocket : fetch) !== undefined;
}
