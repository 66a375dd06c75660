// @ts-check
/** What an application may ask of the server, as commands that the server can read: a malformed one ends a connection. */

import { errorOf } from './errors.js';

/**
 * @param {object} params
 * @param {number} maxBytes  of the command as text; a longer one would end the connection for good
 * @returns {Error | null} why this must not be sent
 */
export function faultOf(params, maxBytes) {
  const { channel } = /** @type {{channel?: unknown}} */ (params);
  if ('channel' in params && (typeof channel !== 'string' || channel === '')) {
    return new TypeError(`expected the name of a channel, got ${typeof channel}`);
  }
  let text;
  try {
    text = JSON.stringify(params);
  } catch (error) {
    return new TypeError(`expected data that JSON can carry: ${error}`);
  }
  const bytes = text.length * 3 < maxBytes ? 0 : new TextEncoder().encode(text).length;
  if (bytes < maxBytes) return null;
  return errorOf({ slug: 'message_too_big', detail: `${bytes} bytes, at most ${maxBytes} are taken` });
}

/** @param {unknown} data  what `undefined` stands for has no JSON of its own */
export function payload(data) {
  return data === undefined ? null : data;
}
