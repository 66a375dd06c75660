// @ts-check
/** The class of a cause: an error belongs to it by its slug, whenever and by whomever it was made. */

import './codes-rest.js';
import { className, HoldfastError } from './errors.js';

/**
 * The error of one cause.
 * @template {string} Slug
 * @typedef {HoldfastError & {slug: Slug}} CauseError
 */

/**
 * @template {string} Slug
 * @param {Slug} slug
 * @returns {{new (detail?: string): CauseError<Slug>, prototype: CauseError<Slug>}}
 */
export function errorClass(slug) {
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
  Object.defineProperty(made, 'name', { value: className(slug) });
  return /** @type {any} */ (made);
}
