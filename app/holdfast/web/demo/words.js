// @ts-check
/** What the page says, in the user's language: remembered, and changed without a reload. */

import { chooseLanguage, loadLanguage } from '/client/lang/language.js';
import { EN } from './lang/en.js';
import { PT_BR } from './lang/pt-br.js';

const KEY = 'holdfast:demo:language';
/** @type {Record<string, Record<string, string>>} */
const WORDS = { en: EN, 'pt-br': PT_BR };

/** Where the page names a text, and where it goes. */
const ATTRIBUTES = [['data-label', 'aria-label'], ['data-hint', 'placeholder'], ['data-none', 'data-empty']];

/** @typedef {Awaited<ReturnType<typeof loadLanguage>>} ClientLanguage */

class Words extends EventTarget {
  tag = chooseLanguage([localStorage.getItem(KEY), navigator.language]);
  /** The client's words, for causes. @type {ClientLanguage} */
  client = /** @type {any} */ (null);

  /** @param {string} tag */
  async speak(tag) {
    this.tag = chooseLanguage([tag]);
    localStorage.setItem(KEY, this.tag);
    await this.load();
    this.dispatchEvent(new Event('change'));
  }

  async load() {
    document.documentElement.lang = this.tag === 'pt-br' ? 'pt-BR' : 'en';
    this.client = await loadLanguage({ language: this.tag });
    for (const element of document.querySelectorAll('[data-text]')) element.textContent = this.#of(element, 'data-text');
    for (const [given, attribute] of ATTRIBUTES) {
      for (const element of document.querySelectorAll(`[${given}]`)) element.setAttribute(attribute, this.#of(element, given));
    }
  }

  /** @param {string} key @param {Record<string, string | number>} [values]  for `{name}` in the text */
  text(key, values = {}) {
    const text = WORDS[this.tag]?.[key] ?? EN[key] ?? key;
    return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ''));
  }

  /** @param {Element} element @param {string} attribute  that names the text */
  #of(element, attribute) {
    return this.text(element.getAttribute(attribute) ?? '');
  }

  /** @param {number} milliseconds */
  seconds(milliseconds) {
    const value = milliseconds / 1000;
    const digits = value < 10 ? 1 : 0;
    return `${new Intl.NumberFormat(this.tag, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value)}\u00a0s`;
  }

  /** @param {number} moment  milliseconds since 1970 @param {boolean} [isExact]  with seconds */
  clock(moment, isExact = false) {
    const style = isExact ? 'medium' : 'short';
    return new Intl.DateTimeFormat(this.tag, { timeStyle: style }).format(moment);
  }
}

export const words = new Words();

/** A switch of the languages there are. @param {HTMLSelectElement} select */
export function offerLanguages(select) {
  select.value = words.tag;
  select.addEventListener('change', () => void words.speak(select.value));
}
