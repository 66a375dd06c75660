// @ts-check
/** What the client takes from a browser; the one module that touches globals. */

/** 23 days: timers of browsers hold hardly more, and what is longer would be over at once. */
const LONGEST = 2e9;

/** @param {'localStorage' | 'sessionStorage'} name @returns {Storage | undefined} */
function storageOf(name) {
  try {
    return globalThis[name]; // throws where cookies are forbidden
  } catch {
    return undefined;
  }
}

/**
 * Return what this page, worker or Node process offers; what is missing is undefined.
 * @returns {import('./types.js').Environment}
 */
export function browserEnvironment() {
  const { document, navigator } = globalThis;
  const address = () => globalThis.location?.href ?? 'http://localhost/';
  return {
    now: () => performance.now(),
    wallClock: () => Date.now(),
    setTimer: (callback, milliseconds) => setTimeout(callback, Math.min(milliseconds, LONGEST)),
    clearTimer: (timer) => clearTimeout(timer),
    whenIdle: (callback) => (globalThis.requestIdleCallback ?? setTimeout)(() => callback()), // Safari has none
    random: Math.random,
    randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
    WebSocket: globalThis.WebSocket,
    fetch: globalThis.fetch?.bind(globalThis),
    BroadcastChannel: globalThis.BroadcastChannel,
    locks: navigator?.locks,
    storage: storageOf('localStorage'),
    tabStorage: storageOf('sessionStorage'),
    page: globalThis.window,
    document,
    connection: /** @type {any} */ (navigator)?.connection,
    isOnline: () => navigator?.onLine !== false,
    isHidden: () => document?.visibilityState === 'hidden',
    sendBeacon: navigator?.sendBeacon?.bind(navigator),
    baseUrl: address(),
    address,
    navigate: (url) => globalThis.location?.assign(url),
    warn: (text) => console.warn(text),
    reportFault: (fault) => (globalThis.reportError ?? console.error)(fault),
    userAgent: navigator?.userAgent ?? '',
    language: navigator?.language ?? 'en',
  };
}
