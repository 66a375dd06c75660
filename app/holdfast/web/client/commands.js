// @ts-check
/** What an application may ask of the server, as commands that the server can read: a malformed one ends a connection. */

import { quiet } from './emitter.js';
import { errorOf, named } from './errors.js';
import { load } from './on-demand.js';

/** @typedef {typeof import('./shapes.js').shapes} Shapes */

/** Of a command as text, and of a channel's name. @typedef {{maxMessageBytes: number, maxChannelLength: number}} Limits */

/** What becomes of an application's commands: each has a promise of what the server says to it. */
export class Commands {
  #call;
  #limits;

  /**
   * @param {(method: string, params: object) => Promise<any>} call  sends a command, or lets it wait for a connection
   * @param {Limits} limits
   */
  constructor(call, limits) {
    this.#call = call;
    this.#limits = limits;
  }

  /** @param {unknown} channel  a TypeError says what is wrong with it */
  check(channel) {
    const fault = channelFault(channel, this.#limits);
    if (fault) throw fault;
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
    return this.#query('history', { channel, ...options });
  }

  /** @param {string} channel */
  presence(channel) {
    return this.#query('presence', { channel });
  }

  /** @param {string} channel */
  presenceStats(channel) {
    return this.#query('presence_stats', { channel });
  }

  /**
   * @template {keyof Shapes} Method
   * @param {Method} method
   * @param {{channel: string}} params
   * @returns {Promise<ReturnType<Shapes[Method]>>}
   */
  #query(method, params) {
    return this.#ask(method, params, async (result) => /** @type {any} */ ((await load('shapes')).shapes[method](result, params.channel)));
  }

  /**
   * @template T
   * @param {string} method
   * @param {object} params
   * @param {(result: any) => T | Promise<T>} shape
   * @returns {Promise<T>}
   */
  #ask(method, params, shape) {
    const fault = faultOf(params, this.#limits);
    return quiet(fault ? Promise.reject(fault) : this.#call(method, params).then(shape).catch(rethrow));
  }
}

/** @param {unknown} error @returns {never} */
function rethrow(error) {
  throw named(error);
}

/** @param {unknown} channel @param {Limits} limits @returns {TypeError | null} */
function channelFault(channel, { maxChannelLength }) {
  const length = typeof channel === 'string' ? [...channel].length : -1; // the server counts characters, too
  if (length > 0 && length <= maxChannelLength) return null;
  const came = length < 0 ? typeof channel : length;
  return new TypeError(`expected the name of a channel, 1 to ${maxChannelLength} characters, got ${came}: name one`);
}

/**
 * @param {object} params
 * @param {Limits} limits  a longer command would end the connection for good
 * @returns {Error | null} why this must not be sent
 */
export function faultOf(params, limits) {
  const { maxMessageBytes: maxBytes } = limits;
  const fault = 'channel' in params && channelFault(params.channel, limits);
  if (fault) return fault;
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
