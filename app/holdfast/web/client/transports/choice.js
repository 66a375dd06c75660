// @ts-check
/**
 * Which transport comes next. Pure: it is told how attempts went, and the time.
 *
 * A transport is passed over for what really failed (blame.js), once that was enough in a row. It is remembered, for
 * this page and the next ones, when a lesser transport connects: before that it could as well be the whole network.
 * From then on it is tried in the background, at growing intervals.
 */

import { parsed } from '../http.js';
import { stored } from '../storage.js';
import { ENOUGH, blameFor, isOfAddress } from './blame.js';
import { keyOf } from './turn.js';

/** @typedef {import('../types.js').TransportName} TransportName */
/** @typedef {import('./blame.js').Outcome} Outcome */
/**
 * @typedef {object} Record  moments are milliseconds of the wall clock, since it goes on between pages
 * @property {number} blame
 * @property {boolean} isPassedOver
 * @property {number} interval  between trials; 0 before it was passed over for the first time
 * @property {number} trialAt
 * @property {number} until  when it is forgotten
 * @property {boolean} [isMisplaced]  its address is wrong: that is mended elsewhere, and not remembered
 */

const FIRST_INTERVAL = 30_000;
const LONGEST_INTERVAL = 3_600_000;
const REMEMBERED = 86_400_000;
/** A connection that lived so long proves its transport. */
const STABLE = 60_000;

/**
 * @typedef {object} ChoiceOptions
 * @property {TransportName[]} names  the best one first
 * @property {(name: TransportName) => boolean} isSupported
 * @property {() => number} now  milliseconds of the wall clock
 * @property {() => number} random
 * @property {Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>} [storage]
 * @property {string} [origin]  of the server, for which it is remembered
 */

export class TransportChoice {
  #options;
  #key;
  /** @type {Map<TransportName, Record>} */
  #records = new Map();
  /** @type {TransportName | null} what is in use, or was tried last */
  #current = null;

  /** @param {ChoiceOptions} options */
  constructor(options) {
    this.#options = options;
    this.#key = keyOf(options.origin ?? '');
    this.#recall();
  }

  /** @returns {TransportName | null} what to try next; null where the browser has none of them */
  next() {
    const usable = this.#usable();
    const found = usable.find((name) => !this.#records.get(name)?.isPassedOver);
    if (found === undefined) this.#startAnew();
    this.#current = found ?? usable[0] ?? null;
    return this.#current;
  }

  /** The connect reply has come over it, and it is in use from now on. @param {TransportName} name */
  onConnected(name) {
    this.#current = name;
    const record = this.#records.get(name);
    if (record) record.isPassedOver = false; // its interval stays until it has proved stable
    this.#remember();
  }

  /**
   * An attempt, a connection or a trial over this transport has ended.
   * @param {TransportName} name
   * @param {Outcome} outcome
   */
  onOutcome(name, outcome) {
    const blame = blameFor(name, outcome);
    const record = this.#records.get(name);
    if (blame === 'works') {
      if (record) record.blame = 0;
      if (outcome.lived >= STABLE && this.#records.delete(name)) this.#remember();
    } else if (blame > 0) {
      this.#recordOf(name).isMisplaced ||= isOfAddress(outcome.ending.slug);
      this.#charge(name, blame);
    }
  }

  /**
   * Ask when upgradeIn() is over. A name that was given out is not given out again before its interval has passed.
   * @returns {TransportName | null} a better transport than the one in use, whose time to be tried again has come
   */
  shouldUpgrade() {
    const now = this.#options.now();
    const name = this.#better().find((better) => (this.#records.get(better)?.trialAt ?? 0) <= now);
    if (name === undefined) return null;
    this.#postpone(this.#recordOf(name));
    return name;
  }

  /** @returns {number | null} milliseconds until shouldUpgrade() is worth asking; null while the best one is in use */
  upgradeIn() {
    const now = this.#options.now();
    const moments = this.#better().map((name) => this.#records.get(name)?.trialAt ?? now);
    return moments.length === 0 ? null : Math.max(0, Math.min(...moments) - now);
  }

  #usable() {
    return this.#options.names.filter((name) => this.#options.isSupported(name));
  }

  #better() {
    const usable = this.#usable();
    return this.#current === null ? [] : usable.slice(0, Math.max(0, usable.indexOf(this.#current)));
  }

  /** @param {TransportName} name @returns {Record} */
  #recordOf(name) {
    const record = this.#records.get(name) ?? { blame: 0, isPassedOver: false, interval: 0, trialAt: 0, until: 0 };
    this.#records.set(name, record);
    return record;
  }

  /** @param {TransportName} name @param {number} blame */
  #charge(name, blame) {
    const record = this.#recordOf(name);
    const isTrial = record.isPassedOver;
    record.blame += blame;
    if (record.blame < ENOUGH && !isTrial) return;
    record.blame = 0;
    record.isPassedOver = true;
    record.interval = Math.min(LONGEST_INTERVAL, record.interval * 2);
    this.#postpone(record);
    if (isTrial) this.#remember(); // else when a lesser one has connected
  }

  /** Put the next trial off by about an interval, each page by another part, so that tabs don't try in step. @param {Record} record */
  #postpone(record) {
    const { now, random } = this.#options;
    record.interval ||= FIRST_INTERVAL;
    record.trialAt = now() + record.interval * (0.5 + random());
    record.until = now() + REMEMBERED * (0.75 + random() / 2);
  }

  /** Nothing works, so it is not the transports' fault. */
  #startAnew() {
    for (const record of this.#records.values()) Object.assign(record, { isPassedOver: false, blame: 0 });
  }

  #remember() {
    const kept = [...this.#records].filter(([, { interval, isMisplaced }]) => interval > 0 && !isMisplaced);
    stored(this.#options, (storage) => {
      if (kept.length === 0) storage.removeItem(this.#key);
      else storage.setItem(this.#key, JSON.stringify(Object.fromEntries(kept)));
    });
  }

  #recall() {
    const { names, now } = this.#options;
    const kept = parsed(stored(this.#options, (storage) => storage.getItem(this.#key)) ?? '');
    for (const name of names) {
      const record = legalRecord(kept?.[name], now());
      if (record) this.#records.set(name, record);
    }
  }
}

/**
 * @param {any} stored  by an earlier page, or by whoever writes into the storage
 * @param {number} now
 * @returns {Record | null} null where it has expired, or the clock has jumped, or it is none
 */
function legalRecord(stored, now) {
  const { isPassedOver, interval, trialAt, until } = stored ?? {};
  if (![interval, trialAt, until].every(Number.isFinite)) return null;
  if (until <= now || until > now + 2 * REMEMBERED) return null;
  return {
    blame: 0,
    isPassedOver: isPassedOver === true,
    interval: Math.min(Math.max(interval, FIRST_INTERVAL), LONGEST_INTERVAL),
    trialAt: Math.min(trialAt, now + 2 * LONGEST_INTERVAL),
    until,
  };
}
