// @ts-check
/**
 * Notices trouble, and lets the lines about it be handed to the gateway as soon as that can be reached again. While all is
 * well nothing is sent.
 */

import { LogUpload } from './log-upload.js';

/** @typedef {import('./log.js').Log} Log */

/** Tokens of so many attempts are kept. */
const MOST_TOKENS = 5;

export class Trouble {
  /** One-time tokens of /client/logs by the attempt that they stand for, the newest last. @type {Map<string, string>} */
  #tokens = new Map();
  #host;
  #isPending = false;
  #stop = new AbortController();
  /** Made when there is something to send, for it listens to the page. @type {LogUpload | null} */
  #upload = null;

  /**
   * @param {{environment: import('../types.js').Environment, log: Log, url: string}} host  `url` of /client/logs
   * @param {boolean} [isOn]  else nothing is sent but on request
   */
  constructor(host, isOn = true) {
    this.#host = host;
    if (!isOn) return;
    host.log.subscribe(({ level }) => {
      if (level !== 'warning' && level !== 'error') return;
      this.#isPending = true;
      this.#report();
    });
  }

  /** @param {string} attempt @param {unknown} token  as the connect reply or /connection/explain had it */
  learn(attempt, token) {
    if (typeof token !== 'string' || !token) return;
    this.#tokens.delete(attempt);
    this.#tokens.set(attempt, token);
    if (this.#tokens.size > MOST_TOKENS) this.#tokens.delete(/** @type {string} */ (this.#tokens.keys().next().value));
    this.#upload?.resume();
    this.#report();
  }

  /** Send what has not been sent. @returns {Promise<number>} lines that the gateway took; 0 too where it can't be reached */
  send() {
    return this.#sender().sendAll();
  }

  /** Hand over what can be, and watch no more. */
  close() {
    this.#upload?.leave();
    this.#stop.abort();
  }

  // Private methods

  #report() {
    if (!this.#isPending || this.#tokens.size === 0 || this.#stop.signal.aborted) return;
    this.#isPending = false;
    this.#sender().notice();
  }

  #sender() {
    return (this.#upload ??= new LogUpload({ ...this.#host, tokens: this.#tokens, signal: this.#stop.signal }));
  }
}
