// @ts-check
/**
 * Server-sent events: for paths that let these through at once, and hold back any other response until it is complete.
 *
 * They are read as the HTTP stream is, not by EventSource: that would collect a line without an end, put the token into
 * the URL, follow redirects, tell no HTTP status, and reconnect by itself.
 */

import { sourceOf } from './http-stream.js';
import { StreamTransport } from './stream.js';

const FIELD = 'data:';

/** @type {import('../types.js').TransportMaker} */
export function maker(target, environment, events) {
  return new StreamTransport('sse', sourceOf('text/event-stream', dataIn), target, environment, events);
}

/** Each line of data is a JSON object; all other fields mean nothing here. @param {string} lines */
function dataIn(lines) {
  const data = lines.split('\n').filter((line) => line.startsWith(FIELD));
  return data.map((line) => line.slice(FIELD.length)).join('\n');
}
