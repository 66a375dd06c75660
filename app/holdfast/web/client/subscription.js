// @ts-check
/**
 * What an application sees of one channel. It is told everything that was published once and in order, or that there is
 * a gap.
 *
 * Events (CustomEvent.detail): `publication` a Publication; `join` and `leave` {channel, user, client, ...};
 * `state` {from, to, reason, data}; `gap` {channel, from, to, reason}; `sync` what getState returned, before all that follows
 * it; `error` {error}.
 */

import { Emitter } from './emitter.js';
import { errorOf } from './errors.js';
import { historyOf, presenceOf, presenceStatsOf } from './wire.js';

/** @typedef {import('./types.js').SubscriptionState} SubscriptionState */
/** @typedef {import('./errors.js').HoldfastError} HoldfastError */

/**
 * What a subscription needs of its surroundings.
 * @typedef {object} Host
 * @property {import('./types.js').Environment} environment
 * @property {{warning: (event: string, fields?: object) => void}} log
 * @property {() => import('./types.js').SessionLike | null} session  that is connected
 * @property {(method: string, params: object) => Promise<any>} call  a command; waits for a connection
 * @property {(client: string) => boolean} isOurs  whether a client that comes or goes is this page, moving
 */

/**
 * Who does the work.
 * @typedef {object} Driver
 * @property {() => void} subscribe
 * @property {() => void} unsubscribe
 * @property {import('./positions.js').StreamPosition | null} position
 */

export class Subscription extends Emitter {
  /** @type {SubscriptionState} */
  #state = 'unsubscribed';
  /** @type {HoldfastError | null} */
  #reason = null;
  #channel;
  #host;
  #driver;

  /**
   * @param {string} channel
   * @param {Host} host
   * @param {(face: import('./feed.js').Face) => Driver} drive
   */
  constructor(channel, host, drive) {
    super((fault, event) => this.#onListenerFault(fault, event));
    this.#channel = channel;
    this.#host = host;
    this.#driver = drive({
      state: () => this.#state,
      setState: (to, reason, result) => this.#setState(to, reason, result),
      tell: (name, detail) => this.#tell(name, detail),
    });
  }

  get channel() {
    return this.#channel;
  }

  get state() {
    return this.#state;
  }

  /** Why it is not subscribed, where there is a reason. */
  get reason() {
    return this.#reason;
  }

  /** How far the subscriber has been told; null in a channel without history. */
  get position() {
    return this.#driver.position;
  }

  /** Subscribe, and stay so until `unsubscribe` or a refusal for good; goes on behind what was told before. */
  subscribe() {
    this.#driver.subscribe();
  }

  unsubscribe() {
    this.#driver.unsubscribe();
  }

  /** @returns {Promise<void>} settles when it is subscribed; rejects when it ends instead */
  ready() {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (this.#state === 'subscribing') return;
        this.removeEventListener('state', look);
        if (this.#state === 'subscribed') resolve();
        else reject(this.#reason ?? errorOf({ slug: 'unsubscribed_by_client', kind: 'unsubscribe' }));
      };
      this.addEventListener('state', look);
      look();
    });
  }

  /** @param {any} data */
  async publish(data) {
    await this.#host.call('publish', { channel: this.#channel, data });
  }

  /** @param {{limit?: number, since?: import('./positions.js').StreamPosition, reverse?: boolean}} [options] */
  async history(options = {}) {
    return historyOf(this.#channel, await this.#host.call('history', { channel: this.#channel, ...options }));
  }

  /** @returns {Promise<Record<string, import('./wire.js').ClientInfo>>} by client */
  async presence() {
    return presenceOf(await this.#host.call('presence', { channel: this.#channel }));
  }

  async presenceStats() {
    return presenceStatsOf(await this.#host.call('presence_stats', { channel: this.#channel }));
  }

  // Private methods

  /**
   * The one writer.
   * @param {SubscriptionState} to
   * @param {HoldfastError | null} reason
   * @param {any} [result]  of the subscribe command
   */
  #setState(to, reason, result) {
    const from = this.#state;
    this.#reason = reason;
    if (from === to) return;
    this.#state = to;
    this.emit('state', { from, to, reason, ...(result?.data === undefined ? {} : { data: result.data }) });
  }

  /** Who has unsubscribed is told nothing more. @param {string} name @param {object} detail */
  #tell(name, detail) {
    if (this.#state !== 'unsubscribed') this.emit(name, detail);
  }

  /** @param {unknown} fault @param {string} event */
  #onListenerFault(fault, event) {
    this.#host.log.warning('listener_failed', { channel: this.#channel, listener: event, fault: String(fault) });
    if (event === 'error') return;
    const detail = `${event} of ${this.#channel}: ${fault}`;
    this.emit('error', { error: errorOf({ slug: 'listener_failed', kind: 'client', detail, cause: fault }) });
  }
}
