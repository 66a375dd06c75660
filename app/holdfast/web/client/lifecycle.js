// @ts-check
/**
 * Decides when there is a session, and is the only one that changes the state. What it decides by stands elsewhere:
 * endings.js (what follows an end), attempts.js (how soon). What lives on a connection is told of it by hooks.
 */

import { newCid } from './connector.js';
import { decide } from './endings.js';
import { errorOf, named } from './errors.js';
import { Timer } from './timer.js';

/** @typedef {import('./types.js').State} State */
/** @typedef {import('./types.js').Ending} Ending */
/** @typedef {import('./session.js').Session} Session */
/** @typedef {import('./session.js').SessionEvents} SessionEvents */
/** @typedef {import('./endings.js').Next} Next */
/** @typedef {import('./errors.js').HoldfastError} HoldfastError */

/**
 * @typedef {object} Hooks
 * @property {(session: Session, reply: any) => void} onConnected  before anybody else hears of it
 * @property {(session: Session, push: any) => void} onPush
 * @property {(session: Session) => void} onPing
 * @property {(session: Session, ending: Ending) => void} onEnded  of every session; a planned end has code 1000
 * @property {() => void} onDown  the connection, or the attempt, is given up
 * @property {(error: HoldfastError, mayReturn: boolean) => void} onStopped  nothing follows by itself; perhaps a login
 * @property {(session: Session, error: HoldfastError) => Promise<import('./explain.js').Explained | void>} explain  why it did
 *     not open; nothing, where that cannot be asked
 */

/** @type {Next} */
const STOP = { action: 'stop', delay: 0 };
/** @type {Next}  until something calls for an attempt */
const WAIT = { action: 'retry', delay: Infinity };

/** @implements {SessionEvents} */
export class Lifecycle {
  /** @type {State} */
  state = 'disconnected';
  /** @type {HoldfastError | null} */
  reason = null;
  /** @type {Session | null} */
  session = null;
  /** Of the present, or the next, attempt. */
  cid = '';
  /** @type {number | null} monotonic milliseconds */
  nextAttemptAt = null;
  /** @type {AbortController | null} of an attempt that has no session yet */
  #preparing = null;
  /** Of an attempt that did not open, while the server is asked why. @type {HoldfastError | null} */
  #unexplained = null;
  /** Why the next attempt needs a token. @type {import('./types.js').TokenContext['reason']} */
  tokenReason = 'first';
  #timer;
  #environment;
  #options;
  #attempts;
  #connector;
  #announcer;
  #hooks;

  /**
   * @param {object} parts
   * @param {import('./types.js').Environment} parts.environment
   * @param {typeof import('./options.js').DEFAULTS} parts.options
   * @param {import('./attempts.js').Attempts} parts.attempts
   * @param {import('./connector.js').Connector} parts.connector
   * @param {import('./announcer.js').Announcer} parts.announcer
   * @param {Hooks} hooks
   */
  constructor({ environment, options, attempts, connector, announcer }, hooks) {
    this.#environment = environment;
    this.#timer = new Timer(environment);
    this.#options = options;
    this.#attempts = attempts;
    this.#connector = connector;
    this.#announcer = announcer;
    this.#hooks = hooks;
  }

  connect() {
    if (this.state !== 'disconnected') return;
    this.reason = null;
    this.#setState('connecting');
    this.#schedule(this.#attempts.quick());
    this.#announcer.flush();
  }

  disconnect() {
    this.#goDown(errorOf({ slug: 'disconnect_called' }), () => STOP);
  }

  /** The page is put away: keep nothing open, and attempt nothing until somebody calls `hurry`. */
  suspend() {
    this.#goDown(errorOf({ slug: 'page_frozen' }), () => WAIT);
  }

