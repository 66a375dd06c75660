// @ts-check
/** A response that does not end, read line by line while it comes. */

import { LONGEST, because, causeOf, nonsense, post, textsOf, typeOf } from './answers.js';
import { StreamTransport } from './stream.js';

/** @typedef {import('./stream.js').Sink} Sink */

/** @type {import('../types.js').TransportMaker} */
export function httpStreamTransport(target, environment, events) {
  return new StreamTransport('http_stream', source, target, environment, events);
}

export { httpStreamTransport as maker };

/** @type {import('./stream.js').Source} */
function source(target, environment, first, sink) {
  const request = new AbortController();
  run(post(environment, target.url, first, { signal: request.signal }), sink);
  return () => request.abort();
}

/** @param {Promise<Response>} answer @param {Sink} sink */
async function run(answer, sink) {
  let response;
  try {
    response = await answer;
  } catch {
    return sink.end(because('open_failed'));
  }
  if (response.status !== 200 || !typeOf(response).startsWith('application/x-ndjson')) {
    return sink.end(await causeOf(response));
  }
  // Browsers without streams give a response no body before it is complete.
  if (!response.body) return sink.end(because('transport_unsupported'));
  sink.open();
  sink.end(await read(response, sink));
}

/** @param {Response} response @param {Sink} sink @returns {Promise<import('./answers.js').Cause>} why nothing comes any more */
async function read(response, sink) {
  try {
    let length = 0;
    /** @type {string[]} the beginning of a line */
    let begun = [];
    for await (const text of textsOf(response)) {
      const end = text.lastIndexOf('\n') + 1;
      if (end > 0) {
        sink.take(begun.join('') + text.slice(0, end));
        begun = [];
        length = 0;
      }
      begun.push(text.slice(end));
      length += text.length - end;
      if (length > LONGEST) return nonsense('message_oversized');
    }
  } catch (error) {
    if (/** @type {any} */ (error)?.name === 'EncodingError') return nonsense('message_malformed');
  }
  return because('connection_cut'); // whatever a proper end is, the disconnect push before it has said so
}
