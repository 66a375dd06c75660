// @ts-check
/** Who is here: asked once, then kept by who comes and goes. A feature that can be turned down. */

import { nameOf } from './chat.js';
import { hueOf, make, say } from './dom.js';
import { words } from './words.js';

/** @typedef {import('/client/wire.js').ClientInfo} ClientInfo */

export class People {
  name = 'people';
  #subscription;
  #user;
  #places;
  /** By client. @type {Map<string, ClientInfo>} */
  #clients = new Map();
  #isDown = false;

  /**
   * @param {any} subscription
   * @param {string} user  who looks
   * @param {{list: HTMLElement, count: HTMLElement, live: HTMLElement}} places
   */
  constructor(subscription, user, places) {
    this.#subscription = subscription;
    this.#user = user;
    this.#places = places;
    subscription.addEventListener('state', (/** @type {any} */ { detail }) => detail.to === 'subscribed' && this.#fetch());
    subscription.addEventListener('join', (/** @type {any} */ { detail }) => this.#on(detail, true));
    subscription.addEventListener('leave', (/** @type {any} */ { detail }) => this.#on(detail, false));
    words.addEventListener('change', () => this.#draw());
    if (subscription.state === 'subscribed') void this.#fetch();
  }

  down() {
    this.#isDown = true;
    this.#draw();
  }

  up() {
    this.#isDown = false;
    void this.#fetch();
  }

  async #fetch() {
    if (this.#isDown) return;
    try {
      this.#clients = new Map(Object.entries(await this.#subscription.presence()));
    } catch {
      return; // the list stays; the next connection asks again
    }
    this.#draw();
  }

  /** @param {ClientInfo} info @param {boolean} isHere */
  #on(info, isHere) {
    if (this.#isDown) return;
    const before = this.#users().size;
    if (isHere) this.#clients.set(info.client, info);
    else this.#clients.delete(info.client);
    this.#draw();
    const isNews = this.#users().size !== before && info.user !== this.#user;
    if (isNews) say(this.#places.live, words.text(isHere ? 'people.joined' : 'people.left', { name: nameOf(info) }));
  }

  /** Each user once, and in how many tabs. */
  #users() {
    /** @type {Map<string, {name: string, tabs: number}>} */
    const users = new Map();
    for (const info of this.#clients.values()) {
      const known = users.get(info.user);
      users.set(info.user, { name: nameOf(info), tabs: (known?.tabs ?? 0) + 1 });
    }
    return users;
  }

  #draw() {
    const { list, count } = this.#places;
    const users = this.#users();
    list.classList.toggle('down', this.#isDown);
    const summary = users.size === 1 ? words.text('people.alone') : words.text('people.count', { count: users.size });
    say(count, this.#isDown ? words.text('people.down') : summary);
    list.replaceChildren(...[...users].map(([user, known]) => this.#person(user, known)));
  }

  /** @param {string} user @param {{name: string, tabs: number}} known */
  #person(user, { name, tabs }) {
    const label = user === this.#user ? words.text('people.you', { name }) : name;
    const badge = make('span', { class: 'avatar', 'aria-hidden': 'true' }, name.slice(0, 1).toUpperCase());
    badge.style.setProperty('--hue', String(hueOf(user)));
    const more = tabs > 1 ? make('span', { class: 'tabs' }, words.text('people.tabs', { count: tabs })) : null;
    return make('li', {}, badge, make('span', {}, label), more);
  }
}
