// @ts-check
/**
 * What the client did, the last 200 events of it: in memory, without secrets, under the names that the gateway's log has
 * too (docs/logs.md). `attempt` is the id that both sides share. Loaded on demand.
 */

import { download, textOf } from './log-file.js';
import { plainFields, redact } from './redaction.js';

/** @typedef {'debug' | 'info' | 'warning' | 'error'} Level */
/** `t` is the user's clock, milliseconds since 1970. @typedef {{t: number, level: Level, event: string, attempt?: string, [field: string]: any}} Line */

export const CAPACITY = 200;
const LONGEST_EVENT = 100;

export class Log {
  /** Lines ever written; `lines` has the last of them. */
  count = 0;
  /** Of the present attempt; lines that name none get it. */
  attempt = '';
  /** @type {Line[]} */
  #lines = [];
  #environment;
  #listeners;

  /** @param {import('../types.js').Environment} environment @param {Set<(line: Line) => void>} [listeners] */
  constructor(environment, listeners = new Set()) {
    this.#environment = environment;
    this.#listeners = listeners;
  }

  /** Oldest first. @returns {Line[]} */
  get lines() {
    return [...this.#lines];
  }

  /** @param {(line: Line) => void} listener  is told each line from now on @returns {() => void} ends it */
  subscribe(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** All lines and facts of the browser, one JSON object a line: what support asks for. */
  async text() {
    return textOf(this, this.#environment);
  }

  /** Let the browser save that as a file. */
  async download() {
    download(this, this.#environment);
  }

  /** @param {Level} level @param {string} event @param {object} [fields] @param {number} [at]  by the user's clock */
  write(level, event, fields = {}, at = this.#environment.wallClock()) {
    const head = { t: Math.round(at), level, event: redact(event).slice(0, LONGEST_EVENT) };
    /** @type {Line} */
    const line = { ...head, ...plainFields({ attempt: this.attempt, ...fields }), ...head };
    this.count += 1;
    this.#lines.push(line);
    if (this.#lines.length > CAPACITY) this.#lines.shift();
    for (const listener of this.#listeners) {
      try {
        listener(line);
      } catch (fault) {
        this.#environment.reportFault(fault);
      }
    }
  }
}
