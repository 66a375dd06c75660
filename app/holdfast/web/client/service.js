// @ts-check
/**
 * ResilientWebSocketService: a connection that comes back, and knows why it is not there. What an application uses;
 * lifecycle.js decides what happens.
 */

import { Emitter, ready } from './emitter.js';
import { browserEnvironment } from './environment.js';
import { endpointsOf, withDefaults } from './options.js';
import { Parts } from './parts.js';

/** @extends {Emitter<import('./types.js').ServiceEvents>} */
export class ResilientWebSocketService extends Emitter {
  #parts;

  /**
   * @param {string} url  of the gateway's WebSocket, absolute or relative to the page
   * @param {import('./types.js').ServiceOptions} [options]
   */
  constructor(url, options = {}) {
    const environment = options.environment ?? browserEnvironment();
    super((fault) => environment.reportFault(fault));
    const endpoints = endpointsOf(url, options, environment.baseUrl);
    this.#parts = new Parts({ ...withDefaults(options), environment }, endpoints, (name, detail) => this.emit(name, detail));
  }

  // What it tells.

  get state() {
    return this.#parts.life.state;
  }

  /** Why there is no connection; null while there is one, and before the first attempt. */
  get reason() {
    return this.#parts.life.reason;
  }

  get transport() {
    return this.#parts.life.session?.transport ?? null;
  }

  /** The id that the server gave to this connection. */
  get client() {
    return this.#parts.life.session?.client ?? '';
  }

  /** The correlation id of the present, or the next, attempt. */
  get attempt() {
    return this.#parts.life.cid;
  }

  /** Monotonic milliseconds; null while no attempt is waited for. */
  get nextAttemptAt() {
    return this.#parts.life.nextAttemptAt;
  }

  /** How good the connection is: grade, reasons, figures. */
  get quality() {
    return this.#parts.vitals.quality;
  }

  /** The last 200 events; an application may add its own. */
  get log() {
    return this.#parts.vitals.log;
  }

  // What an application does.

  connect() {
    this.#parts.connect();
  }

  disconnect() {
    this.#parts.disconnect();
  }

  /** Disconnect for good, and let go of timers, listeners and channels: for a page that goes on without, and for tests. */
  close() {
    this.#parts.close();
  }

  /** Somebody does not want to wait: attempt now, but hardly more than once a second. */
  retryNow() {
    this.connect();
    this.#parts.tokens?.hurry();
    this.#parts.life.hurry(0);
  }

  /** @returns {Promise<void>} resolves when there is a connection; rejects when none is sought any more */
  ready() {
    return ready(this, 'connecting', 'connected', 'disconnect_called');
  }

  /**
   * Return the subscription of a channel, subscribed or on its way there.
   * @param {string} channel
   * @param {import('./types.js').SubscriptionOptions} [options]
   */
  subscribe(channel, options) {
    this.#parts.commands.check(channel);
    const subscription = this.#parts.subscriptions.add(channel, options);
    subscription.subscribe();
    return subscription;
  }

  /** @param {string} channel @returns its subscription, the server's too, where there is one */
  subscription(channel) {
    return this.#parts.subscriptions.get(channel);
  }

  /** End a subscription and forget it. @param {string} channel */
  unsubscribe(channel) {
    this.#parts.subscriptions.remove(channel);
  }

  /**
   * Publish. While there is no connection this and all that follows waits, in order and bounded.
   * @param {string} channel
   * @param {any} data
   * @returns {Promise<void>} resolves when the server has taken it
   */
  publish(channel, data) {
    return this.#parts.commands.publish(channel, data);
  }

  /**
   * @param {string} method
   * @param {any} [data]
   * @returns {Promise<any>} what the backend answered
   */
  rpc(method, data) {
    return this.#parts.commands.rpc(method, data);
  }

  /**
   * Send what has no reply; a server without anybody to take it ends the connection.
   * @param {any} data
   * @returns {Promise<void>} resolves when it has left
   */
  send(data) {
    return this.#parts.commands.send(data);
  }

  /**
   * @param {string} channel
   * @param {import('./types.js').HistoryOptions} [options]
   */
  history(channel, options) {
    return this.#parts.commands.history(channel, options);
  }

  /** @param {string} channel */
  presence(channel) {
    return this.#parts.commands.presence(channel);
  }

  /** @param {string} channel */
  presenceStats(channel) {
    return this.#parts.commands.presenceStats(channel);
  }

  /** Hand the log to the gateway now. @returns {Promise<number>} lines that it took */
  async sendLog() {
    return (await this.#parts.vitals.load()).trouble.send();
  }

  /**
   * Turn features down while the connection is poor, the first one first, and up again.
   * @param {import('./quality/degradation.js').Feature[]} features
   * @param {import('./quality/degradation.js').DegradationOptions} [options]
   */
  async degrade(features, options) {
    const { Degradation } = await import('./quality/degradation.js');
    const { environment } = this.#parts.settings;
    return new Degradation({ service: this, environment, emit: this.#parts.emit }, features, options);
  }
}
