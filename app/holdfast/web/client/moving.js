// @ts-check
/**
 * A second session, beside the present one, for as long as a move takes: to where the server wants this connection, or
 * back to a better transport. Loaded on demand.
 */

import './codes-rest.js';
import { newCid } from './connector.js';
import { Crossing } from './crossing.js';
import { errorOfEnding } from './lifecycle.js';
import { failure, Migration } from './migration.js';
import { Upgrade } from './upgrade.js';

/** @typedef {import('./types.js').SessionLike} SessionLike */
/** @typedef {import('./types.js').TransportName} TransportName */
/** @typedef {import('./session.js').Session} Session */
/** @typedef {{session: Session, reply: any}} Opened  connected */

/**
 * @typedef {object} MovingHost
 * @property {import('./types.js').Environment} environment
 * @property {import('./types.js').LogLike} log
 * @property {import('./lifecycle.js').Lifecycle} life
 * @property {import('./attempts.js').Attempts} attempts
 * @property {Pick<import('./connector.js').Connector, 'prepare'>} connector
 * @property {import('./transports/turn.js').Turn} turn
 * @property {import('./subscriptions.js').Subscriptions} subscriptions
 * @property {(session: Session, reply: any) => void} onMoved  the second session has taken the place of the first
 */

export { Crossing };

export class Moving {
  #host;
  #migration;
  #upgrade;
  /** @type {{abort: AbortController, session: Session | null} | null} */
  #second = null;
  /** @type {Opened | null} and about to be moved to */
  #opened = null;

  /** @param {MovingHost} host */
  constructor(host) {
    const { environment, log, life, turn, subscriptions } = host;
    this.#host = host;
    this.#migration = new Migration({
      environment,
      log,
      subscriptions,
      openSession: async () => (this.#opened ??= await this.open()),
      adopt: (session) => this.#adopt(session),
      current: () => life.session,
    });
    this.#upgrade = new Upgrade({
      environment,
      choice: () => turn.outcomes?.choice ?? null,
      open: (transport) => this.open(transport),
      moveTo: (opened) => {
        this.#opened = opened;
        this.#migration.begin(0);
      },
    });
  }

  /** The server wants this connection to move. @param {unknown} afterMs */
  begin(afterMs) {
    this.#migration.begin(afterMs);
  }

  /** There is a connection: look whether a better transport works again. */
  watch() {
    this.#upgrade.watch();
  }

  /**
   * @param {TransportName} [transport]  another one than that in use
   * @returns {Promise<Opened>} rejects with the reason why not
   */
  async open(transport = this.#host.life.session?.transport) {
    const { life, attempts, connector, environment } = this.#host;
    if (this.#second || life.state !== 'connected') throw failure('not now');
    if (attempts.earliest() > 0) throw failure('too many attempts in a minute');
    attempts.begin();
    const abort = new AbortController();
    const second = (this.#second = { abort, session: /** @type {Session | null} */ (null) });
    const attempt = { cid: newCid(environment), tokenReason: life.tokenReason, signal: abort.signal, transport };
    return new Promise((resolve, reject) => {
      /** @type {import('./session.js').SessionEvents} */
      const events = {
        onConnected: (session, reply) => resolve({ session, reply }),
        onPush: (session, push) => life.onPush(session, push),
        onPing: (session) => life.onPing(session),
        onEnd: (session, ending) => {
          const error = errorOfEnding(ending, session.cid);
          if (error.action === 'fetch_token') life.tokenReason = 'refused';
          reject(error);
          life.onEnd(session, ending);
        },
      };
      const start = (/** @type {Session} */ session) => {
        abort.signal.throwIfAborted();
        second.session = session;
        session.open();
      };
      connector.prepare(attempt, events).then(start).catch((error) => {
        this.#close(second);
        reject(error);
      });
    });
  }

  /** @param {SessionLike} session */
  onEnded(session) {
    if (session === this.#second?.session) this.#second = null;
    if (session === this.#opened?.session) this.#opened = null;
    this.#migration.onEnded(session);
  }

  /** The connection is given up, and all that was to become of it. */
  stop() {
    this.#close();
    this.#upgrade.stop();
    this.#migration.stop();
  }

  // Private methods

  /** The second session takes the place of the first; nobody hears of it. @param {SessionLike} session */
  #adopt(session) {
    const opened = this.#opened;
    this.#opened = null;
    if (opened?.session !== session) throw failure('another connection was opened');
    this.#second = null;
    this.#host.life.adopt(opened.session, opened.reply);
    this.#host.onMoved(opened.session, opened.reply);
  }

  #close(second = this.#second) {
    if (second === this.#second) this.#second = null;
    second?.abort.abort();
    second?.session?.close();
  }
}
