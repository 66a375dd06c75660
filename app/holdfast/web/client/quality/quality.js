// @ts-check
/**
 * How good the connection is: round trips, heartbeats that did not come, reconnects. It asks nothing and tells nothing
 * while the page is hidden, for browsers slow hidden pages down and the figures would be the browser's.
 *
 * Events: `quality` {grade, from, reasons, ...figures} when the grade changes; `round_trip` {milliseconds}.
 */

import { Timer } from '../timer.js';
import { Hysteresis, jitterOf, LIMITS, median } from './grading.js';

/** @typedef {import('../types.js').SessionLike} SessionLike */

export const DEFAULTS = {
  limits: LIMITS,
  /** Between two pings of ours while all is well, and while it is not. */
  interval: 25_000,
  closeInterval: 5_000,
  pingTimeout: 5_000,
  betterAfter: 30_000,
  missedWindow: 120_000,
  reconnectWindow: 300_000,
};

/** The latest round trips that count. */
const SAMPLES = 8;
/** At first so many pings follow each other soon, so that there is a figure. */
const FIRST = 3;
const SOON = 1_000;
/** Milliseconds between heartbeats; of a server that promises more of them, fewer are missed. */
const SHORTEST = 1_000;
/** So long a ping waits for other commands to be answered. */
const LONGEST_WAIT = 10_000;
/** A heartbeat is missed when it is late by this part of the interval. */
const LATE = 0.5;
/** What pings of a connection that has ended are rejected with. */
const NO_ANSWER = ['outcome_unknown', 'connection_cut'];

export class Quality {
  #environment;
  #emit;
  #options;
  #hysteresis;
  /** @type {SessionLike | null} */
  #session = null;
  /** @type {import('../types.js').TransportName | null} the last one, whose round trips are known */
  #transport = null;
  #connectedAt = 0;
  /** @type {number[]} */
  #roundTrips = [];
  /** @type {number[]} moments */
  #missed = [];
  /** @type {number[]} moments */
  #cuts = [];
  /** Milliseconds between heartbeats; 0 where there are none. */
  #heartbeat = 0;
  #heardAt = 0;
  #timer;
  #pings = 0;
  /** How long the next ping has waited for its turn. */
  #waited = 0;
  /** Counts the times that looking began, so that answers of before are known. */
  #watches = 0;

  /**
   * @param {object} parts
   * @param {import('../types.js').Environment} parts.environment
   * @param {(name: string, detail: object) => void} parts.emit
   * @param {Partial<typeof DEFAULTS>} [options]
   */
  constructor({ environment, emit }, options = {}) {
    this.#environment = environment;
    this.#timer = new Timer(environment);
    this.#emit = emit;
    this.#options = { ...DEFAULTS, ...options };
    this.#hysteresis = new Hysteresis({ ...LIMITS, ...this.#options.limits }, this.#options.betterAfter);
  }

  /** Grade, reasons, figures; milliseconds. */
  get snapshot() {
    return { ...this.#hysteresis.held, ...this.#figures(), uptime: this.#session ? this.#environment.now() - this.#connectedAt : 0 };
  }

  /**
   * @param {SessionLike} session
   * @param {any} reply  of connect: `ping` in seconds
   * @param {boolean} [isMove]  the connection goes on over another session
   */
  onConnected(session, reply, isMove = false) {
    if (session.transport !== this.#transport) this.#roundTrips = [];
    this.#transport = session.transport;
    if (!isMove || !this.#session) this.#connectedAt = this.#environment.now();
    this.#session = session;
    const seconds = Number(reply?.ping) || 0;
    this.#heartbeat = seconds > 0 ? Math.max(SHORTEST, seconds * 1000) : 0;
    this.#watch();
  }

  /** A heartbeat of the server has come. */
  onPing() {
    if (this.#isQuiet) return;
    this.#countMissed();
    this.#heardAt = this.#environment.now();
  }

  /** @param {number} milliseconds  from a command to its reply */
  onRoundTrip(milliseconds) {
    if (this.#isQuiet) return;
    this.#roundTrips = [...this.#roundTrips, milliseconds].slice(-SAMPLES);
    this.#emit('round_trip', { milliseconds });
    this.#grade();
  }

  /** @param {boolean} wasPlanned  the application, the server or the device wanted it */
  onEnded(wasPlanned) {
    if (!this.#session) return;
    this.#session = null;
    this.#timer.stop();
    if (!wasPlanned && !this.#environment.isHidden()) this.#cuts.push(this.#environment.now());
  }

  /** The page was hidden or shown, the device slept or changed its network: what is under way says nothing any more. */
  restart() {
    this.#hysteresis.pause();
    if (this.#isQuiet) this.#timer.stop();
    else this.#watch();
  }

  // Private methods

  get #isQuiet() {
    return this.#session === null || this.#environment.isHidden();
  }

  /** Begin to look, or to look again. */
  #watch() {
    this.#heardAt = this.#environment.now();
    this.#pings = 0;
    this.#waited = 0;
    this.#watches += 1;
    if (!this.#isQuiet) this.#timer.set(SOON, () => this.#ping()); // the first second belongs to the subscriptions
  }

  async #ping() {
    const { now } = this.#environment;
    const session = /** @type {SessionLike} */ (this.#session);
    // Commands are answered one after the other: a slow backend must not look like a slow network. Where there is always
    // something under way, though, it is as slow for the user.
    if (session.inFlight && this.#waited < LONGEST_WAIT) return this.#wait();
    this.#waited = 0;
    const [watch, asked] = [this.#watches, now()];
    this.#timer.set(this.#untilNext(), () => this.#ping());
    const slug = await session.request('ping', {}, this.#options.pingTimeout).then(() => '', (error) => error.slug);
    // A page that was hidden or a connection that ended meanwhile says nothing of the network. A refusal is an answer.
    if (watch !== this.#watches || this.#isQuiet || NO_ANSWER.includes(slug)) return;
    if (slug === 'command_timeout') this.#missed.push(now());
    this.#countMissed();
    this.onRoundTrip(now() - asked);
  }

  #wait() {
    this.#waited += SOON;
    this.#timer.set(SOON, () => this.#ping());
  }

  #untilNext() {
    this.#pings += 1;
    if (this.#pings < FIRST) return SOON;
    const { interval, closeInterval } = this.#options;
    const longest = this.#hysteresis.held.grade === 'good' ? interval : closeInterval;
    return longest * (0.8 + 0.4 * this.#environment.random()); // a crowd must not ask in step
  }

  #countMissed() {
    const now = this.#environment.now();
    while (this.#heartbeat > 0 && now - this.#heardAt > this.#heartbeat * (1 + LATE)) {
      this.#heardAt += this.#heartbeat;
      this.#missed.push(this.#heardAt);
    }
  }

  #figures() {
    const now = this.#environment.now();
    const { missedWindow, reconnectWindow } = this.#options;
    this.#missed = this.#missed.filter((at) => now - at < missedWindow);
    this.#cuts = this.#cuts.filter((at) => now - at < reconnectWindow);
    const [rtt, jitter] = [median(this.#roundTrips), jitterOf(this.#roundTrips)];
    return { rtt, jitter, missed: this.#missed.length, reconnects: this.#cuts.length };
  }

  #grade() {
    const from = this.#hysteresis.held.grade;
    const { grade } = this.#hysteresis.take(this.#figures(), this.#environment.now());
    if (grade !== from) this.#emit('quality', { ...this.snapshot, from });
  }
}
