// @ts-check
/**
 * Between the sessions that carry a channel and its subscriber: each publication once, in order, or a gap said where it
 * is. While a snapshot is fetched what comes is held; while a connection moves two sessions may feed it.
 */

import { Overlap } from './overlap.js';
import { Position, offsetOf } from './positions.js';
import { StateSync } from './state-sync.js';

/** @typedef {import('./positions.js').Gap} Gap */

/**
 * @typedef {object} DeliveryEvents
 * @property {(publication: any) => void} onPublication  as it came
 * @property {(gap: Gap) => void} onGap
 * @property {(state: any) => void} onState  a snapshot has come; what follows continues it
 * @property {(error: Error) => void} onError
 * @property {() => void} onAsk  something is missing behind `position`: subscribe again from there
 */

/** @typedef {{overlap: Overlap, result: any, isWhole: boolean, held: any[], sawHole: boolean}} Joined */

/** So long the session that there is may be behind one that is none any more. */
const LAG_MS = 2_000;
/** Publications that are held; a callback that never answers must not fill the memory. */
const MOST_HELD = 10_000;

export class Delivery {
  #position;
  #environment;
  #events;
  /** @type {StateSync | null} */
  #sync;
  #hasBegun = false;
  /** Whether the subscriber has to have a snapshot before anything else. */
  #lacksState;
  #canAsk = false;
  /** @type {any[]} publications behind `#floor`, until the snapshot is here */
  #held = [];
  /** How far the subscriber had been told when holding began. @type {import('./positions.js').StreamPosition | null} */
  #floor = null;
  /** Set while two sessions feed it. @type {Joined | null} */
  #joined = null;
  /**
   * What a session that is none any more told ahead of the one that there is.
   * @type {{overlap: Overlap, until: number, isOver: boolean} | null}
   */
  #left = null;
  /** What comes until the server has answered is part of its answer. */
  #isAsking = false;

  /**
   * @param {string} channel
   * @param {import('./types.js').SubscriptionOptions} options
   * @param {import('./types.js').Environment} environment
   * @param {DeliveryEvents} events
   */
  constructor(channel, options, environment, events) {
    const { since, filter, getState } = options;
    this.#position = new Position(since, { isSparse: filter !== undefined });
    this.#environment = environment;
    this.#events = events;
    const onError = (/** @type {Error} */ error) => events.onError(error);
    const onState = (/** @type {any} */ state, /** @type {Gap | null} */ gap) => this.#onState(state, gap);
    this.#lacksState = !since;
    this.#sync = getState ? new StateSync(channel, getState, environment, { onState, onError }) : null;
  }

  /** From where to recover; null where there is nothing yet. */
  get position() {
    return this.#position.current;
  }

