// @ts-check
/**
 * The sessions that carry one channel: the one it is on, and while the connection moves the one it goes to. What they push
 * goes on to the delivery; what they push between the command and its reply waits for the reply.
 */

import { Delivery } from './delivery.js';
import { infoOf, publicationOf } from './wire.js';

/** @typedef {import('./types.js').SessionLike} SessionLike */
/** @typedef {import('./types.js').SubscriptionState} SubscriptionState */

/**
 * A session that was asked for the channel, and whether it carries it.
 * @typedef {{session: SessionLike, isLive: boolean, held: any[]}} Link
 */

/**
 * What is told of a subscription.
 * @typedef {object} Face
 * @property {() => SubscriptionState} state
 * @property {(to: SubscriptionState, reason: import('./errors.js').HoldfastError | null, result?: any) => void} setState
 * @property {(name: string, detail: object) => void} tell
 */

/** Pushes that wait for a reply; who sends more loses them, and the hole is seen. */
const MOST_HELD = 10_000;

export class Feed {
  /** @type {Link | null} */
  #home = null;
  /** @type {Link | null} */
  #next = null;
  #delivery;
  #channel;
  #face;
  #isOurs;

  /**
   * @param {string} channel
   * @param {import('./types.js').SubscriptionOptions} options
   * @param {import('./subscription.js').Host} host
   * @param {Face} face
   * @param {() => void} onAsk  something is missing behind the position
   */
  constructor(channel, options, host, face, onAsk) {
    this.#channel = channel;
    this.#face = face;
    this.#isOurs = host.isOurs;
    this.#delivery = new Delivery(channel, options, host.environment, {
      onPublication: (publication) => face.tell('publication', publicationOf(channel, publication)),
      onGap: (gap) => face.tell('gap', { channel, ...gap }),
      onState: (state) => face.tell('sync', state),
      onError: (error) => face.tell('error', { error }),
      onAsk,
    });
  }

  get position() {
    return this.#delivery.position;
  }

  get home() {
    return this.#home;
  }

  get next() {
    return this.#next;
  }

  /** @param {SessionLike} session  that the channel is on from now on @returns {Link} */
  settleOn(session) {
    if (this.#home) this.#home.isLive = false;
    return (this.#home = linkTo(session));
  }

  /** @param {SessionLike} session  that gets the channel too @returns {Link} */
  reachFor(session) {
    this.#delivery.crossing.prepare();
    return (this.#next = linkTo(session));
  }

  /** @param {Link} link  whether anybody still waits for it */
  has(link) {
    return link === this.#home || link === this.#next;
  }

  /** @param {SessionLike} session */
  linkOf(session) {
    return [this.#home, this.#next].find((link) => link?.session === session) ?? null;
  }

  /** @param {Link} link @param {any} result  of the subscribe command */
  begin(link, result) {
    link.isLive = true;
    if (link === this.#next) this.#delivery.crossing.join(result);
    else this.#delivery.begin(result);
    for (const push of link.held.splice(0)) this.#onLive(link, push);
  }

  /** @param {Link} link @param {any} push */
  take(link, push) {
    if (link.isLive) this.#onLive(link, push);
    else if (link.held.length < MOST_HELD) link.held.push(push);
  }

  /** The next session is the only one from now on. */
  settle() {
    if (this.#next === null) return;
    this.#home = this.#next;
    this.#next = null;
    this.#delivery.crossing.settle();
  }

  /** There is no next session any more. */
  abandon() {
    if (this.#next === null) return;
    this.#next = null;
    this.#delivery.crossing.abandon();
  }

  /** No session carries it; the position stays. */
  rest() {
    this.#home = this.#next = null;
    this.#delivery.rest();
  }

  /** The subscriber left. */
  stop() {
    this.rest();
    this.#delivery.stop();
  }

  /** @param {Link} link @param {any} push */
  #onLive(link, push) {
    if (!link.isLive || !this.has(link)) return;
    if (push.pub) this.#delivery.take(push.pub, link === this.#next ? 1 : 0);
    else if (link === this.#home && push.join) this.#onPresence('join', push.join);
    else if (link === this.#home && push.leave) this.#onPresence('leave', push.leave);
  }

  /** @param {'join' | 'leave'} name @param {any} push */
  #onPresence(name, push) {
    const info = infoOf(push.info);
    if (!this.#isOurs(info.client)) this.#face.tell(name, { channel: this.#channel, ...info });
  }
}

/** @param {any} session @returns {Link} */
function linkTo(session) {
  return { session, isLive: false, held: [] };
}
