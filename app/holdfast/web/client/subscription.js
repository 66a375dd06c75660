// @ts-check
/**
 * What an application sees of one channel. It is told everything that was published once and in order, or that there is
 * a gap.
 *
 * Events (CustomEvent.detail): `publication` a Publication; `join` and `leave` {channel, user, client, ...};
 * `state` {from, to, reason, data}; `gap` {channel, from, to, reason}; `sync` what getState returned, before all that follows
 * it; `error` {error}.
 */

import { Emitter, ready } from './emitter.js';
import { errorOf } from './errors.js';

/** @typedef {import('./types.js').SubscriptionState} SubscriptionState */
/** @typedef {import('./errors.js').HoldfastError} HoldfastError */

/**
 * What a subscription needs of its surroundings.
 * @typedef {object} Host
 * @property {import('./types.js').Environment} environment
 * @property {{warning: (event: string, fields?: object) => void}} log
 * @property {() => import('./types.js').SessionLike | null} session  that is connected
 * @property {Pick<import('./commands.js').Commands, 'publish' | 'history' | 'presence' | 'presenceStats'>} commands
 * @property {(client: string) => boolean} isOurs  whether a client that comes or goes is this page, moving
 */

/**
 * Who does the work.
 * @typedef {object} Driver
 * @property {() => void} subscribe
 * @property {() => void} unsubscribe
 * @property {import('./positions.js').StreamPosition | null} position
 */

/** @extends {Emitter<import('./types.js').SubscriptionEvents>} */
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
    return ready(this, 'subscribing', 'subscribed', 'unsubscribed_by_client');
  }

  /** @param {any} data */
  publish(data) {
    return this.#host.commands.publish(this.#channel, data);
  }

  /** @param {import('./types.js').HistoryOptions} [options] */
  history(options) {
    return this.#host.commands.history(this.#channel, options);
  }

  /** @returns {Promise<Record<string, import('./wire.js').ClientInfo>>} by client */
  presence() {
    return this.#host.commands.presence(this.#channel);
  }

  presenceStats() {
    return this.#host.commands.presenceStats(this.#channel);
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
    this.emit('error', { error: errorOf({ slug: 'listener_failed', detail, cause: fault }) });
  }
}
