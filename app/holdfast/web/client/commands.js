// @ts-check
/** What an application may ask of the server, as commands that the server can read: a malformed one ends a connection. */

import { quiet } from './emitter.js';
import { errorOf, named } from './errors.js';
import { historyOf, presenceOf, presenceStatsOf } from './wire.js';

/** What becomes of an application's commands: each has a promise of what the server says to it. */
export class Commands {
  #call;
  #maxBytes;

  /**
   * @param {(method: string, params: object) => Promise<any>} call  sends a command, or lets it wait for a connection
   * @param {number} maxBytes  of a command as text
   */
  constructor(call, maxBytes) {
    this.#call = call;
    this.#maxBytes = maxBytes;
  }

  /** @param {string} channel @param {any} data @returns {Promise<void>} */
  publish(channel, data) {
    return this.#ask('publish', { channel, data: payload(data) }, () => undefined);
  }

  /** @param {string} method @param {any} data @returns {Promise<any>} */
  rpc(method, data) {
    return this.#ask('rpc', { method, data: payload(data) }, (result) => result.data);
  }

  /** @param {any} data @returns {Promise<void>} */
  send(data) {
    return this.#ask('send', { data: payload(data) }, () => undefined);
  }

  /** @param {string} channel @param {import('./types.js').HistoryOptions} [options] */
  history(channel, options) {
    return this.#ask('history', { channel, ...options }, (result) => historyOf(channel, result));
  }

  /** @param {string} channel */
  presence(channel) {
    return this.#ask('presence', { channel }, presenceOf);
  }

  /** @param {string} channel */
  presenceStats(channel) {
    return this.#ask('presence_stats', { channel }, presenceStatsOf);
  }

  /**
   * @template T
   * @param {string} method
   * @param {object} params
   * @param {(result: any) => T} shape
   * @returns {Promise<T>}
   */
  #ask(method, params, shape) {
    const fault = faultOf(params, this.#maxBytes);
    return quiet(fault ? Promise.reject(fault) : this.#call(method, params).then(shape).catch(rethrow));
  }
}

/** @param {unknown} error @returns {never} */
function rethrow(error) {
  throw named(error);
}

/**
 * @param {object} params
 * @param {number} maxBytes  of the command as text; a longer one would end the connection for good
 * @returns {Error | null} why this must not be sent
 */
export function faultOf(params, maxBytes) {
  const { channel } = /** @type {{channel?: unknown}} */ (params);
  if ('channel' in params && (typeof channel !== 'string' || channel === '')) {
    return new TypeError(`expected a channel, got ${typeof channel}`);
  }
  let text;
  try {
    text = JSON.stringify(params);
  } catch (error) {
    return new TypeError(`expected JSON: ${error}`);
  }
  const bytes = text.length * 3 < maxBytes ? 0 : new TextEncoder().encode(text).length;
  if (bytes < maxBytes) return null;
  return errorOf({ slug: 'message_too_big', detail: `${bytes} bytes, at most ${maxBytes}` });
}

/** @param {unknown} data  what `undefined` stands for has no JSON of its own */
export function payload(data) {
  return data === undefined ? null : data;
}
