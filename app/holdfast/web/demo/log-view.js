// @ts-check
/** The client's last events, the newest first, with the id that the gateway's log has too. */

import { make, say } from './dom.js';
import { words } from './words.js';

const SHOWN = 60;
const HIDDEN = ['t', 'level', 'event', 'attempt'];

export class LogView {
  #service;
  #places;
  #isDue = false;

  /** @param {any} service @param {{rows: HTMLElement, attempt: HTMLElement, copy: HTMLElement, download: HTMLElement}} places */
  constructor(service, places) {
    this.#service = service;
    this.#places = places;
    service.log.subscribe(() => this.#schedule());
    places.copy.addEventListener('click', () => void this.#copy());
    places.download.addEventListener('click', () => void service.log.download());
    words.addEventListener('change', () => this.#schedule());
    this.#schedule();
  }

  /** However many lines come at once, they are drawn together. */
  #schedule() {
    if (this.#isDue) return;
    this.#isDue = true;
    setTimeout(() => {
      this.#isDue = false;
      this.#draw();
    }, 100);
  }

  #draw() {
    const lines = this.#service.log.lines.slice(-SHOWN).reverse();
    this.#places.rows.replaceChildren(...lines.map(rowOf));
    say(this.#places.attempt, this.#service.attempt);
  }

  async #copy() {
    try {
      await navigator.clipboard.writeText(this.#service.attempt);
      say(this.#places.copy, words.text('log.copied'));
      setTimeout(() => say(this.#places.copy, words.text('log.copy')), 2000);
    } catch {
      getSelection()?.selectAllChildren(this.#places.attempt);
    }
  }
}

/** @param {import('/client/log/log.js').Line} line */
function rowOf(line) {
  const facts = Object.entries(line).filter(([name, value]) => !HIDDEN.includes(name) && value !== undefined && value !== '');
  const told = facts.map(([name, value]) => `${name}=${typeof value === 'object' ? JSON.stringify(value) : value}`).join('  ');
  return make(
    'tr',
    { class: line.level },
    make('td', {}, make('time', {}, words.clock(line.t, true))),
    make('td', { class: 'event' }, line.event),
    make('td', { class: 'facts' }, told),
    make('td', { class: 'attempt', title: line.attempt ?? '' }, (line.attempt ?? '').slice(0, 8)),
  );
}
