// @ts-check
/** Notices at the edge of the page; notices.js decides which there are. They never take the focus. */

import { browserEnvironment } from '../environment.js';
import { Language } from '../lang/language.js';
import { perform } from './actions.js';
import { adoptStyles, button, element, icon, setText } from './dom.js';
import { Notices } from './notices.js';
import { SHARED, TOASTS } from './styles.js';
import { follow, snapshotOf } from './view.js';

/**
 * @typedef {object} ToastsOptions
 * @property {Language} [language]
 * @property {(() => void) | null} [onLogin]  what "Log in again" does
 * @property {import('../types.js').Environment} [environment]
 * @property {EventTarget} [notices]  tells `notice` {error}, as loginTokens() does: each becomes a toast
 */

export class Toasts {
  #service;
  #language;
  #onLogin;
  #notices;
  #stop = new AbortController();
  #root = element('div', { class: 'stack', role: 'region' });
  /** Both are there before anything is said, for a region that comes with its text may stay unheard. */
  #urgent = element('div', { role: 'alert', 'aria-atomic': 'false' });
  #calm = element('div', { role: 'status', 'aria-live': 'polite', 'aria-atomic': 'false' });
  #back = element('div', { role: 'status', 'aria-live': 'polite', class: 'hidden-text' });
  /** @type {Map<string, HTMLElement>} */
  #toasts = new Map();

  /** @param {any} service @param {ToastsOptions} [options] */
  constructor(service, { language = new Language(), onLogin = null, environment = browserEnvironment(), notices } = {}) {
    this.#service = service;
    this.#language = language;
    this.#onLogin = onLogin;
    this.host = element('div', { class: 'holdfast-toasts', lang: language.tag });
    const shadow = this.host.attachShadow({ mode: 'open' });
    adoptStyles(shadow, SHARED + TOASTS);
    this.#root.setAttribute('aria-label', language.text('toasts.name'));
    this.#root.append(this.#urgent, this.#calm, this.#back);
    shadow.append(this.#root);
    document.body.append(this.host);
    this.#notices = new Notices({
      environment,
      look: () => snapshotOf(service, environment),
      onChange: (notices, isBack) => this.#draw(notices, isBack),
    });
    this.#listen(environment, notices);
  }

  /** Tell of an error that is not the connection's, as of a login. @param {import('../errors.js').HoldfastError} error */
  add(error) {
    this.#notices.add(error);
  }

  /** Take all of them away, for good. */
  close() {
    this.#stop.abort();
    this.#notices.close();
    this.host.remove();
  }

  // Private methods

  /** @param {import('../types.js').Environment} environment @param {EventTarget} [notices] */
  #listen(environment, notices) {
    const { signal } = this.#stop;
    const add = (/** @type {any} */ { detail }) => this.add(detail.error);
    this.#service.addEventListener('login', add, { signal });
    notices?.addEventListener('notice', add, { signal });
    follow(this.#service, environment, () => this.#notices.update(), signal);
  }

  /** @param {import('./notices.js').Notice[]} notices @param {boolean} isBack */
  #draw(notices, isBack) {
    setText(this.#back, isBack ? this.#language.text('announce.back') : '');
    const keys = new Set(notices.map(keyOf));
    for (const [key, toast] of this.#toasts) if (!keys.has(key)) this.#remove(key, toast);
    for (const notice of notices) {
      const toast = this.#toasts.get(keyOf(notice)) ?? this.#add(notice);
      const { title, hint } = this.#language.cause(notice.error);
      setText(/** @type {Node} */ (toast.querySelector('.title')), title);
      setText(/** @type {Node} */ (toast.querySelector('.hint')), hint);
    }
  }

  /** @param {import('./notices.js').Notice} notice */
  #add(notice) {
    const { topic, action, isUrgent, isTrouble } = notice;
    const id = `title-${topic}`;
    const words = element('div', { class: 'words' }, element('p', { class: 'title', part: 'title', id }), element('p', { class: 'hint', part: 'hint' }));
    const dismiss = button('dismiss', 'dismiss');
    dismiss.setAttribute('aria-label', this.#language.text('action.dismiss'));
    dismiss.append(icon('close'));
    dismiss.addEventListener('click', () => this.#notices.dismiss(topic));
    const toast = element('div', { class: `toast${isUrgent && isTrouble ? ' urgent' : ''}`, part: 'toast', role: 'group', 'aria-labelledby': id });
    toast.append(icon(shapeOf(notice)), words, dismiss);
    if (action) toast.append(this.#button(action));
    (isUrgent ? this.#urgent : this.#calm).append(toast);
    this.#toasts.set(keyOf(notice), toast);
    return toast;
  }

  /** @param {import('./view.js').UserAction} action */
  #button(action) {
    const made = button('action', 'button', this.#language.text(`action.${action}`));
    made.addEventListener('click', () => perform(action, this.#service, this.#onLogin));
    return made;
  }

  /** @param {string} key @param {HTMLElement} toast */
  #remove(key, toast) {
    this.#toasts.delete(key);
    toast.remove();
  }
}

/** What cannot change in place. @param {import('./notices.js').Notice} notice */
function keyOf({ topic, action, isUrgent }) {
  return `${topic} ${action} ${isUrgent}`;
}

/** @param {import('./notices.js').Notice} notice @returns {import('./dom.js').IconName} */
function shapeOf({ topic, isUrgent, isTrouble, action }) {
  if (topic === 'offline') return 'offline';
  if (action === 'login') return 'login';
  return isUrgent && isTrouble ? 'stopped' : 'warning';
}
