// @ts-check
/** The page's storage, as far as it may use it. */

/**
 * Work with a storage, which may be missing, full or forbidden.
 * @template T
 * @template {Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>} Some
 * @param {{storage?: Some}} environment
 * @param {(storage: Some) => T} work
 * @returns {T | undefined}
 */
export function stored({ storage }, work) {
  try {
    return storage && work(storage);
  } catch {
    return undefined;
  }
}
