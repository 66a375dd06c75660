// @ts-check
/**
 * When to try again: full jitter per attempt, so that a crowd never comes back in step
 * (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 */

/** Of what is asked for again within a connection. */
export const DELAYS = { minReconnectDelay: 500, maxReconnectDelay: 20_000 };

/**
 * @param {number} attempt  failed attempts so far, from 0
 * @param {{minReconnectDelay: number, maxReconnectDelay: number}} limits  milliseconds
 * @param {() => number} random
 * @returns {number} milliseconds: between the minimum and a ceiling that doubles with each attempt
 */
export function backoffDelay(attempt, { minReconnectDelay, maxReconnectDelay }, random) {
  const ceiling = Math.min(maxReconnectDelay, minReconnectDelay * 2 ** Math.min(attempt + 1, 30));
  return minReconnectDelay + random() * Math.max(0, ceiling - minReconnectDelay);
}
