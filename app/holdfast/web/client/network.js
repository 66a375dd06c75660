// @ts-check
/**
 * Notices what happens to the device: network gone and back, sleep and wake, a page that is hidden, shown, or put into
 * the back/forward cache. It only tells; what follows is the service's matter. Loaded on demand, when a connection is wanted.
 */

import { Timer } from './timer.js';

/** @typedef {import('./types.js').Environment} Environment */

/**
 * `offline` and `changed`: look whether the connection lives. `online`, `shown`, `awake`: the same, and try now.
 * `leaving` and `restored`: the page goes into the back/forward cache, or away; it is back.
 * @typedef {'offline' | 'online' | 'changed' | 'hidden' | 'shown' | 'awake' | 'leaving' | 'restored'} Signal
 */

/** Milliseconds between two looks at the clock while the page is visible, and by how much they may be late. */
const TICK = 5_000;
const LATE = 5_000;

export class Network {
  #environment;
  #onSignal;
  /** Ends what is listened to. @type {AbortController | null} */
  #stop = null;
  #timer;
  #monotonic = 0;
  #wall = 0;
  /** @type {string | undefined} */
  #kind;

  /**
   * @param {Environment} environment
   * @param {(signal: Signal) => void} onSignal
   */
  constructor(environment, onSignal) {
    this.#environment = environment;
    this.#onSignal = onSignal;
    this.#timer = new Timer(environment);
  }

  /** Begin to listen; again has no effect. */
  start() {
    if (this.#stop) return;
    const { signal } = (this.#stop = new AbortController());
    const { page, document, connection, isHidden } = this.#environment;
    this.#kind = kindOf(connection);
    const on = (/** @type {EventTarget | undefined} */ target, /** @type {string} */ type, /** @type {() => void} */ listener) =>
      target?.addEventListener(type, listener, { signal });
    const telling = (/** @type {Signal} */ what) => () => this.#onSignal(what);
    on(page, 'online', telling('online'));
    on(page, 'offline', telling('offline'));
    on(page, 'pagehide', telling('leaving'));
    on(page, 'pageshow', telling('restored'));
    on(document, 'resume', telling('awake'));
    on(document, 'visibilitychange', () => this.#onVisibility());
    on(connection, 'change', () => this.#onChange());
    if (!isHidden()) this.#tick();
  }

  stop() {
    this.#stop?.abort();
    this.#stop = null;
    this.#timer.stop();
  }

  #onVisibility() {
    const isHidden = this.#environment.isHidden();
    this.#timer.stop();
    if (!isHidden) this.#tick();
    this.#onSignal(isHidden ? 'hidden' : 'shown');
  }

  /** Estimates of speed change all the time and mean nothing; another kind of network does. */
  #onChange() {
    const kind = kindOf(this.#environment.connection);
    if (kind === this.#kind) return;
    this.#kind = kind;
    this.#onSignal('changed');
  }

  /** A hidden page has its timers held back, which looks like sleep: it does not tick, and checks when it is shown. */
  #tick() {
    this.#monotonic = this.#environment.now();
    this.#wall = this.#environment.wallClock();
    this.#timer.set(TICK, () => {
      const hasSlept = this.#lateness() > LATE;
      this.#tick();
      if (hasSlept) this.#onSignal('awake');
    });
  }

  /** By whichever clock went on during the sleep: some systems halt the monotonic one, all go on with the other. */
  #lateness() {
    const { now, wallClock } = this.#environment;
    return Math.max(now() - this.#monotonic, wallClock() - this.#wall) - TICK;
  }
}

/** @param {any} connection  navigator.connection */
function kindOf(connection) {
  return connection?.type ?? connection?.effectiveType;
}