  /** Do not wait so long for the next attempt. @param {number} delay  milliseconds */
  hurry(delay) {
    const isWaiting = this.state === 'connecting' && this.session === null && this.#preparing === null;
    const wait = Math.max(this.#attempts.quick() + delay, this.#attempts.earliest());
    if (isWaiting && this.#environment.now() + wait < (this.nextAttemptAt ?? Infinity)) this.#setTimer(wait);
  }

  /** Nothing but a login, or somebody else, helps. @param {HoldfastError} error */
  fail(error) {
    const { action } = error;
    this.#goDown(error, () => ({ action: action === 'login' ? action : 'stop', delay: 0 }));
  }

  /** A session that was opened beside the present one takes its place; nobody hears of it. @param {Session} session @param {any} reply */
  adopt(session, reply) {
    this.session = session;
    this.cid = session.cid;
    this.#attempts.connected(reply.holdfast?.reconnect_window_ms);
  }

  // Attempts.

  /** @param {number} delay  milliseconds, before what a minute allows */
  #schedule(delay) {
    const wait = Math.max(delay, this.#attempts.earliest());
    this.cid = newCid(this.#environment);
    this.#setTimer(wait);
    this.#announcer.add('connecting', { attempt: this.#attempts.count + 1, delay: wait, cid: this.cid });
  }

  /** @param {number} delay  milliseconds to the next attempt; infinity for none */
  #setTimer(delay) {
    this.#timer.stop();
    this.nextAttemptAt = null;
    if (delay === Infinity) return;
    this.nextAttemptAt = this.#environment.now() + delay;
    this.#timer.set(delay, () => this.#begin());
  }

  #begin() {
    this.#setTimer(Infinity);
    this.#attempts.begin();
    const { signal } = (this.#preparing = new AbortController());
    const attempt = { cid: this.cid, tokenReason: this.tokenReason, signal };
    this.#connector
      .prepare(attempt, this)
      .then((session) => signal.aborted || this.#open(session))
      .catch((fault) => {
        const error = named(fault);
        if (!signal.aborted) this.#goDown(error, (delays) => ({ action: error.action, delay: delays.backoff() }));
      });
  }

  /** @param {Session} session */
  #open(session) {
    this.#preparing = null;
    this.session = session;
    session.open();
  }

  // Sessions. What one says that is not, or no longer, the present one is dropped.

  /** @param {Session} session @param {any} push */
  onPush(session, push) {
    this.#hooks.onPush(session, push);
  }

  /** @param {Session} session */
  onPing(session) {
    this.#hooks.onPing(session);
  }

  /** @param {Session} session @param {any} reply */
  onConnected(session, reply) {
    if (session !== this.session) return;
    this.#attempts.connected(reply.holdfast?.reconnect_window_ms);
    this.tokenReason = 'first';
    this.#tellUnexplained();
    this.reason = null;
    this.#setState('connected');
    this.#announcer.add('connected', { client: session.client, transport: session.transport });
    this.#hooks.onConnected(session, reply);
    this.#announcer.flush();
  }

  /** @param {Session} session @param {Ending} ending */
  onEnd(session, ending) {
    this.#hooks.onEnded(session, ending); // which may put a second session into its place
    if (session !== this.session) return;
    const error = errorOfEnding(ending, session.cid);
    const isUnexplained = ending.code === 1006 && !ending.wasOpen;
    this.#goDown(error, (delays) => decide(ending, delays), isUnexplained);
    if (isUnexplained) void this.#explain(session, error);
  }

  /** A browser is not told why; the server knows, if it saw the attempt. @param {Session} session @param {import('./explain.js').Explained} error */
  async #explain(session, error) {
    const cause = (await this.#hooks.explain(session, error)) ?? error;
    if (this.#unexplained !== error) return; // has been overtaken
    this.#unexplained = null;
    if (cause.isFinal) return this.fail(cause);
    this.reason = cause;
    this.#announcer.add('error', { error: this.reason });
    this.#announcer.flush();
  }

  /** One error for each attempt: who waited for a better one tells what there is before the next thing happens. */
  #tellUnexplained() {
    if (this.#unexplained) this.#announcer.add('error', { error: this.#unexplained });
    this.#unexplained = null;
  }

  // State.

  /**
   * The one way down: from a connection, from an attempt, from waiting for one.
   * @param {HoldfastError} error
   * @param {(delays: import('./endings.js').Delays) => Next} choose  what next, asked when the end has been counted
   * @param {boolean} [isUnexplained]  the error is told when more is known
   */
  #goDown(error, choose, isUnexplained) {
    if (this.state === 'disconnected') return;
    this.#tellUnexplained();
    const { session } = this;
    const wasConnected = this.state === 'connected';
    this.session = null;
    this.#hooks.onDown();
    session?.close();
    this.#preparing?.abort();
    this.#preparing = null;
    this.#setTimer(Infinity);
    this.#attempts.ended();
    const { action, delay } = choose(this.#attempts);
    const willReconnect = action === 'retry' || action === 'fetch_token';
    if (action === 'fetch_token') this.tokenReason = 'refused';
    this.reason = error;
    this.#setState(willReconnect ? 'connecting' : 'disconnected');
    if (wasConnected || !willReconnect) this.#announcer.add('disconnected', { error, willReconnect });
    else if (isUnexplained) this.#unexplained = error;
    else this.#announcer.add('error', { error });
    if (action === 'login') this.#announcer.add('login', { error });
    if (willReconnect) this.#schedule(this.#longer(delay));
    else this.#hooks.onStopped(error, action === 'login');
    this.#announcer.flush();
  }

  /** A device that says it is offline waits for the network; it may be wrong, though. @param {number} delay */
  #longer(delay) {
    return this.#environment.isOnline() ? delay : Math.max(delay, this.#options.maxReconnectDelay);
  }

  /** @param {State} to */
  #setState(to) {
    const from = this.state;
    this.state = to;
    if (from !== to) this.#announcer.add('state', { from, to, reason: this.reason });
  }
}

/** @param {Ending} ending @param {string} attempt @returns {HoldfastError} */
export function errorOfEnding({ slug, isError, isTemporary: temporary, wasOpen, ...facts }, attempt) {
  const known = slug ?? (facts.code === 1006 ? (wasOpen ? 'connection_cut' : 'open_failed') : undefined);
  return errorOf({ ...facts, slug: known, kind: isError ? 'error' : 'close', temporary, attempt });
}
