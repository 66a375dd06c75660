// @ts-check
/** The words that a user reads: which language, its texts, and numbers and times as that language writes them. */

import { EN } from './en.js';
import { topicOf } from './topics.js';

/** One for each number that the language tells apart (Intl.PluralRules). @typedef {Partial<Record<Intl.LDMLPluralRule, string>>} Plural */

/** What happened; what to do about it; the same with `{time}` to wait. @typedef {[string, string, string?]} CauseText */

/** @typedef {Record<string, string | Plural | CauseText>} Texts */

/** @typedef {() => Promise<Texts>} LoadTexts */

/** @type {Record<string, LoadTexts>} */
const LANGUAGES = {
  en: async () => EN,
  'pt-br': async () => (await import('./pt-br.js')).PT_BR,
};

/**
 * Which language to speak: the asked one, else that of the page, else that of the browser; where there are no texts in
 * it, English.
 * @param {(string | null | undefined)[]} wishes  language tags, best first; what is empty counts for nothing
 * @param {string[]} names  of the languages that there are
 */
export function chooseLanguage(wishes, names = Object.keys(LANGUAGES)) {
  const wish = wishes.find(Boolean)?.toLowerCase().replaceAll('_', '-') ?? 'en';
  const [primary] = wish.split('-');
  const isIt = (/** @type {string} */ name) => name === wish || name.split('-')[0] === primary;
  return names.find((name) => name === wish) ?? names.find(isIt) ?? 'en';
}

/**
 * @typedef {object} LanguageOptions
 * @property {string} [language]  a tag such as `pt-BR`; that of the page by default
 * @property {Texts} [texts]  of the application, in place of single ones
 * @property {Record<string, LoadTexts>} [languages]  further ones, by lower-case tag
 */

/**
 * Load a language. One that cannot be loaded, as without a network, is replaced by English.
 * @param {LanguageOptions & {wishes?: (string | null | undefined)[]}} [options]
 * @returns {Promise<Language>}
 */
export async function loadLanguage({ language, texts = {}, languages = {}, wishes = [] } = {}) {
  const all = { ...LANGUAGES, ...languages };
  const name = chooseLanguage([language, ...wishes], Object.keys(all));
  try {
    return new Language(name, { ...(await all[name]()), ...texts });
  } catch {
    return new Language('en', texts);
  }
}

/** Texts in one language; what they lack is English. */
export class Language {
  #texts;
  #plurals;

  /** @param {string} [tag] @param {Texts} [texts] */
  constructor(tag = 'en', texts = {}) {
    this.tag = tag;
    this.#texts = { ...EN, ...texts };
    this.#plurals = new Intl.PluralRules(tag);
  }

  /** @param {string} key */
  has(key) {
    return key in this.#texts;
  }

  /**
   * @param {string} key
   * @param {Record<string, string | number>} [values]  for `{name}` in the text; `count` chooses the plural
   */
  text(key, values = {}) {
    const found = this.#texts[key] ?? '';
    const text = typeof found === 'string' ? found : /** @type {any} */ (found)[this.#plurals.select(Number(values.count ?? 0))];
    return this.#fill(text ?? /** @type {any} */ (found).other ?? '', values);
  }

  /**
   * What happened, and what to do about it.
   * @param {import('./topics.js').CauseLike & {retryAfter?: number}} error
   */
  cause(error) {
    const own = this.#texts[`cause.${error.slug}`];
    const found = own ?? this.#texts[`cause.${topicOf(error)}`];
    const [title, hint, wait] = /** @type {CauseText} */ (found);
    const time = error.retryAfter ? this.duration(error.retryAfter) : '';
    return { title, hint: wait && time ? this.#fill(wait, { time }) : hint };
  }

  /**
   * @param {number} milliseconds
   * @param {'long' | 'short'} [style]
   * @returns in the largest unit that fits, such as `5 seconds` or `5 sec`
   */
  duration(milliseconds, style = 'long') {
    const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
    if (seconds < 60) return this.#unit(seconds, 'second', style);
    if (seconds < 3600) return this.#unit(Math.round(seconds / 60), 'minute', style);
    return this.#unit(Math.round(seconds / 360) / 10, 'hour', style);
  }

  /** @param {number} value */
  milliseconds(value) {
    return this.#unit(Math.round(value), 'millisecond', 'short');
  }

  /** @param {number} value @param {string} unit @param {'long' | 'short'} unitDisplay */
  #unit(value, unit, unitDisplay) {
    return new Intl.NumberFormat(this.tag, { style: 'unit', unit, unitDisplay }).format(value);
  }

  /** @param {string} text @param {Record<string, string | number>} values */
  #fill(text, values) {
    const number = new Intl.NumberFormat(this.tag);
    return text.replace(/\{(\w+)\}/g, (whole, name) => {
      const value = values[name];
      return typeof value === 'number' ? number.format(value) : (value ?? whole);
    });
  }
}
