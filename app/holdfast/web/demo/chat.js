// @ts-check
/** A channel with history: what was written before, what comes, and what one writes oneself, also without a connection. */

import { hueOf, make, say } from './dom.js';
import { words } from './words.js';

/** @typedef {import('/client/types.js').Publication} Publication */
/** @typedef {{ id: string, text: string, at: number }} Message */

const BEFORE = 50;
const MOST = 200;

export class Chat {
  #subscription;
  #user;
  #list;
  #error;
  /** Positions that are shown. @type {Set<string>} */
  #seen = new Set();
  /** Messages of ours that nobody has confirmed. @type {Map<string, HTMLElement>} */
  #pending = new Map();
  #awaySince = 0;

  /**
   * @param {any} subscription
   * @param {string} user  who writes here
   * @param {{list: HTMLElement, error: HTMLElement}} places
   */
  constructor(subscription, user, { list, error }) {
    this.#subscription = subscription;
    this.#user = user;
    this.#list = list;
    this.#error = error;
    subscription.addEventListener('publication', (/** @type {any} */ { detail }) => this.#show(detail));
    subscription.addEventListener('gap', () => this.#note(words.text('chat.gap'), 'gap'));
    subscription.addEventListener('state', (/** @type {any} */ { detail }) => this.#onState(detail));
    words.addEventListener('change', () => this.#translate());
    if (subscription.state === 'subscribed') void this.#fetch();
  }

  /** @param {string} text */
  async write(text) {
    const message = { id: crypto.randomUUID(), text, at: Date.now() };
    const element = this.#draw(message, { user: this.#user, name: '' });
    element.classList.add('pending');
    this.#pending.set(message.id, element);
    this.#append(element, true);
    say(this.#error, '');
    try {
      await this.#subscription.publish(message);
    } catch (error) {
      if (!this.#pending.delete(message.id)) return; // it has come back: it was sent
      element.classList.replace('pending', 'failed');
      const { title, hint } = words.client.cause(/** @type {any} */ (error));
      say(this.#error, `${title} ${hint}`);
    }
  }

  /** @param {{from: string, to: string, reason: any}} change */
  #onState({ from, to, reason }) {
    if (from === 'subscribed') this.#awaySince = Date.now();
    if (to === 'unsubscribed' && reason) say(this.#error, words.client.cause(reason).title);
    if (to !== 'subscribed') return;
    if (this.#awaySince === 0) void this.#fetch();
    else this.#note(words.text('chat.back', { time: words.seconds(Date.now() - this.#awaySince) }), 'back');
  }

  /** What was written before this page came. */
  async #fetch() {
    try {
      const { publications } = await this.#subscription.history({ limit: BEFORE, reverse: true });
      const elements = publications.reverse().map((/** @type {Publication} */ one) => this.#take(one));
      this.#list.prepend(...elements.filter(Boolean));
      this.#list.scrollTop = this.#list.scrollHeight;
    } catch (error) {
      say(this.#error, words.client.cause(/** @type {any} */ (error)).title);
    }
  }

  /** @param {Publication} publication */
  #show(publication) {
    const element = this.#take(publication);
    if (element) this.#append(element, publication.info?.user === this.#user);
  }

  /** @param {Publication} publication @returns {HTMLElement | null} null for what is no message, or is shown */
  #take({ data, info, offset }) {
    const key = `${offset}`;
    if (typeof data?.text !== 'string' || (offset !== undefined && this.#seen.has(key))) return null;
    this.#seen.add(key);
    this.#pending.get(data.id)?.remove();
    this.#pending.delete(data.id);
    return this.#draw(data, { user: info?.user ?? '', name: nameOf(info) });
  }

  /** @param {Message} message @param {{user: string, name: string}} author */
  #draw({ text, at }, { user, name }) {
    const isOwn = user === this.#user;
    const who = isOwn ? words.text('chat.you') : name || words.text('chat.server');
    const bubble = make('div', { class: isOwn ? 'message own' : 'message' });
    const moment = Number.isFinite(at) ? make('time', { 'data-at': String(at) }, words.clock(at)) : null;
    bubble.append(make('span', { class: 'author' }, who), make('p', {}, text), moment ?? '');
    bubble.style.setProperty('--hue', String(hueOf(user)));
    return bubble;
  }

  #translate() {
    for (const author of this.#list.querySelectorAll('.own .author')) say(author, words.text('chat.you'));
    for (const time of this.#list.querySelectorAll('time')) say(time, words.clock(Number(time.dataset.at)));
  }

  /** @param {string} text @param {string} kind  of which one after another is enough */
  #note(text, kind) {
    const last = this.#list.lastElementChild;
    if (last?.classList.contains(kind)) last.remove();
    this.#append(make('p', { class: `note ${kind}` }, text), false);
  }

  /** Follow what comes, unless the reader has gone back. @param {HTMLElement} element @param {boolean} isOwn */
  #append(element, isOwn) {
    const list = this.#list;
    const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
    list.append(element);
    while (list.childElementCount > MOST) list.firstElementChild?.remove();
    if (isAtEnd || isOwn) list.scrollTop = list.scrollHeight;
  }
}

/** @param {Publication['info']} info */
export function nameOf(info) {
  return info?.connInfo?.name ?? info?.user ?? '';
}

/**
 * Enter sends, Shift+Enter makes a line, and fingers have the button.
 * @param {HTMLFormElement} form @param {HTMLTextAreaElement} input
 * @param {{write: (text: string) => void, onType: () => void}} acts
 */
export function composer(form, input, { write, onType }) {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const text = input.value.trim();
    if (text) write(text);
    input.value = '';
    input.focus();
  });
  input.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  input.addEventListener('input', onType);
}
