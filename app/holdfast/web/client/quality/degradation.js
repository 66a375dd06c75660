// @ts-check
/**
 * Turns features of an application down, one after the other, while the connection is poor or goes over a fallback, and up
 * again in reverse order when it has been good for a while. Loaded on demand.
 */

import { browserEnvironment } from '../environment.js';
import { Timer } from '../timer.js';

/** @typedef {import('./grading.js').Grade} Grade */

/**
 * One feature; the first of a list is the first to be turned down.
 * @typedef {object} Feature
 * @property {string} name
 * @property {() => unknown} down
 * @property {() => unknown} up
 */

/**
 * @typedef {object} DegradationOptions
 * @property {number} [downEvery]  milliseconds between two steps down while the connection stays poor
 * @property {number} [upEvery]  milliseconds that it must have been good before each step up
 * @property {Record<string, number>} [floors]  by transport: so many features stay down while it is in use
 */

/** @typedef {import('../types.js').Environment} Environment */
/** @typedef {EventTarget & {state: string, quality: {grade: Grade}, transport: string | null}} Service */

/** @type {Required<DegradationOptions>} */
export const DEFAULTS = { downEvery: 10_000, upEvery: 30_000, floors: { websocket: 0, http_stream: 1, sse: 1, poll: 2 } };

export class Degradation {
  /** So many features are turned down. */
  level = 0;
  #service;
  #environment;
  #emit;
  #features;
  #options;
  #timer;
  #listener = () => this.#look(true);
  /** @type {Grade | null} of the last look */
  #grade = null;
  #floor = 0;

  /**
   * @param {object} parts
   * @param {Service} parts.service
   * @param {Environment} parts.environment
   * @param {(name: string, detail: object) => void} parts.emit  `level` {from, to, name, why}
   * @param {Feature[]} features
   * @param {DegradationOptions} [options]
   */
  constructor({ service, environment, emit }, features, options = {}) {
    this.#service = service;
    this.#environment = environment;
    this.#timer = new Timer(environment);
    this.#emit = emit;
    this.#features = features;
    this.#options = { ...DEFAULTS, ...options, floors: { ...DEFAULTS.floors, ...options.floors } };
    for (const name of EVENTS) service.addEventListener(name, this.#listener);
    this.#look(true);
  }

  /** Turn everything up and look no more. */
  stop() {
    for (const name of EVENTS) this.#service.removeEventListener(name, this.#listener);
    this.#timer.stop();
    while (this.level > 0) this.#move(-1, 'stopped');
  }

  // Private methods

  /** @param {boolean} isNews  something may have changed; else a while has passed without */
  #look(isNews) {
    const { quality, state, transport } = this.#service;
    const { grade } = quality;
    // Between two connections nothing is known; what was turned down stays so.
    if (state !== 'connected' || transport === null) return this.#timer.stop();
    this.#floor = Math.min(this.#options.floors[transport] ?? 0, this.#features.length);
    const isOther = grade !== this.#grade;
    this.#grade = grade;
    while (this.level < this.#floor) this.#move(1, `fallback_${transport}`);
    if (grade === 'poor' && (isOther || !isNews)) this.#step(1, 'poor_quality');
    if (grade === 'good' && !isNews) this.#step(-1, 'good_quality');
    if (isOther || !isNews || !this.#timer.isSet) this.#wait(grade);
  }

  /** @param {1 | -1} direction @param {string} why */
  #step(direction, why) {
    const isPossible = direction > 0 ? this.level < this.#features.length : this.level > this.#floor;
    if (isPossible && !this.#environment.isHidden()) this.#move(direction, why);
  }

  /** @param {Grade} grade */
  #wait(grade) {
    const { downEvery, upEvery } = this.#options;
    const isDone = grade === 'fair' || (grade === 'good' ? this.level === this.#floor : this.level === this.#features.length);
    if (isDone) this.#timer.stop();
    else this.#timer.set(grade === 'good' ? upEvery : downEvery, () => this.#look(false));
  }

  /** @param {1 | -1} direction @param {string} why */
  #move(direction, why) {
    const from = this.level;
    this.level += direction;
    const feature = this.#features[Math.min(from, this.level)];
    this.#tell(direction > 0 ? feature.down : feature.up);
    this.#emit('level', { from, to: this.level, name: feature.name, why });
  }

  /** A feature that fails to turn must not keep the others from it. @param {() => unknown} turn */
  async #tell(turn) {
    try {
      await turn();
    } catch (fault) {
      this.#environment.reportFault(fault);
    }
  }
}

/** What of the service may change the level. */
const EVENTS = ['quality', 'transport', 'state'];

/**
 * A feature that leaves a channel and comes back; what was missed is recovered where the channel keeps history.
 * @param {string} name
 * @param {{subscribe: () => void, unsubscribe: () => void}} subscription
 * @returns {Feature}
 */
export function paused(name, subscription) {
  return { name, down: () => subscription.unsubscribe(), up: () => subscription.subscribe() };
}

/**
 * A feature that calls less often: at once while up; while down at most once in `interval`, with the latest arguments.
 * @template {any[]} Arguments
 * @param {string} name
 * @param {(...args: Arguments) => unknown} callback
 * @param {number} interval  milliseconds
 * @param {Pick<Environment, 'now' | 'setTimer' | 'clearTimer'>} [environment]
 * @returns {Feature & {call: (...args: Arguments) => void}}
 */
export function throttled(name, callback, interval, environment = browserEnvironment()) {
  let isDown = false;
  let calledAt = -Infinity;
  const timer = new Timer(environment);
  /** @type {Arguments | null} */
  let latest = null;
  const flush = () => {
    timer.stop();
    if (latest === null) return;
    const args = latest;
    latest = null;
    calledAt = environment.now();
    callback(...args);
  };
  return {
    name,
    call(...args) {
      latest = args;
      const wait = isDown ? calledAt + interval - environment.now() : 0;
      if (wait <= 0) flush();
      else if (!timer.isSet) timer.set(wait, flush);
    },
    down: () => (isDown = true),
    up() {
      isDown = false;
      flush();
    },
  };
}