  /** Take the result of a subscribe command on the one session that feeds it. @param {any} result */
  begin(result) {
    const before = this.position;
    const { fresh, gap } = this.#position.resume(result, this.#hasBegun);
    this.#hasBegun = true;
    this.#isAsking = false;
    this.#canAsk = result.recoverable === true;
    if (gap) this.#tell(gap);
    else if (this.#sync && !this.#sync.isActive) {
      if (this.#lacksState) this.#hold(null, before ?? this.position);
      else this.#sync.succeed();
    }
    for (const publication of fresh) this.#give(publication);
  }

  /**
   * @param {any} publication
   * @param {0 | 1} side  1: from the session to which the connection moves
   */
  take(publication, side) {
    const joined = this.#joined;
    if (side === 1 && joined && !joined.isWhole) {
      if (joined.held.length < MOST_HELD) joined.held.push(publication);
    } else this.#take(publication, side);
    if (joined && !joined.isWhole) this.#check(joined);
  }

  /** Take the result of a subscribe command on a second session. @param {any} result */
  join(result) {
    const { fresh, isWhole } = this.#position.join(result);
    this.#joined = { overlap: this.#joined?.overlap ?? new Overlap(), result, isWhole, held: [], sawHole: false };
    this.#isAsking &&= !isWhole;
    for (const publication of fresh) this.#give(publication);
  }

  /** From now on what the first session tells is remembered: the second one is asked. */
  prepare() {
    this.#joined = { overlap: new Overlap(this.#left?.overlap.told(0)), result: null, isWhole: true, held: [], sawHole: false };
  }

  /** The second session is the only one from now on. */
  settle() {
    const joined = this.#joined;
    this.#joined = null;
    if (joined) this.#leave(joined.overlap.told(0), true);
    if (joined?.result == null) return;
    if (!joined.isWhole) this.begin(joined.result);
    else this.#canAsk = joined.result.recoverable === true;
    for (const publication of joined.held) this.#take(publication, 0);
    if (joined.sawHole) this.#ask();
  }

  /** The second session is none any more. */
  abandon() {
    const joined = this.#joined;
    this.#joined = null;
    if (joined) this.#leave([...(this.#left?.overlap.told(0) ?? []), ...joined.overlap.told(1)], false);
    if (joined?.sawHole) this.#ask();
  }

  /** The subscriber left. */
  stop() {
    this.#joined = null;
    this.#held = [];
    this.#sync?.stop();
  }

  // Private methods

  /** @param {any} publication @param {0 | 1} side */
  #take(publication, side) {
    if (this.#isAsking) return;
    const offset = offsetOf(publication?.offset);
    if (offset === null && !this.#isNew(publication, side)) return;
    const verdict = this.#position.take(offset);
    if (verdict === 'fresh') this.#give(publication);
    else if (verdict === 'hole') this.#onHole(publication, /** @type {number} */ (offset));
  }

  /** Without an offset. @param {any} publication @param {0 | 1} side @returns {boolean} */
  #isNew(publication, side) {
    const left = side === 0 ? this.#left : null;
    if (left && this.#environment.now() > left.until) this.#left = null;
    else if (left && !left.overlap.isNew(1, publication)) return false;
    else if (left?.isOver) this.#left = null;
    return this.#joined === null || this.#joined.overlap.isNew(side, publication);
  }

  /**
   * @param {string[]} told  by a session that is none any more
   * @param {boolean} isOver  whether the first thing that it did not tell shows that the other one has caught up
   */
  #leave(told, isOver) {
    this.#left = { overlap: new Overlap(told), until: this.#environment.now() + LAG_MS, isOver };
  }

  /** @param {any} publication @param {number} offset */
  #onHole(publication, offset) {
    if (this.#joined) {
      this.#joined.sawHole = true; // the other session may bring it
      return;
    }
    const gap = this.#position.cross(offset, this.#canAsk);
    if (gap === null) return this.#ask();
    this.#tell(gap);
    this.#give(publication);
  }

  #ask() {
    this.#isAsking = true;
    this.#events.onAsk();
  }

  /** Whether the first session has told by now what the second one leaves out. @param {Joined} joined */
  #check(joined) {
    const { isWhole } = this.#position.join(joined.result);
    if (!isWhole) return;
    joined.isWhole = true;
    for (const publication of joined.held.splice(0)) this.#take(publication, 1);
  }

  /** @param {Gap} gap */
  #tell(gap) {
    const told = this.#sync?.isActive ? { ...gap, from: this.#floor } : gap;
    this.#events.onGap(told);
    if (this.#sync) this.#hold(told, this.position);
  }

  /** @param {Gap | null} gap @param {import('./positions.js').StreamPosition | null} floor */
  #hold(gap, floor) {
    this.#lacksState = true;
    this.#held = [];
    this.#floor = floor;
    this.#sync?.start(gap);
  }

  /** @param {any} publication */
  #give(publication) {
    if (!this.#sync?.isActive) return this.#events.onPublication(publication);
    this.#held.push(publication);
    if (this.#held.length <= MOST_HELD) return;
    this.#tell({ from: this.#floor, to: this.position, reason: 'overflow' });
  }

  /** @param {any} state @param {Gap | null} gap */
  #onState(state, gap) {
    const at = this.position;
    const floor = this.#floor?.offset ?? 0;
    const offset = Number(state?.offset);
    if (at === null || !Number.isSafeInteger(offset)) return this.#release(state, () => true);
    const epoch = String(state.epoch ?? '') || at.epoch;
    if (epoch === at.epoch && offset >= floor) {
      if (offset > at.offset) this.#position.moveTo({ offset, epoch });
      return this.#release(state, (one) => (offsetOf(one?.offset) ?? Infinity) > offset);
    }
    // The snapshot is older than what was held since: the server may have what lies between.
    if (!this.#canAsk) return this.#sync?.refuse(gap, `the snapshot is at ${offset}, the channel was at ${floor} before`);
    this.#sync?.count();
    this.#position.moveTo({ offset, epoch });
    this.#release(state, () => false);
    this.#ask();
  }

  /** @param {any} state @param {(publication: any) => boolean} isLater */
  #release(state, isLater) {
    this.#lacksState = false;
    this.#events.onState(state);
    for (const publication of this.#held.splice(0)) if (isLater(publication)) this.#events.onPublication(publication);
  }
}
