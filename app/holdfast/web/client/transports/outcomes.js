// @ts-check
/**
 * Tells the choice of transports how attempts went. One that never opened is held back until the server has said what it
 * knows of it, at the latest until the next choice: a server that refused it says nothing against the transport. Loaded
 * on demand.
 */

import { heardOf, isOfAddress } from './blame.js';
import { TransportChoice } from './choice.js';
import { isSupported } from './turn.js';

/** @typedef {import('../session.js').Session} Session */
/** @typedef {import('../types.js').Ending} Ending */

export class Outcomes {
  #environment;
  /** @type {{session: Session, ending: Ending} | null} */
  #unexplained = null;

  /**
   * @param {TransportChoice} choice
   * @param {import('../types.js').Environment} environment
   */
  constructor(choice, environment) {
    this.choice = choice;
    this.#environment = environment;
  }

  /** @returns {import('../types.js').TransportName | null} what to try next */
  next() {
    this.#flush();
    return this.choice.next();
  }

  /** @param {Session} session @param {Ending} ending @param {boolean} willAsk  the server, should it not have opened */
  ended(session, ending, willAsk) {
    this.#flush();
    if (willAsk && ending.code === 1006 && !ending.wasOpen) this.#unexplained = { session, ending };
    else this.#tell(session, ending);
  }

  /** The part for it does not load. @param {import('../types.js').TransportName} transport */
  lacks(transport) {
    this.#tell({ transport, connectedAt: null }, { code: 1006, reason: '', slug: 'import_failed', wasOpen: false });
  }

  /** @param {Session} session @param {string} slug  of what asking the server came to */
  explained(session, slug) {
    const held = this.#unexplained;
    if (held?.session !== session) return;
    const heard = heardOf(slug);
    if (heard === 'cause' || isOfAddress(slug)) held.ending = { ...held.ending, slug }; // such as a path that does not exist
    this.#flush(heard);
  }

  /** @param {import('./blame.js').Heard} [heard] */
  #flush(heard) {
    const held = this.#unexplained;
    this.#unexplained = null;
    if (held) this.#tell(held.session, held.ending, heard);
  }

  /** @param {Pick<Session, 'transport' | 'connectedAt'>} session @param {Ending} ending @param {import('./blame.js').Heard} [heard] */
  #tell({ transport, connectedAt }, ending, heard) {
    const { now, isOnline } = this.#environment;
    this.choice.onOutcome(transport, {
      wasOpen: ending.wasOpen,
      didConnect: connectedAt !== null,
      lived: connectedAt === null ? 0 : now() - connectedAt,
      ending,
      heard,
      isExcused: !isOnline(),
    });
  }
}

/**
 * @param {import('../types.js').Environment} environment
 * @param {import('../types.js').TransportName[]} names  the best one first
 * @param {string} origin  of the server
 */
export function outcomesOf(environment, names, origin) {
  const { wallClock: now, random, storage } = environment;
  const choice = new TransportChoice({
    names,
    isSupported: (name) => isSupported(name, environment),
    now,
    random,
    storage,
    origin,
  });
  return new Outcomes(choice, environment);
}
