// @ts-check
/** Shows by which way the page is connected, and which features are turned down for it. */

import { make } from './dom.js';
import { words } from './words.js';

const TRANSPORTS = ['websocket', 'http_stream', 'sse', 'poll'];

export class Features {
  #service;
  #places;
  #features;
  /** @type {any} */
  #degradation = null;

  /**
   * @param {any} service
   * @param {{name: string, down: () => void, up: () => void}[]} features  the first one is turned down first
   * @param {{ways: HTMLElement, list: HTMLElement}} places
   */
  constructor(service, features, places) {
    this.#service = service;
    this.#features = features.map((one) => ({ name: one.name, down: () => one.down(), up: () => one.up() }));
    this.#places = places;
    for (const name of ['state', 'transport', 'level']) service.addEventListener(name, () => this.#draw());
    words.addEventListener('change', () => this.#draw());
    void this.#begin();
  }

  async #begin() {
    this.#degradation = await this.#service.degrade(this.#features, { downEvery: 5_000, upEvery: 10_000 });
    this.#draw();
  }

  #draw() {
    const { transport } = this.#service;
    const level = this.#degradation?.level ?? 0;
    const ways = TRANSPORTS.map((name) => {
      const isCurrent = name === transport;
      return make('li', { class: isCurrent ? 'current' : '', ...(isCurrent && { 'aria-current': 'true' }) }, words.text(`way.${name}`));
    });
    this.#places.ways.replaceChildren(...ways);
    const features = this.#features.map(({ name }, index) => {
      const isDown = index < level;
      const state = words.text(isDown ? 'feature.down' : 'feature.up');
      return make('li', { class: isDown ? 'down' : 'up' }, make('span', {}, words.text(`feature.${name}`)), make('strong', {}, state));
    });
    this.#places.list.replaceChildren(...features);
  }
}
