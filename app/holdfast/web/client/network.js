// @ts-check
/**
 * Notices what happens to the device, beyond what every page is told: sleep and wake, a page that is hidden or shown, another
 * kind of network. It only tells; what follows is the service's matter. Loaded on demand, when a connection is wanted.
 */

import { onAbort, Timer } from './timer.js';

/** @typedef {import('./types.js').Environment} Environment */

/**
 * `offline` and `change`: look whether the connection lives. `online`, `shown`, `resume`: the same, and try now.
 * `pagehide` and `pageshow`: the page goes into the back/forward cache, or away; it is back.
 * @typedef {{type: 'offline' | 'online' | 'change' | 'hidden' | 'shown' | 'resume' | 'pagehide' | 'pageshow'}} Signal
 */

/** Milliseconds between two looks at the clock while the page is visible, and by how much they may be late. */
const TICK = 5_000;
const LATE = 5_000;

export class Network {
  #environment;
  #onSignal;
  /** Ends what is listened to. @type {AbortSignal | null} */
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

  /** Begin to listen; with the same signal again has no effect. @param {AbortSignal} signal  ends it */
  start(signal) {
    if (signal.aborted || signal === this.#stop) return;
    this.#stop = signal;
    const { document, connection, isHidden } = this.#environment;
    this.#kind = kindOf(connection);
    document?.addEventListener('resume', () => this.#onSignal({ type: 'resume' }), { signal });
    document?.addEventListener('visibilitychange', () => this.#onVisibility(), { signal });
    connection?.addEventListener('change', () => this.#onChange(), { signal });
    onAbort(signal, () => this.#timer.stop());
    if (!isHidden()) this.#tick();
  }

  #onVisibility() {
    const isHidden = this.#environment.isHidden();
    this.#timer.stop();
    if (!isHidden) this.#tick();
    this.#onSignal({ type: isHidden ? 'hidden' : 'shown' });
  }

  /** Estimates of speed change all the time and mean nothing; another kind of network does. */
  #onChange() {
    const kind = kindOf(this.#environment.connection);
    if (kind === this.#kind) return;
    this.#kind = kind;
    this.#onSignal({ type: 'change' });
  }

  /** A hidden page has its timers held back, which looks like sleep: it does not tick, and checks when it is shown. */
  #tick() {
    this.#monotonic = this.#environment.now();
    this.#wall = this.#environment.wallClock();
    this.#timer.set(TICK, () => {
      const hasSlept = this.#lateness() > LATE;
      this.#tick();
      if (hasSlept) this.#onSignal({ type: 'resume' });
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
