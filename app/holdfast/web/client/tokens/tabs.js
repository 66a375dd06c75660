// @ts-check
/** One token for all tabs of an origin: one of them fetches it and hands it on. Loaded on demand. */

import { claimsOf, tokenFault } from './check.js';
import { SharedFetch } from './shared.js';

/** @typedef {import('../types.js').TokenContext['reason']} Reason */

export class Tabs {
  #source;
  #shared;

  /**
   * @param {import('./source.js').TokenSource} source  this tab's
   * @param {import('../types.js').Environment} environment
   * @param {string} name
   * @param {number} patience  milliseconds that a tab waits for another's fetch
   */
  constructor(source, environment, name, patience) {
    this.#source = source;
    this.#shared = new SharedFetch({
      environment,
      name,
      patience,
      onAsked: () => {
        const token = source.known('first');
        return token === undefined ? null : this.#message(token);
      },
      onMessage: (message) => this.#hear(message ?? {}),
    });
  }

  /** @param {Reason} reason @param {AbortSignal} signal @returns {Promise<string>} */
  fetch(reason, signal) {
    return this.#shared.run(async () => {
      const known = this.#source.known(reason); // another tab's, meanwhile
      if (known !== undefined) return known;
      const token = await this.#source.ask(reason, signal);
      this.#shared.tell(this.#message(token));
      return token;
    }, signal);
  }

  close() {
    this.#shared.close();
  }

  // Private methods

  /** @param {string} token */
  #message(token) {
    const { clock, begun } = this.#source;
    return { token, begun, serverTime: clock.isLearned ? clock.now() : null };
  }

  /** What another tab fetched. @param {any} message */
  #hear({ token, begun, serverTime }) {
    const source = this.#source;
    source.known('first'); // forgets what is another user's
    source.clock.learn(serverTime);
    const mine = source.current === undefined ? undefined : claimsOf(source.current).sub;
    const isForeign = !(begun >= source.since) || (mine !== undefined && claimsOf(token).sub !== mine);
    const isOlder = (claimsOf(token).exp ?? Infinity) < (claimsOf(source.current).exp ?? 0);
    if (isForeign || isOlder || source.refused.includes(token) || tokenFault(token, null)) return;
    source.current = token;
    source.begun = begun;
  }
}
