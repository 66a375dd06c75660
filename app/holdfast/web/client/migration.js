// @ts-check
/**
 * Moves the connection to another instance: opens the new one first, takes every channel over from its last offset, then
 * closes the old one. The application sees nothing of it. A move that fails leaves the old connection as it is.
 */

import { backoffDelay } from './backoff.js';
import './codes-rest.js';
import { errorOf } from './errors.js';
import { pause, Timer, within } from './timer.js';

/** @typedef {import('./types.js').SessionLike} SessionLike */
/** @typedef {{session: SessionLike, reply: any}} Opened  and the reply to its connect command */
/** @typedef {{old: SessionLike, next: Opened | null, isAdopted: boolean}} Move */

const DELAYS = { minReconnectDelay: 1_000, maxReconnectDelay: 30_000 };
/** Until the new connection carries everything. */
const MOVE_MS = 30_000;
/** How long both deliver: channels without offsets are compared meanwhile, and instances are not equally fast. */
const OVERLAP_MS = 500;
/** Replies that the old connection still owes are waited for, up to here. */
const PATIENCE_MS = 5_000;
const POLL_MS = 50;
const PLANNED = 1000;

export class Migration {
  #environment;
  #log;
  #subscriptions;
  #openSession;
  #adopt;
  #current;
  #timer;
  /** Moment at which the timer is over. */
  #dueAt = 0;
  #failures = 0;
  /** @type {Move | null} the one under way */
  #move = null;
  /** Moment of the move behind that one; infinity where there is none. */
  #nextAt = Infinity;
  /** Ends what the move under way waits for. */
  #stop = new AbortController();

  /**
   * @param {object} parts
   * @param {import('./types.js').Environment} parts.environment
   * @param {{info: (event: string, fields?: object) => void, warning: (event: string, fields?: object) => void}} parts.log
   * @param {import('./subscriptions.js').Subscriptions} parts.subscriptions
   * @param {() => Promise<Opened>} parts.openSession  connected, beside the present one
   * @param {(session: SessionLike) => void} parts.adopt  make it the present one, without any state event
   * @param {() => SessionLike | null} parts.current
   */
  constructor({ environment, log, subscriptions, openSession, adopt, current }) {
    this.#environment = environment;
    this.#log = log;
    this.#subscriptions = subscriptions;
    this.#openSession = openSession;
    this.#adopt = adopt;
    this.#current = current;
    this.#timer = new Timer(environment);
  }

  /** The present connection has to move; the earliest deadline holds. @param {unknown} afterMs  milliseconds from now */
  begin(afterMs) {
    const at = this.#environment.now() + Math.max(0, Number(afterMs) || 0);
    const move = this.#move;
    if (move?.isAdopted) this.#nextAt = Math.min(this.#nextAt, at);
    else if (!move && !(this.#timer.isSet && this.#dueAt <= at)) this.#schedule(at);
    // Else it is said of a connection that is being left already.
  }

  /**
   * A session has ended; told before anybody acts on it. Where the new connection stands, it takes over at once.
   * @param {SessionLike} session
   */
  onEnded(session) {
    const move = this.#move;
    if (move === null) {
      if (session === this.#current()) this.stop();
    } else if (session === move.next?.session) {
      if (move.isAdopted) move.old.close(PLANNED, '');
    } else if (session === move.old && move.next?.session.isConnected) this.#adoptNext(move);
  }

  /** Nobody wants to move any more. */
  stop() {
    this.#timer.stop();
    this.#nextAt = Infinity;
    this.#failures = 0;
    this.#stop.abort();
  }

  // Private methods

  /** @param {number} at */
  #schedule(at) {
    this.#dueAt = at;
    this.#timer.set(Math.max(0, at - this.#environment.now()), () => {
      const old = this.#current();
      if (old?.isConnected) void this.#run(old);
    });
  }

  /** @param {SessionLike} old */
  async #run(old) {
    /** @type {Move} */
    const move = (this.#move = { old, next: null, isAdopted: false });
    const { signal } = (this.#stop = new AbortController());
    const late = { slug: 'migration_failed', detail: `took over ${MOVE_MS} ms` };
    try {
      await within(this.#environment, MOVE_MS, this.#prepare(move), late, signal);
      this.#adoptNext(move);
      await this.#untilQuiet(old, signal);
      this.#log.info('migrated', { from: old.cid, to: move.next?.session.cid });
    } catch (error) {
      this.#fail(move, error);
    }
    if (move.isAdopted) this.#settle(move);
    this.#move = null;
    this.#goOn(old);
  }

  /** @param {Move} move */
  async #prepare(move) {
    const next = await this.#openSession();
    if (this.#move !== move || !move.old.isConnected) {
      next.session.close(PLANNED, '');
      throw failure('the old connection ended first');
    }
    move.next = next;
    await moveTo(this.#subscriptions, next);
  }

  /** @param {Move} move */
  #adoptNext(move) {
    if (move.isAdopted || !move.next) return;
    if (!move.next.session.isConnected) throw failure('the new connection ended first');
    move.isAdopted = true;
    this.#adopt(move.next.session);
  }

  /** @param {Move} move */
  #settle({ old, next }) {
    if (next?.session.isConnected) this.#subscriptions.settle(next.session);
    old.close(PLANNED, '');
  }

  /** @param {Move} move @param {unknown} error */
  #fail(move, error) {
    const { aborted } = this.#stop.signal;
    if (!aborted) this.#log.warning('migration_failed', { error: String(error) });
    if (move.isAdopted) return; // the old connection has ended: the new one is an ordinary one, with ordinary trouble
    this.#subscriptions.abandon();
    move.next?.session.close(PLANNED, '');
    if (aborted || this.#current() !== move.old) return; // what comes behind it was not told to move
    this.#nextAt = this.#environment.now() + backoffDelay(this.#failures, DELAYS, this.#environment.random);
    this.#failures += 1;
  }

  /** @param {SessionLike} old */
  #goOn(old) {
    const at = this.#nextAt;
    this.#nextAt = Infinity;
    if (this.#current() !== old) this.#failures = 0;
    if (at < Infinity && this.#current()?.isConnected) this.#schedule(at);
  }

  /** Both deliver for a while, and replies that are owed still come. @param {SessionLike} old @param {AbortSignal} signal */
  async #untilQuiet(old, signal) {
    for (let waited = 0; old.isConnected && waited < PATIENCE_MS && !signal.aborted; waited += POLL_MS) {
      if (waited >= OVERLAP_MS && !old.inFlight) return;
      await pause(this.#environment, POLL_MS, signal);
    }
  }
}

/** @param {string} detail */
export function failure(detail) {
  return errorOf({ slug: 'migration_failed', detail });
}

/**
 * Get every channel from another session too.
 * @param {import('./subscriptions.js').Subscriptions} subscriptions
 * @param {Opened} next
 * @returns {Promise<void>} when all is here; rejects where a channel cannot move now
 */
export async function moveTo(subscriptions, { session, reply }) {
  subscriptions.meet(session, reply);
  const asked = new Set();
  const lagging = () => subscriptions.memberships.filter((one) => one.needs(session) && !asked.has(one) && asked.add(one));
  for (let some = lagging(); some.length > 0; some = lagging()) {
    /** @type {Promise<void>[]} */
    const moves = [];
    session.together(() => moves.push(...some.map((membership) => membership.moveTo(session))));
    await Promise.all(moves);
  }
}
