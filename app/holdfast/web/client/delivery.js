// @ts-check
/**
 * Between the session that carries a channel and its subscriber: each publication once, in order, or a gap said where it
 * is. While a snapshot is fetched snapshot.js holds what comes; while a connection moves crossing.js has two sessions.
 */

import { loaded } from './on-demand.js';
import { Position, offsetOf } from './positions.js';

/** @typedef {import('./positions.js').Gap} Gap */
/** @typedef {import('./on-demand.js').Modules} Modules */

/**
 * @typedef {object} DeliveryEvents
 * @property {(publication: any) => void} onPublication  as it came
 * @property {(gap: Gap) => void} onGap
 * @property {(state: any) => void} onState  a snapshot has come; what follows continues it
 * @property {(error: Error) => void} onError
 * @property {() => void} onAsk  something is missing behind `position`: subscribe again from there
 */

export class Delivery {
  /** What comes until the server has answered is part of its answer. */
  isAsking = false;
  canAsk = false;
  /** What tells two sessions apart, since the first move. @type {import('./crossing.js').Crossing | null} */
  #crossing = null;
  /** Where the application fetches a state. @type {import('./snapshot.js').Snapshot | null} */
  #snapshot = null;
  #hasBegun = false;
  #channel;
  #options;

  /**
   * @param {string} channel
   * @param {import('./types.js').SubscriptionOptions} options  with `getState` the part `snapshot` has to be loaded
   * @param {import('./types.js').Environment} environment
   * @param {DeliveryEvents} events
   */
  constructor(channel, options, environment, events) {
    this.#channel = channel;
    this.#options = options;
    this.at = new Position(options.since, { isSparse: options.filter !== undefined });
    this.environment = environment;
    this.events = events;
  }

  /** From where to recover; null where there is nothing yet. */
  get position() {
    return this.at.current;
  }

  /** Take the result of a subscribe command on the one session that feeds it. @param {any} result */
  begin(result) {
    const before = this.position;
    const { getState, since } = this.#options;
    if (getState && !this.#snapshot) {
      const { Snapshot } = /** @type {Modules['snapshot']} */ (loaded.snapshot);
      this.#snapshot = new Snapshot(this, this.#channel, getState, !since);
    }
    const { fresh, gap } = this.at.resume(result, this.#hasBegun);
    this.#hasBegun = true;
    this.isAsking = false;
    this.canAsk = result.recoverable === true;
    if (gap) this.tell(gap);
    else this.#snapshot?.begin(before ?? this.position);
    for (const publication of fresh) this.give(publication);
  }

  /** @param {any} publication @param {0 | 1} side  1: from the session to which the connection moves */
  take(publication, side) {
    if (this.#crossing) this.#crossing.take(publication, side);
    else this.accept(publication);
  }

  /** The connection moves; the part `moving` has to be loaded. */
  get crossing() {
    const { Crossing } = /** @type {Modules['moving']} */ (loaded.moving);
    return (this.#crossing ??= new Crossing(this));
  }

  /** No session feeds it. */
  rest() {
    this.#snapshot?.rest();
  }

  /** The subscriber left. */
  stop() {
    this.#crossing?.stop();
    this.#snapshot?.stop();
  }

  // For crossing and snapshot.

  /** What no other session has told. @param {any} publication */
  accept(publication) {
    if (this.isAsking) return;
    const offset = offsetOf(publication?.offset);
    const verdict = this.at.take(offset);
    if (verdict === 'fresh') this.give(publication);
    else if (verdict === 'hole' && !this.#crossing?.onHole()) this.#onHole(publication, /** @type {number} */ (offset));
  }

  ask() {
    this.isAsking = true;
    this.events.onAsk();
  }

  /** @param {any} publication  the next one */
  give(publication) {
    if (!this.#snapshot?.take(publication)) this.events.onPublication(publication);
  }

  /** @param {Gap} gap */
  tell(gap) {
    const told = this.#snapshot?.widen(gap) ?? gap;
    this.events.onGap(told);
    this.#snapshot?.hold(told, this.position);
  }

  // Private methods

  /** @param {any} publication @param {number} offset */
  #onHole(publication, offset) {
    const gap = this.at.cross(offset, this.canAsk);
    if (gap === null) return this.ask();
    this.tell(gap);
    this.give(publication);
  }
}
