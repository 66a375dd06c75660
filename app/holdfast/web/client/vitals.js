// @ts-check
/** What a service knows of its own health: its log, the quality of its connection, and when to tell the gateway of both. */

import { Log } from './log/log.js';
import { record } from './log/record.js';
import { Trouble } from './log/trouble.js';

/** @typedef {import('./types.js').SessionLike} SessionLike */
/** @typedef {import('./quality/quality.js').Quality} Quality */

/** Codes of ends that say something of the network: no close frame came, no pong, or what was sent was not read. */
const CUTS = [1006, 3012, 3008];

/** @type {Quality['snapshot']} */
const UNKNOWN = { grade: 'good', reasons: [], rtt: null, jitter: null, missed: 0, reconnects: 0, uptime: 0 };

export class Vitals {
  /** @type {SessionLike | null} */
  #session = null;
  /** Loads when there is a connection to judge. @type {Quality | null} */
  #quality = null;
  #parts;

  /**
   * @param {object} parts
   * @param {import('./types.js').Environment} parts.environment
   * @param {import('./types.js').ServiceOptions} parts.options
   * @param {string} parts.logsUrl  of /client/logs
   * @param {(name: string, detail: object) => void} parts.emit
   */
  constructor(parts) {
    const { environment, options, logsUrl: url } = parts;
    this.#parts = parts;
    this.log = new Log(environment);
    this.trouble = new Trouble({ environment, log: this.log, url }, options.sendLogs);
  }

  get quality() {
    return this.#quality?.snapshot ?? UNKNOWN;
  }

  /** @param {string} name  of an event @param {object} detail */
  record(name, detail) {
    record(this.log, name, detail);
  }

  /** @param {SessionLike} session @param {any} reply  of connect @param {boolean} [isMove]  the connection goes on over it */
  onConnected(session, reply, isMove) {
    this.#session = session;
    this.log.attempt = session.cid;
    this.trouble.learn(session.cid, reply.holdfast?.log_token);
    const begin = () => session === this.#session && this.#quality?.onConnected(session, reply, isMove);
    if (this.#quality) begin();
    else this.#load().then(begin, () => {}); // the next connection tries again
  }

  /** @param {SessionLike} session @param {import('./types.js').Ending} ending */
  onEnded(session, { code, isLocal }) {
    if (session !== this.#session) return;
    this.#session = null;
    this.#quality?.onEnded(isLocal === true || !CUTS.includes(code));
  }

  /** @param {SessionLike} session */
  onPing(session) {
    if (session === this.#session) this.#quality?.onPing();
  }

  /** The page or the device changed. */
  onSignal() {
    this.#quality?.restart();
  }

  // Private methods

  async #load() {
    const { Quality } = await import('./quality/quality.js');
    const { environment, emit, options } = this.#parts;
    this.#quality ??= new Quality({ environment, emit }, options.quality);
  }
}
