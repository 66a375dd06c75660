// @ts-check
/** A response that does not end, read line by line while it comes. */

import { LONGEST, because, causeOf, nonsense, post, textsOf, typeOf } from './answers.js';
import { StreamTransport } from './stream.js';

/** @typedef {import('./stream.js').Sink} Sink */

/** @type {import('../types.js').TransportMaker} */
export function maker(target, environment, events) {
  return new StreamTransport('http_stream', sourceOf('application/x-ndjson'), target, environment, events);
}

/**
 * @param {string} type  of a response that is a stream
 * @param {(lines: string) => string} [jsonIn]  what of complete lines is one JSON object a line
 * @returns {import('./stream.js').Source}
 */
export function sourceOf(type, jsonIn = (lines) => lines) {
  return (target, environment, first, sink) => {
    const request = new AbortController();
    const take = (/** @type {string} */ lines) => sink.take(jsonIn(lines));
    void run(post(environment, target.url, first, { signal: request.signal }), type, { ...sink, take });
    return () => request.abort();
  };
}

/** @param {Promise<Response>} answer @param {string} type @param {Sink} sink */
async function run(answer, type, sink) {
  let response;
  try {
    response = await answer;
  } catch {
    return sink.end(because('open_failed'));
  }
  if (response.status !== 200 || !typeOf(response).startsWith(type)) {
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
