// @ts-check
/**
 * The application's snapshot of a channel: while one is fetched what is published is held, and then continues it. Loaded
 * on demand.
 */

import { offsetOf } from './positions.js';
import { StateSync } from './state-sync.js';

/** @typedef {import('./positions.js').Gap} Gap */
/** @typedef {import('./positions.js').StreamPosition} StreamPosition */

/** Publications that are held; a callback that never answers must not fill the memory. */
const MOST_HELD = 10_000;

export class Snapshot {
  #delivery;
  #sync;
  /** Whether the subscriber has to have a snapshot before anything else. */
  #lacksState;
  /** @type {any[]} publications behind `#floor`, until the snapshot is here */
  #held = [];
  /** How far the subscriber had been told when holding began. @type {StreamPosition | null} */
  #floor = null;
  /** What the snapshot on its way has to close. @type {Gap | null} */
  #gap = null;
  #isHolding = false;

  /**
   * @param {import('./delivery.js').Delivery} delivery
   * @param {string} channel
   * @param {NonNullable<import('./types.js').SubscriptionOptions['getState']>} getState
   * @param {boolean} lacksState
   */
  constructor(delivery, channel, getState, lacksState) {
    this.#delivery = delivery;
    this.#lacksState = lacksState;
    const { environment, events } = delivery;
    this.#sync = new StateSync(channel, getState, environment, {
      onState: (state, gap) => this.#onState(state, gap),
      onError: (error) => events.onError(error),
    });
  }

  /** The channel is followed without a gap. @param {StreamPosition | null} floor */
  begin(floor) {
    if (this.#isHolding) this.#sync.resume(this.#gap);
    else if (this.#lacksState) this.hold(null, floor);
    else this.#sync.succeed();
  }

  /** @param {any} publication @returns {boolean} whether it is held */
  take(publication) {
    if (!this.#isHolding) return false;
    this.#held.push(publication);
    if (this.#held.length > MOST_HELD) {
      this.#delivery.tell({ from: this.#floor, to: this.#delivery.position, reason: 'overflow' });
    }
    return true;
  }

  /** @param {Gap} gap @returns {Gap} from where the subscriber really is */
  widen(gap) {
    return this.#isHolding ? { ...gap, from: this.#floor } : gap;
  }

  /** @param {Gap | null} gap  that a snapshot has to close @param {StreamPosition | null} floor */
  hold(gap, floor) {
    this.#lacksState = true;
    this.#held = [];
    this.#floor = floor;
    this.#gap = gap;
    this.#isHolding = true;
    this.#sync.start(gap);
  }

  /** No session carries the channel: fetch when one does again. */
  rest() {
    this.#sync.stop();
  }

  /** The subscriber left. */
  stop() {
    this.#held = [];
    this.#isHolding = false;
    this.#sync.stop();
  }

  // Private methods

  /** @param {any} state @param {Gap | null} gap */
  #onState(state, gap) {
    const at = this.#delivery.position;
    const floor = this.#floor?.offset ?? 0;
    const offset = Number(state?.offset);
    if (at === null || !Number.isSafeInteger(offset)) return this.#release(state, () => true);
    const epoch = String(state.epoch ?? '') || at.epoch;
    if (epoch === at.epoch && offset >= floor) {
      if (offset > at.offset) this.#delivery.at.moveTo({ offset, epoch });
      return this.#release(state, (one) => (offsetOf(one?.offset) ?? Infinity) > offset);
    }
    // The snapshot is older than what was held since: the server may have what lies between.
    if (!this.#delivery.canAsk) return this.#sync.refuse(gap, `the snapshot is at ${offset}, the channel was at ${floor} before`);
    this.#sync.count();
    this.#delivery.at.moveTo({ offset, epoch });
    this.#release(state, () => false);
    this.#delivery.ask();
  }

  /** @param {any} state @param {(publication: any) => boolean} isLater */
  #release(state, isLater) {
    this.#lacksState = this.#isHolding = false;
    this.#delivery.events.onState(state);
    for (const publication of this.#held.splice(0)) if (isLater(publication)) this.#delivery.events.onPublication(publication);
  }
}
