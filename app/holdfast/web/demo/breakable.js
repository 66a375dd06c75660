// @ts-check
/** What the page gives its connection in place of the browser's own, so that switches can break it. */

import { browserEnvironment } from '/client/environment.js';
import { page, breakableFetch, BreakableSocket, network } from './network.js';

/** @typedef {{ token: string, server_time?: number }} Prepared */

/** What the next calls of getToken get in place of a token. @type {{ isEmpty: boolean, next: Prepared | null }} */
export const tokens = { isEmpty: false, next: null };

/** So that the chart has something to draw: elsewhere a ping of the client's own in 25 s is enough. */
export const quality = { interval: 2_000, closeInterval: 2_000 };

/** @type {import('/client/types.js').Environment} */
export const environment = {
  ...browserEnvironment(),
  page,
  fetch: breakableFetch,
  WebSocket: BreakableSocket,
  isOnline: () => !network.isOffline && navigator.onLine,
};

/**
 * @param {import('/client/tokens/login.js').LoginTokens} login
 * @returns {import('/client/types.js').GetToken}
 */
export function tokensOf(login) {
  const getToken = async (/** @type {import('/client/types.js').TokenContext} */ context) => {
    if (tokens.isEmpty) return '';
    const { next } = tokens;
    tokens.next = null;
    return next ?? login.getToken(context);
  };
  return Object.assign(getToken, { share: '', generation: login.getToken.generation });
}
