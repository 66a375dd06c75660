// @ts-check
/**
 * A class for each cause, for `instanceof`: `causes.TokenExpiredError` is that of `token_expired`. An error belongs to
 * the class of its slug, whenever and by whomever it was made.
 */

import './codes-rest.js';
import { className, HoldfastError, knownSlugs } from './errors.js';

/** @typedef {import('./codes-rest.js').Slug} Slug */

/**
 * `token_expired` is `TokenExpired`.
 * @template {string} Text
 * @typedef {Text extends `${infer Word}_${infer Rest}` ? `${Capitalize<Word>}${Words<Rest>}` : Capitalize<Text>} Words
 */

/**
 * @template {string} Text
 * @typedef {Text extends 'application' ? 'ApplicationCloseError' : Text extends `${string}_error` ? Words<Text>
 *   : `${Words<Text>}Error`} ClassName
 */

/**
 * The error of one cause.
 * @template {string} Text
 * @typedef {HoldfastError & {slug: Text}} CauseError
 */

/**
 * @template {string} Text
 * @typedef {{new (detail?: string): CauseError<Text>, prototype: CauseError<Text>}} CauseClass
 */

/** @type {{[Each in Slug as ClassName<Each>]: CauseClass<Each>}} */
export const causes = /** @type {any} */ (Object.fromEntries(knownSlugs().map((slug) => [className(slug), classOf(slug)])));

/** @param {string} slug */
function classOf(slug) {
  const made = class extends HoldfastError {
    /** @param {string} [detail] */
    constructor(detail) {
      super(slug, { detail });
    }

    /** @param {unknown} error */
    static [Symbol.hasInstance](error) {
      return error instanceof HoldfastError && error.slug === slug;
    }
  };
  return Object.defineProperty(made, 'name', { value: className(slug) });
}
