// @ts-check
/** localStorage, as far as the page may use it. */

/**
 * Work with localStorage, which may be missing, full or forbidden.
 * @template T
 * @param {Pick<import('./types.js').Environment, 'storage'>} environment
 * @param {(storage: Storage) => T} work
 * @returns {T | undefined}
 */
export function stored({ storage }, work) {
  try {
    return storage && work(storage);
  } catch {
    return undefined;
  }
}
