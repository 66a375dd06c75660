// @ts-check
/**
 * While a connection moves two sessions feed a delivery: 0 is the one we leave, 1 the one we move to. What both tell is
 * let through once, and what the new one leaves out is waited for. Loaded on demand.
 */

import { Overlap } from './overlap.js';
import { offsetOf } from './positions.js';

/** @typedef {{overlap: Overlap, result: any, isWhole: boolean, held: any[], sawHole: boolean}} Joined */

/** So long the session that there is may be behind one that is none any more. */
const LAG_MS = 2_000;
/** Publications that are held; a callback that never answers must not fill the memory. */
const MOST_HELD = 10_000;

export class Crossing {
  #delivery;
  /** Set while two sessions feed it. @type {Joined | null} */
  #joined = null;
  /**
   * What a session that is none any more told ahead of the one that there is.
   * @type {{overlap: Overlap, until: number} | null}
   */
  #left = null;

  /** @param {import('./delivery.js').Delivery} delivery */
  constructor(delivery) {
    this.#delivery = delivery;
  }

  /** From now on what the first session tells is remembered: the second one is asked. */
  prepare() {
    this.#joined = { overlap: new Overlap(this.#left?.overlap.told), result: null, isWhole: true, held: [], sawHole: false };
  }

  /** Take the result of a subscribe command on the second session. @param {any} result */
  join(result) {
    const { fresh, isWhole } = join(this.#delivery.at, result);
    this.#joined = { overlap: this.#joined?.overlap ?? new Overlap(), result, isWhole, held: [], sawHole: false };
    if (isWhole) this.#delivery.isAsking = false;
    for (const publication of fresh) this.#delivery.give(publication);
  }

  /** @param {any} publication @param {0 | 1} side */
  take(publication, side) {
    const joined = this.#joined;
    if (side === 1 && joined && !joined.isWhole) {
      if (joined.held.length < MOST_HELD) joined.held.push(publication);
    } else this.#pass(publication, side);
    if (joined && !joined.isWhole) this.#check(joined);
  }

  /** @returns {boolean} whether the other session may bring what is missing */
  onHole() {
    if (this.#joined) this.#joined.sawHole = true;
    return this.#joined !== null;
  }

  /** The second session is the only one from now on. */
  settle() {
    const joined = this.#joined;
    this.#joined = null;
    if (!joined) return;
    this.#left = { overlap: new Overlap(joined.overlap.told), until: this.#delivery.environment.now() + LAG_MS };
    for (const publication of joined.overlap.rest()) this.#delivery.accept(publication);
    if (joined.result === null) return;
    if (!joined.isWhole) this.#delivery.begin(joined.result);
    else this.#delivery.canAsk = joined.result.recoverable === true;
    for (const publication of joined.held) this.#pass(publication, 0);
    if (joined.sawHole) this.#delivery.ask();
  }

  /** The second session is none any more. */
  abandon() {
    const joined = this.#joined;
    this.#joined = null;
    if (joined?.sawHole) this.#delivery.ask();
  }

  /** The subscriber left. */
  stop() {
    this.#joined = null;
  }

  // Private methods

  /** @param {any} publication @param {0 | 1} side */
  #pass(publication, side) {
    if (this.#delivery.isAsking) return;
    const isComparable = offsetOf(publication?.offset) === null;
    if (isComparable && side === 0 && this.#wasLeft(publication)) return;
    const next = isComparable && this.#joined ? this.#joined.overlap.take(publication, side) : [publication];
    for (const one of next) this.#delivery.accept(one);
  }

  /** @param {any} publication @returns {boolean} whether a session told it that is none any more */
  #wasLeft(publication) {
    const left = this.#left;
    const isTold = left !== null && this.#delivery.environment.now() <= left.until && left.overlap.hasTold(publication);
    if (!isTold) this.#left = null; // it has caught up
    return isTold;
  }

  /** Whether the first session has told by now what the second one leaves out. @param {Joined} joined */
  #check(joined) {
    const { isWhole } = join(this.#delivery.at, joined.result);
    if (!isWhole) return;
    joined.isWhole = true;
    for (const publication of joined.held.splice(0)) this.#pass(publication, 1);
  }
}

/**
 * Take the result of a subscribe command on a second session, while the first one still delivers.
 * @param {import('./positions.js').Position} position
 * @param {any} result
 * @returns {{fresh: any[], isWhole: boolean}} whether the second session leaves out nothing that the first one has
 *     not told; otherwise ask again when the first one has told more
 */
export function join(position, result) {
  const from = position.current;
  if (typeof result.epoch !== 'string') return { fresh: [], isWhole: true };
  if (from === null) return { fresh: position.resume(result, false).fresh, isWhole: true };
  const isSameStream = from.epoch === '' || from.epoch === result.epoch;
  if (result.recovered === true && isSameStream) return { ...position.resume(result, true), isWhole: true };
  return { fresh: [], isWhole: isSameStream && (offsetOf(result.offset) ?? 0) <= from.offset };
}
