// @ts-check
/** What to do after an end. Decided from the code alone: a reason is for people and never parsed. Pure. */

import { actionOf } from './errors.js';

/** @typedef {import('./types.js').Ending} Ending */
/** @typedef {import('./errors.js').Action} Action */
/** @typedef {{action: Action, delay: number}} Next  delay in milliseconds; 0 where nothing follows */
/** @typedef {{backoff: () => number, spread: () => number, quick: () => number}} Delays */

const NO_CLOSE_FRAME = 1006;
const CONNECTION_EXPIRED = 3005;
const TOKEN_INCURABLE = 3500;

/**
 * @param {Ending} ending
 * @param {Delays} delays
 * @returns {Next}
 */
export function decide(ending, delays) {
  const action = actionAfter(ending);
  if (action === 'stop' || action === 'login') return { action, delay: 0 };
  const { code, wasOpen, isError, isLocal, delay, retryAfter = 0 } = ending;
  // Dead before it was open is a matter of this client's way there; dead afterwards may be a server that took all along.
  const hasVanished = code === NO_CLOSE_FRAME && wasOpen && !isError;
  const kind = action === 'fetch_token' || isLocal ? 'quick' : hasVanished ? 'spread' : 'backoff';
  return { action, delay: Math.max(delay ?? delays[kind](), retryAfter) };
}

/**
 * The code's range says whether anything follows, but for these two: an expired connection wants a token, and one whose
 * token no other of the same login would cure wants the login.
 * @param {Ending} ending
 * @returns {Action}
 */
function actionAfter({ code, isError, isTemporary }) {
  if (isError) return actionOf('error', code, isTemporary);
  if (code === CONNECTION_EXPIRED) return 'fetch_token';
  return code === TOKEN_INCURABLE ? 'login' : actionOf('close', code);
}
