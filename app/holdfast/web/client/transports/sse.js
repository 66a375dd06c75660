// @ts-check
/**
 * EventSource: for browsers and paths on which a response can't be read while it comes.
 *
 * The connect command, with the token, stands in the URL, and so in the access logs of proxies. EventSource follows
 * redirects, tells no HTTP status, and reconnects by itself with the old token; at its first error it is closed.
 */

import { because } from './answers.js';
import { StreamTransport } from './stream.js';

/** Characters: the default of the gateway (`http.max_url_bytes`) and of nginx. */
const LONGEST_URL = 8_192;
const CLOSED = 2;

/** @type {import('../types.js').TransportMaker} */
export function sseTransport(target, environment, events) {
  return new StreamTransport('sse', source, target, environment, events);
}

export { sseTransport as maker };

/** @type {import('./stream.js').Source} */
function source(target, environment, first, sink) {
  const url = `${target.url}${target.url.includes('?') ? '&' : '?'}cf_connect=${encodeURIComponent(first)}`;
  if (url.length - new URL(url).origin.length > LONGEST_URL) {
    sink.end(because('url_too_long'));
    return () => {};
  }
  const EventSourceClass = /** @type {typeof EventSource} */ (environment.EventSource);
  let wasOpen = false;
  const stream = new EventSourceClass(url, { withCredentials: true });
  stream.onopen = () => {
    wasOpen = true;
    sink.open();
  };
  stream.onmessage = ({ data }) => sink.take(String(data));
  stream.onerror = () => {
    // Closed already: there was an answer, and it was no stream.
    const cause = stream.readyState === CLOSED ? 'answer_malformed' : 'open_failed';
    stream.close();
    sink.end(because(wasOpen ? 'connection_cut' : cause));
  };
  return () => {
    stream.onopen = stream.onmessage = stream.onerror = null;
    stream.close();
  };
}
