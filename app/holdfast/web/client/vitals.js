// @ts-check
/**
 * What a service knows of its own health. health.js, which is loaded when there is time, keeps the log and judges the
 * connection; until then what it is to be told waits here.
 */

import { load, loaded } from './on-demand.js';

/** @typedef {import('./types.js').SessionLike} SessionLike */
/** @typedef {import('./health.js').Health} Health */
/** @typedef {import('./log/log.js').Line} Line */

/** The log has no more lines either. */
const MOST_EARLY = 200;

/** @type {Health['quality']['snapshot']} */
const UNKNOWN = { grade: 'good', reasons: [], rtt: null, jitter: null, missed: 0, reconnects: 0, uptime: 0 };

export class Vitals {
  /** Null until it has loaded. @type {Health | null} */
  health = null;
  /** @type {((health: Health) => void)[]} */
  #early = [];
  #parts;

  /**
   * @param {object} parts
   * @param {import('./types.js').Environment} parts.environment
   * @param {import('./types.js').ServiceOptions} parts.options
   * @param {string} parts.logsUrl  of /client/logs
   * @param {(name: string, detail: object) => void} parts.emit
   */
  constructor(parts) {
    this.#parts = parts;
    this.log = new Diary(parts.environment, this);
    if (loaded.health) this.#begin(loaded.health);
  }

  get quality() {
    return this.health?.quality.snapshot ?? UNKNOWN;
  }

  /** @returns {Promise<Health>} rejects where it does not load */
  async load() {
    const part = await load('health');
    return this.health ?? this.#begin(part);
  }

  /** At once where it has loaded, else as soon as it has. @param {(health: Health) => void} work */
  tell(work) {
    if (this.health) work(this.health);
    else if (this.#early.push(work) > MOST_EARLY) this.#early.shift();
  }

  /** @param {string} name  of an event @param {object} detail */
  record(name, detail) {
    const at = this.#parts.environment.wallClock();
    this.tell((health) => health.record(at, name, detail));
  }

  /** @param {import('./on-demand.js').Modules['health']} part */
  #begin({ Health }) {
    const health = (this.health = new Health({ ...this.#parts, listeners: this.log.listeners }));
    for (const work of this.#early.splice(0)) work(health);
    return health;
  }
}

/** The log as others see it: the last 200 events. It takes lines at any time, and has them when it has loaded. */
export class Diary {
  /** @type {Set<(line: Line) => void>} */
  listeners = new Set();
  #environment;
  #vitals;

  /** @param {import('./types.js').Environment} environment @param {Vitals} vitals */
  constructor(environment, vitals) {
    this.#environment = environment;
    this.#vitals = vitals;
  }

  /** Oldest first. */
  get lines() {
    return this.#vitals.health?.log.lines ?? [];
  }

  /** Lines ever written; `lines` has the last of them. */
  get count() {
    return this.#vitals.health?.log.count ?? 0;
  }

  /** @param {string} event @param {object} [fields] */
  debug(event, fields) {
    this.#write('debug', event, fields);
  }

  /** @param {string} event @param {object} [fields] */
  info(event, fields) {
    this.#write('info', event, fields);
  }

  /** @param {string} event @param {object} [fields] */
  warning(event, fields) {
    this.#write('warning', event, fields);
  }

  /** @param {string} event @param {object} [fields] */
  error(event, fields) {
    this.#write('error', event, fields);
  }

  /** @param {(line: Line) => void} listener  is told each line from now on @returns {() => void} ends it */
  subscribe(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** All lines and facts of the browser, one JSON object a line: what support asks for. @returns {Promise<string>} */
  async text() {
    return (await this.#vitals.load()).log.text();
  }

  /** Let the browser save that as a file. @returns {Promise<void>} */
  async download() {
    return (await this.#vitals.load()).log.download();
  }

  /** @param {import('./log/log.js').Level} level @param {string} event @param {object} [fields] */
  #write(level, event, fields) {
    const at = this.#environment.wallClock();
    this.#vitals.tell(({ log }) => log.write(level, event, fields, at));
  }
}
