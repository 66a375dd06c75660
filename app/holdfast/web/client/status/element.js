// @ts-check
/** `<holdfast-status>`: shows how the connection of a service is, why, and what to do. */

import { browserEnvironment } from '../environment.js';
import { loadLanguage } from '../lang/language.js';
import { perform } from './actions.js';
import { adoptStyles, setText } from './dom.js';
import { makeParts, place, show } from './parts.js';
import { SHARED, STATUS } from './styles.js';
import { follow, snapshotOf, viewOf } from './view.js';

/** What lasts shorter is not spoken of. */
const ANNOUNCE_AFTER = 1000;

/** Where there are no elements, as on a server that renders pages, the module can be loaded all the same. */
const Base = globalThis.HTMLElement ?? /** @type {typeof HTMLElement} */ (class {});

export class HoldfastStatus extends Base {
  /** @type {any} */
  #service = null;
  /** @type {import('../lang/language.js').Language | null} */
  #language = null;
  /** @type {import('./parts.js').Parts | null} */
  #parts = null;
  /** @type {import('./view.js').View | null} */
  #view = null;
  #stop = new AbortController();
  #hadFocus = false;
  #wasConnected = false;
  /** @type {any} */
  #tick = null;
  /** @type {any} */
  #speech = null;
  environment = browserEnvironment();
  /** What "Log in again" does. @type {(() => void) | null} */
  onLogin = null;

  get service() {
    return this.#service;
  }

  set service(service) {
    this.#service = service;
    this.#wasConnected = false;
    if (this.isConnected) this.#begin();
  }

  get language() {
    return this.#language;
  }

  set language(language) {
    this.#language = language;
    this.#parts = null;
    if (this.isConnected) this.#begin();
  }

  connectedCallback() {
    if (!this.#service) this.dispatchEvent(new CustomEvent('holdfast-status', { bubbles: true, composed: true }));
    this.#begin();
  }

  disconnectedCallback() {
    this.#end();
  }

  // Private methods

  async #begin() {
    this.#end();
    if (!this.#service) return;
    const { signal } = this.#stop;
    this.#language ??= await loadLanguage({ wishes: wishesOf(this, this.environment) });
    if (signal.aborted) return;
    this.#parts ??= this.#build(this.#language);
    const refresh = () => this.#render();
    this.environment.document?.addEventListener('visibilitychange', refresh, { signal });
    follow(this.#service, this.environment, refresh, signal);
  }

  #end() {
    this.#stop.abort();
    this.#stop = new AbortController();
    this.environment.clearTimer(this.#tick);
    this.environment.clearTimer(this.#speech);
    this.#speech = null;
  }

  /** @param {import('../lang/language.js').Language} language */
  #build(language) {
    const root = this.shadowRoot ?? this.attachShadow({ mode: 'open' });
    adoptStyles(root, SHARED + STATUS);
    const parts = makeParts(language);
    const { panel, summary } = parts;
    root.replaceChildren(parts.box, panel.root, parts.live);
    for (const button of [parts.main, panel.main]) button.addEventListener('click', () => this.#act());
    panel.copy.addEventListener('click', () => this.#copy());
    panel.log.addEventListener('click', () => this.#service.log.download());
    panel.root.addEventListener('beforetoggle', () => (this.#hadFocus = panel.root.matches(':focus-within')));
    panel.root.addEventListener('toggle', () => this.#onToggle(panel.root, summary.root));
    return parts;
  }

  /** @param {HTMLElement} panel @param {HTMLElement} summary */
  #onToggle(panel, summary) {
    this.#render();
    if (isOpen(panel)) place(panel, summary);
    else if (this.#hadFocus && (document.activeElement === document.body || panel.matches(':focus-within'))) {
      summary.focus(); // browsers lose it in shadow roots
    }
  }

  #render() {
    const [parts, language] = [this.#parts, this.#language];
    if (!parts || !language || this.#stop.signal.aborted) return;
    const snapshot = snapshotOf(this.#service, this.environment);
    this.#wasConnected ||= snapshot.state === 'connected';
    const view = viewOf({ ...snapshot, wasConnected: this.#wasConnected }, language);
    const isFirst = this.#view === null;
    this.#view = view;
    show(parts, view, language);
    parts.panel.log.hidden = typeof this.#service.log?.download !== 'function';
    parts.panel.copy.hidden = !snapshot.attempt || !globalThis.navigator.clipboard;
    setText(parts.panel.copy, language.text('action.copy'));
    if (this.dataset.mood !== view.mood) this.dataset.mood = view.mood;
    if (!isFirst || view.note) this.#announce(view.announcement);
    this.#schedule(snapshot.wait);
  }

  /** Draw again when the countdown, or an open panel, would show something else. @param {number | null} wait */
  #schedule(wait) {
    this.environment.clearTimer(this.#tick);
    const isLooked = this.#parts !== null && isOpen(this.#parts.panel.root);
    if ((!wait && !isLooked) || this.environment.isHidden()) return;
    this.#tick = this.environment.setTimer(() => this.#render(), (wait ?? 0) % 1000 || 1000);
  }

  /** @param {string} text */
  #announce(text) {
    const live = this.#parts?.live;
    if (!live || this.hasAttribute('quiet')) return;
    this.environment.clearTimer(this.#speech);
    this.#speech = this.environment.setTimer(() => setText(live, text), ANNOUNCE_AFTER);
  }

  #act() {
    if (!this.#view || this.#view.isBusy) return;
    perform(this.#view.action, this.#service, this.onLogin);
    this.#render();
  }

  async #copy() {
    const copied = this.#parts?.panel.copy;
    try {
      await globalThis.navigator.clipboard.writeText(this.#service.attempt);
      if (copied) setText(copied, this.#language?.text('action.copied') ?? '');
    } catch {
      // The code can be selected by hand.
    }
  }
}

/** @param {HTMLElement} panel */
function isOpen(panel) {
  return panel.matches(':popover-open');
}

/**
 * The language of where an element stands, then that of the browser.
 * @param {Element | undefined} place @param {import('../types.js').Environment} environment
 */
export function wishesOf(place, environment) {
  const near = place ?? globalThis.document?.documentElement;
  return [near?.closest('[lang]')?.getAttribute('lang'), environment.language];
}

/** Make the element known to the page, once. */
export function defineStatus() {
  if (globalThis.customElements && !customElements.get('holdfast-status')) customElements.define('holdfast-status', HoldfastStatus);
}
defineStatus();
