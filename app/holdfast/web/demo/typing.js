// @ts-check
/** Who is typing: of little worth on a poor connection, so the first feature to be turned down. */

import { nameOf } from './chat.js';
import { say } from './dom.js';
import { words } from './words.js';

const SEND_EVERY = 2_000;
const SHOWN_FOR = 4_000;
/** What comes right behind a subscribe is of before. */
const OLD_NEWS = 500;

export class Typing {
  name = 'typing';
  #service;
  #subscription;
  #user;
  #place;
  #sentAt = -Infinity;
  #subscribedAt = 0;
  #isDown = false;
  /** Names by user, until their timer ends. @type {Map<string, {name: string, timer: number}>} */
  #writers = new Map();

  /** @param {any} service @param {string} user  who is not told of themselves @param {HTMLElement} place */
  constructor(service, user, place) {
    this.#service = service;
    this.#user = user;
    this.#place = place;
    this.#subscription = service.subscribe('lobby-typing', { recover: false });
    this.#subscription.addEventListener('state', () => (this.#subscribedAt = performance.now()));
    this.#subscription.addEventListener('publication', (/** @type {any} */ { detail }) => this.#onTyping(detail.info));
    words.addEventListener('change', () => this.#draw());
  }

  /** The user has typed something. */
  tell() {
    const now = performance.now();
    if (this.#isDown || this.#service.state !== 'connected' || now - this.#sentAt < SEND_EVERY) return;
    this.#sentAt = now;
    this.#subscription.publish({}).catch(() => {}); // nobody misses it
  }

  /** What was typed has been sent. */
  done() {
    this.#sentAt = -Infinity;
  }

  down() {
    this.#isDown = true;
    this.#writers.clear();
    this.#subscription.unsubscribe();
    this.#draw();
  }

  up() {
    this.#isDown = false;
    this.#subscription.subscribe();
    this.#draw();
  }

  /** They have said it. @param {string} user */
  forget(user) {
    clearTimeout(this.#writers.get(user)?.timer);
    this.#writers.delete(user);
    this.#draw();
  }

  /** @param {import('/client/wire.js').ClientInfo} info */
  #onTyping(info) {
    if (!info || info.user === this.#user || performance.now() - this.#subscribedAt < OLD_NEWS) return;
    clearTimeout(this.#writers.get(info.user)?.timer);
    const timer = setTimeout(() => this.forget(info.user), SHOWN_FOR);
    this.#writers.set(info.user, { name: nameOf(info), timer });
    this.#draw();
  }

  #draw() {
    const names = [...this.#writers.values()].map(({ name }) => name);
    const who = new Intl.ListFormat(words.tag).format(names);
    const key = names.length > 1 ? 'typing.many' : 'typing.one';
    say(this.#place, this.#isDown ? words.text('typing.down') : names.length > 0 ? words.text(key, { who }) : '');
  }
}
