// @ts-check
/** The browser's WebSocket: text frames with one JSON object a line, both ways. */

import { LONGEST_TEXT, linesOf, parseLines } from './lines.js';

/** @typedef {import('../types.js').Ending} Ending */
/** @typedef {import('../types.js').Transport} Transport */

const NO_CLOSE_FRAME = 1006;
/** The client leaves a server that it does not understand. */
const GAVE_UP = 4000;
/** Bytes: a frame that is longer than the server takes ends the connection for good, so commands are not heaped up in one. */
const FRAME_BYTES = 16_384;

/** @type {import('../types.js').TransportMaker} */
export function websocketTransport(target, environment, events) {
  return new WebSocketTransport(target, environment, events);
}

/** @implements {Transport} */
class WebSocketTransport {
  name = /** @type {const} */ ('websocket');
  hasPings = true;
  #target;
  #environment;
  #events;
  /** @type {WebSocket | null} */
  #socket = null;
  #wasOpen = false;
  #hasEnded = false;

  /**
   * @param {import('../types.js').TransportTarget} target
   * @param {import('../types.js').Environment} environment
   * @param {import('../types.js').TransportEvents} events
   */
  constructor(target, environment, events) {
    this.#target = target;
    this.#environment = environment;
    this.#events = events;
  }

  /** @param {import('../types.js').Command[]} first */
  open(first) {
    const WebSocketClass = /** @type {typeof WebSocket} */ (this.#environment.WebSocket);
    let socket;
    try {
      socket = new WebSocketClass(this.#target.url);
    } catch (error) {
      // Refused by the browser itself: a content security policy, or ws:// on a page that came by https://.
      this.#end({ code: NO_CLOSE_FRAME, reason: String(error), slug: 'transport_unsupported' });
      return;
    }
    this.#socket = socket;
    socket.onopen = () => {
      this.#wasOpen = true;
      this.#events.onOpen();
      this.send(first);
    };
    socket.onerror = () => {}; // says nothing, and onclose follows
    socket.onmessage = ({ data }) => this.#onData(data);
    socket.onclose = ({ code, reason }) => this.#end({ code: code ?? NO_CLOSE_FRAME, reason: reason ?? '' });
  }

  /** @param {import('../types.js').Command[]} commands */
  send(commands) {
    if (this.#hasEnded || this.#socket?.readyState !== 1) return; // its end has been, or will be, told
    for (const text of linesOf(commands, FRAME_BYTES)) this.#socket.send(text);
  }

  /** @param {number} [code] @param {string} [reason] */
  close(code = 1000, reason = '') {
    const socket = this.#socket;
    this.#end({ code, reason });
    try {
      socket?.close(code, reason);
    } catch {
      socket?.close(); // a code that the browser does not let pages send
    }
  }

  /** @param {unknown} data */
  #onData(data) {
    if (this.#hasEnded) return;
    const isTooLong = typeof data === 'string' && data.length > LONGEST_TEXT;
    const messages = isTooLong ? null : parseLines(data);
    if (messages) this.#events.onMessages(messages);
    else this.#leave(isTooLong ? 'message_oversized' : 'message_malformed');
  }

  /** @param {string} slug */
  #leave(slug) {
    this.#end({ code: GAVE_UP, reason: '', slug });
    this.#socket?.close(GAVE_UP, slug);
  }

  /** @param {Omit<Ending, 'wasOpen'>} ending */
  #end(ending) {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    const socket = this.#socket;
    if (socket) socket.onopen = socket.onmessage = socket.onclose = null;
    this.#events.onEnd({ ...ending, wasOpen: this.#wasOpen });
  }
}
