// @ts-check
/**
 * The way back of a stream: commands by POST, one request at a time, so that they arrive in order.
 *
 * A request without an answer may have been carried out. One whose commands may come twice is repeated, and the
 * second replies are dropped; for one that publishes, the replies on the stream are waited for, and without them the
 * session ends, since nobody could say what became of it.
 */

import { backoffDelay } from '../backoff.js';
import { abortAfter } from '../http.js';
import { pause } from '../timer.js';
import { because, causeOf, discard, post, takeBatch } from './answers.js';

/** @typedef {import('../types.js').Command} Command */
/** @typedef {import('../types.js').Message} Message */
/** @typedef {import('./answers.js').Cause} Cause */

const REQUEST_TIMEOUT = 10_000;
const TRIES = 4;
const DELAYS = { minReconnectDelay: 250, maxReconnectDelay: 2_000 };
/** A second one of these changes nothing, or is refused without harm. */
const REPEATABLE = new Set(
  'ping subscribe unsubscribe history presence presence_stats refresh sub_refresh'.split(' '),
);

export class Uplink {
  #url;
  #environment;
  #onFailure;
  /** @type {Command[]} */
  #queue = [];
  /** @type {{session: string, node: string} | null} */
  #address = null;
  /** @type {Set<number>} ids of the request under way whose replies have not come */
  #unanswered = new Set();
  /** @type {Map<number, boolean>} ids that were sent twice: whether a reply has come */
  #twice = new Map();
  #isBusy = false;
  #stop = new AbortController();
  #isStopped = false;

  /**
   * @param {string} url
   * @param {import('../types.js').Environment} environment
   * @param {(cause: Cause) => void} onFailure  nothing can be said any more
   */
  constructor(url, environment, onFailure) {
    this.#url = url;
    this.#environment = environment;
    this.#onFailure = onFailure;
  }

  /** The connect reply has said whose commands these are. @param {{session: string, node: string}} address */
  start(address) {
    this.#address = address;
    this.#run();
  }

  /** @param {Command[]} commands */
  send(commands) {
    if (this.#isStopped) return;
    this.#queue.push(...commands);
    this.#run();
  }

  stop() {
    this.#isStopped = true;
    this.#stop.abort();
    this.#queue = [];
  }

  /**
   * Look through what came on the stream.
   * @param {Message[]} messages
   * @returns {Message[]} without second replies
   */
  filter(messages) {
    return messages.filter(({ id }) => {
      if (id === undefined) return true;
      this.#unanswered.delete(id);
      const isSecond = this.#twice.get(id) === true;
      if (this.#twice.has(id)) this.#twice.set(id, true);
      return !isSecond;
    });
  }

  async #run() {
    if (this.#isBusy || this.#address === null) return;
    this.#isBusy = true;
    while (this.#queue.length > 0 && !this.#isStopped) {
      const cause = await this.#deliver(takeBatch(this.#queue));
      if (cause && !this.#isStopped) this.#onFailure(cause);
    }
    this.#isBusy = false;
  }

  /** @param {Command[]} commands @returns {Promise<Cause | null>} null once they have arrived */
  async #deliver(commands) {
    const ids = commands.flatMap(({ id }) => (id === undefined ? [] : [id]));
    this.#unanswered = new Set(ids);
    for (let tries = 1; ; tries += 1) {
      const cause = await this.#post(commands);
      if (cause === null || this.#isStopped || isFinal(cause)) return cause;
      await pause(this.#environment, backoffDelay(tries - 1, DELAYS, this.#environment.random), this.#stop.signal);
      if (this.#isStopped) return null;
      if (ids.length > 0 && this.#unanswered.size === 0) return null; // the replies have come, so it had arrived
      if (tries === TRIES || !commands.every(isRepeatable)) return cause;
      for (const id of ids) this.#twice.set(id, !this.#unanswered.has(id));
    }
  }

  /** @param {Command[]} commands @returns {Promise<Cause | null>} */
  #post(commands) {
    const data = commands.map((command) => JSON.stringify(command)).join('\n');
    const body = JSON.stringify({ ...this.#address, data });
    const work = async (/** @type {AbortController} */ { signal }) => {
      const response = await post(this.#environment, this.#url, body, { signal });
      if (response.status !== 204) return causeOf(response);
      discard(response);
      return null;
    };
    return abortAfter(this.#environment, REQUEST_TIMEOUT, work, this.#stop.signal).catch(() => because('commands_undelivered'));
  }
}

/** @param {Command} command */
function isRepeatable({ id, ...method }) {
  return Object.keys(method).every((name) => REPEATABLE.has(name)); // a pong has no method
}

/** Whether asking again would bring the same answer. @param {Cause} cause */
function isFinal({ status = 0 }) {
  return status >= 400 && status < 500 && status !== 408;
}
