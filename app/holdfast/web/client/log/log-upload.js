// @ts-check
/**
 * Hands log lines to the gateway (POST /client/logs): what came before trouble, and what follows it for a while. Lines
 * go in order, each under the token of its attempt where there is one; twice only where an answer was lost.
 */

import { abortAfter, retryAfterOf } from '../http.js';
import { onAbort, Timer } from '../timer.js';
import { jsonOf } from '../transports/answers.js';
import { batchOf } from './batch.js';

/** @typedef {import('./batch.js').Batch} Batch */

/** Lines of so many milliseconds after trouble belong to it, and so long a batch is waited with. */
const AFTERMATH = 30_000;
const GATHER = 2_000;
const TIMEOUT = 10_000;
const MIN_BACKOFF = 10_000;
const MAX_BACKOFF = 600_000;
/** Statuses by which a gateway says that it takes no lines at all. */
const SWITCHED_OFF = [404, 405, 410];

export class LogUpload {
  #host;
  /** Lines, by their count, that need no sending any more; and up to which one they are wanted. */
  #done = 0;
  #wanted = 0;
  #troubleUntil = -Infinity;
  #isOff = false;
  #notBefore = 0;
  #backoff = MIN_BACKOFF;
  /** The last request got no answer at all. */
  #isAway = false;
  /** @type {Promise<number> | null} */
  #sending = null;
  #timer;

  /**
   * @param {object} host
   * @param {import('../types.js').Environment} host.environment
   * @param {import('./log.js').Log} host.log
   * @param {string} host.url
   * @param {Map<string, string>} host.tokens  by attempt, the newest last
   * @param {AbortSignal} host.signal  ends it
   */
  constructor(host) {
    this.#host = host;
    this.#timer = new Timer(host.environment);
    host.log.subscribe(() => this.#onLine());
    host.environment.page?.addEventListener('pagehide', () => this.leave(), { signal: host.signal });
    onAbort(host.signal, () => this.#timer.stop());
  }

  /** There is trouble. */
  notice() {
    this.#troubleUntil = this.#host.environment.now() + AFTERMATH;
    this.#onLine();
  }

  /** There is another token: the gateway can be reached. */
  resume() {
    if (this.#isAway) this.#forgive();
    this.#sendRest();
  }

  /** @returns {Promise<number>} lines that were taken */
  sendAll() {
    this.#wanted = this.#host.log.count;
    return this.#send();
  }

  /** Nobody will read an answer any more. A batch that is under way goes on by itself. */
  leave() {
    const { environment, tokens, url } = this.#host;
    if (this.#sending) return;
    const batch = this.#next();
    if (!batch || !environment.sendBeacon?.(url, batch.body)) return;
    this.#done += batch.count;
    tokens.delete(batch.attempt);
  }

  // Private methods

  #onLine() {
    const { environment, log } = this.#host;
    if (environment.now() > this.#troubleUntil) return;
    this.#wanted = log.count;
    this.#schedule();
  }

  #sendRest() {
    if (this.#wanted > this.#done && this.#host.tokens.size > 0) this.#schedule();
  }

  #schedule() {
    if (this.#timer.isSet || this.#isOff || this.#host.signal.aborted) return;
    const wait = Math.max(GATHER, this.#notBefore - this.#host.environment.now());
    this.#timer.set(wait, () => void this.#send());
  }

  /** @returns {Batch | null} */
  #next() {
    const { log, tokens, environment, signal } = this.#host;
    const unsent = this.#wanted > this.#done ? Math.min(log.count - this.#done, log.lines.length) : 0;
    const isEarly = environment.now() < this.#notBefore;
    if (unsent === 0 || this.#isOff || isEarly || signal.aborted) return null;
    this.#done = log.count - unsent; // older ones have been forgotten
    return batchOf(log.lines.slice(-unsent), tokens, environment.wallClock());
  }

  #send() {
    this.#sending ??= this.#sendBatches().finally(() => {
      this.#sending = null;
      this.#sendRest();
    });
    return this.#sending;
  }

  async #sendBatches() {
    let taken = 0;
    const upTo = this.#wanted; // what comes meanwhile is gathered again
    for (let batch = this.#next(); batch; batch = this.#done < upTo ? this.#next() : null) taken += await this.#post(batch);
    return taken;
  }

  /** @param {Batch} batch @returns {Promise<number>} */
  async #post(batch) {
    const { environment, url, signal: stop } = this.#host;
    const { body } = batch;
    const fetch = /** @type {typeof globalThis.fetch} */ (environment.fetch);
    try {
      return await abortAfter(environment, TIMEOUT, async ({ signal }) =>
        this.#onAnswer(batch, await fetch(url, { method: 'POST', body, credentials: 'omit', keepalive: true, signal })),
        stop,
      );
    } catch {
      this.#isAway = true;
      this.#wait(0);
      return 0;
    }
  }

  /** @param {Batch} batch @param {Response} response @returns {Promise<number>} */
  async #onAnswer(batch, response) {
    const { status } = response;
    const { tokens } = this.#host;
    if (status === 429 || status >= 500) this.#wait(retryAfterOf(response) ?? 0);
    else if (SWITCHED_OFF.includes(status)) this.#isOff = true;
    else if (status === 403) tokens.delete(batch.attempt);
    else {
      this.#done += batch.count; // taken; or it will never be
      this.#forgive();
      if (response.ok) await this.#learn(batch, response);
    }
    return response.ok ? batch.count : 0;
  }

  /** @param {Batch} batch @param {Response} response */
  async #learn({ attempt, token }, response) {
    const { tokens } = this.#host;
    const answer = await jsonOf(response);
    if (tokens.get(attempt) !== token) return; // a newer one has come
    if (typeof answer?.log_token === 'string') tokens.set(attempt, answer.log_token);
    else tokens.delete(attempt);
  }

  /** @param {number} atLeast  milliseconds */
  #wait(atLeast) {
    const { environment } = this.#host;
    const wait = Math.max(atLeast, this.#backoff * (0.5 + environment.random()));
    this.#notBefore = environment.now() + Math.min(wait, MAX_BACKOFF);
    this.#backoff = Math.min(this.#backoff * 2, MAX_BACKOFF);
  }

  /** There is no reason to wait any more. */
  #forgive() {
    this.#isAway = false;
    this.#backoff = MIN_BACKOFF;
    this.#notBefore = 0;
    this.#timer.stop();
  }
}
