// @ts-check
/** The log, the quality of the connection, and when to tell the gateway of both. Loaded on demand. */

import { Log } from './log/log.js';
import { record } from './log/record.js';
import { Trouble } from './log/trouble.js';
import { Quality } from './quality/quality.js';

/** @typedef {import('./types.js').SessionLike} SessionLike */

/** Codes of ends that say something of the network: no close frame came, no pong, or what was sent was not read. */
const CUTS = [1006, 3012, 3008];

export class Health {
  /** @type {SessionLike | null} */
  #session = null;

  /**
   * @param {object} parts
   * @param {import('./types.js').Environment} parts.environment
   * @param {import('./types.js').ServiceOptions} parts.options
   * @param {string} parts.logsUrl  of /client/logs
   * @param {(name: string, detail: object) => void} parts.emit
   * @param {Set<(line: import('./log/log.js').Line) => void>} parts.listeners  of lines
   */
  constructor({ environment, options, logsUrl: url, emit, listeners }) {
    this.log = new Log(environment, listeners);
    this.quality = new Quality({ environment, emit }, options.quality);
    this.trouble = new Trouble({ environment, log: this.log, url }, options.sendLogs);
  }

  /** @param {number} at  by the user's clock @param {string} name  of an event @param {object} detail */
  record(at, name, detail) {
    record(this.log, name, detail, at);
  }

  /** @param {SessionLike} session @param {any} reply  of connect @param {boolean} [isMove]  the connection goes on over it */
  onConnected(session, reply, isMove) {
    this.#session = session;
    this.log.attempt = session.cid;
    this.trouble.learn(session.cid, reply.holdfast?.log_token);
    this.quality.onConnected(session, reply, isMove);
  }

  /** @param {SessionLike} session @param {import('./types.js').Ending} ending */
  onEnded(session, { code, isLocal }) {
    if (session !== this.#session) return;
    this.#session = null;
    this.quality.onEnded(isLocal === true || !CUTS.includes(code));
  }

  /** @param {SessionLike} session */
  onPing(session) {
    if (session === this.#session) this.quality.onPing();
  }
}
