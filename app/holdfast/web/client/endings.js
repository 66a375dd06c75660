// @ts-check
/** What to do after an end. Decided from the code alone: a reason is for people and never parsed. Pure. */

import { actionOf } from './errors.js';

/** @typedef {import('./types.js').Ending} Ending */
/** @typedef {import('./errors.js').Action} Action */
/** @typedef {{action: Action, delay: number}} Next  delay in milliseconds; 0 where nothing follows */
/** @typedef {{backoff: () => number, spread: () => number, quick: () => number}} Delays */

const NO_CLOSE_FRAME = 1006;
const TOKEN_LAPSED = 109; // an error reply
const CONNECTION_EXPIRED = 3005;
const TOKEN_INCURABLE = 3500;

/**
 * The first row that fits says when; whether at all is a matter of the code's range, but for these two: an expired
 * connection wants a token, and one whose token no other of the same login would cure wants the login.
 * @type {[(ending: Ending) => boolean, keyof Delays][]}
 */
const DELAYS = [
  [({ code, isError }) => code === CONNECTION_EXPIRED && !isError, 'quick'],
  [({ code, isError }) => code === TOKEN_LAPSED && isError === true, 'quick'],
  [({ isLocal }) => isLocal === true, 'quick'],
  // Dead before it was open is a matter of this client's way there; dead afterwards may be a server that took all along.
  [({ code, wasOpen, isError }) => code === NO_CLOSE_FRAME && wasOpen && !isError, 'spread'],
  [() => true, 'backoff'],
];

/**
 * @param {Ending} ending
 * @param {Delays} delays
 * @returns {Next}
 */
export function decide(ending, delays) {
  const action = actionAfter(ending);
  if (action !== 'retry' && action !== 'fetch_token') return { action, delay: 0 };
  const [, kind] = /** @type {typeof DELAYS[number]} */ (DELAYS.find(([fits]) => fits(ending)));
  return { action, delay: Math.max(delays[kind](), ending.retryAfter ?? 0) };
}

/** @param {Ending} ending @returns {Action} */
function actionAfter({ code, isError, isTemporary }) {
  if (isError) return actionOf('error', code, isTemporary);
  if (code === CONNECTION_EXPIRED) return 'fetch_token';
  return code === TOKEN_INCURABLE ? 'login' : actionOf('close', code);
}
