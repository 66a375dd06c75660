// @ts-check
/** A network that can be cut and slowed down, for this page alone: what the browser offers, with a switch before it. */

export const network = {
  isOffline: false,
  /** Milliseconds that messages of the WebSocket arrive late. */
  delay: 0,
};

/** No name ends in it (RFC 6761, 6.4). */
const NOWHERE = 'ws://offline.invalid/';

/** The window's events, and those of the switch. */
export const page = new EventTarget();
for (const name of ['online', 'offline', 'pagehide', 'pageshow']) {
  window.addEventListener(name, () => page.dispatchEvent(new Event(name)));
}

/** Requests under way, which a network that is cut takes along. */
let cut = new AbortController();

/** @param {boolean} isOffline */
export function setOffline(isOffline) {
  network.isOffline = isOffline;
  if (isOffline) {
    cut.abort(new TypeError('Failed to fetch'));
    cut = new AbortController();
  }
  page.dispatchEvent(new Event(isOffline ? 'offline' : 'online'));
}

/** @type {typeof fetch} */
export const breakableFetch = async (input, init = {}) => {
  if (network.isOffline) throw new TypeError('Failed to fetch');
  const signals = [cut.signal, ...(init.signal ? [init.signal] : [])];
  return fetch(input, { ...init, signal: AbortSignal.any(signals) });
};

/** Offline, nothing gets through it in either direction, and nobody says so: what a dead link does. */
export class BreakableSocket extends WebSocket {
  /** Messages that are late, in order. @type {MessageEvent[]} */
  #late = [];
  #isForeign = network.isOffline;

  /** @param {string | URL} url @param {string | string[]} [protocols] */
  constructor(url, protocols) {
    super(network.isOffline ? NOWHERE : url, protocols);
    this.addEventListener('message', (event) => this.#onMessage(event)); // the first to hear of it
  }

  /** @param {string | ArrayBufferLike | Blob | ArrayBufferView} data */
  send(data) {
    if (!network.isOffline && !this.#isForeign) super.send(/** @type {any} */ (data));
  }

  /** @param {MessageEvent} event */
  #onMessage(event) {
    if (!event.isTrusted) return; // it was late, and is told now
    const isLate = network.delay > 0 || this.#late.length > 0;
    if (network.isOffline || isLate) event.stopImmediatePropagation();
    if (network.isOffline || !isLate) return;
    this.#late.push(new MessageEvent('message', { data: event.data }));
    setTimeout(() => this.#tell(), network.delay);
  }

  #tell() {
    const message = this.#late.shift();
    if (message && this.readyState === WebSocket.OPEN && !network.isOffline) this.dispatchEvent(message);
  }
}
