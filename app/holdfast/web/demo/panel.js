// @ts-check
/** The switches as one sees them: what each does, what to look for, and what came of it. */

import { make, say } from './dom.js';
import { SwitchError } from './switches.js';
import { words } from './words.js';

export class Panel {
  /** @type {Row[]} */
  #rows = [];

  /** @param {any} service @param {HTMLElement} list @param {import('./switches.js').Switch[]} switches */
  constructor(service, list, switches) {
    this.#rows = switches.map((one) => new Row(one, service, () => this.#each((row) => row.watchNoMore())));
    list.replaceChildren(...this.#rows.map(({ element }) => element));
    service.addEventListener('state', (/** @type {any} */ { detail }) => this.#each((row) => row.onState(detail.to)));
    setInterval(() => this.#each((row) => row.draw()), 500);
    words.addEventListener('change', () => this.#each((row) => row.translate()));
  }

  /** @param {(row: Row) => void} tell */
  #each(tell) {
    for (const row of this.#rows) tell(row);
  }
}

class Row {
  #switch;
  #service;
  #name = make('h3');
  #does = make('p');
  #see = make('p', { class: 'see' });
  #outcome = make('p', { class: 'outcome', role: 'status' });
  /** @type {Map<string, HTMLButtonElement>} */
  #buttons = new Map();
  /** Since when it is watched what comes of it; 0 is not. */
  #pressedAt = 0;
  #downAt = 0;
  #onSince = 0;
  #onPress;

  /** @param {import('./switches.js').Switch} one @param {any} service @param {() => void} onPress */
  constructor(one, service, onPress) {
    this.#switch = one;
    this.#service = service;
    this.#onPress = onPress;
    for (const action of Object.keys(one.actions)) {
      const attributes = { type: 'button', id: `switch-${action}`, click: () => void this.#press(action) };
      this.#buttons.set(action, /** @type {HTMLButtonElement} */ (make('button', attributes)));
    }
    const buttons = make('div', { class: 'buttons' }, ...this.#buttons.values());
    const texts = make('div', { class: 'texts' }, this.#name, this.#does, this.#see);
    this.element = make('li', { id: `row-${one.name}` }, texts, buttons, this.#outcome);
    this.translate();
  }

  translate() {
    const { name } = this.#switch;
    say(this.#name, words.text(`${name}.name`));
    say(this.#does, words.text(`${name}.does`));
    this.#see.replaceChildren(make('strong', {}, words.text('switch.see')), ` ${words.text(`${name}.see`)}`);
    for (const [action, button] of this.#buttons) say(button, words.text(`action.${action}`));
    this.draw();
  }

  /** While a switch is on, its last button alone is of use; while it is off, that one is not. */
  draw() {
    const { isOn, seconds, name } = this.#switch;
    const actions = [...this.#buttons.values()];
    const on = isOn?.() ?? false;
    if (isOn) for (const button of actions) button.hidden = (button === actions.at(-1)) !== on;
    this.element.classList.toggle('on', on);
    if (!on && this.#onSince > 0 && seconds) say(this.#outcome, words.text(`${name}.over`));
    if (!on) this.#onSince = 0;
    if (on && seconds) {
      const left = seconds - (performance.now() - this.#onSince) / 1000;
      say(this.#outcome, words.text(`${name}.on`, { seconds: Math.max(0, Math.ceil(left / 10) * 10) }));
    }
  }

  /** @param {string} action */
  async #press(action) {
    this.#onPress();
    const hadFocus = document.activeElement === this.#buttons.get(action);
    this.#pressedAt = performance.now();
    this.#downAt = this.#service.state === 'connected' ? 0 : this.#pressedAt;
    say(this.#outcome, words.text('switch.done'));
    this.element.classList.remove('fault');
    try {
      await this.#switch.actions[action]();
      this.#onSince = performance.now();
      const isOver = this.#switch.isOn?.() === false && this.#service.state === 'connected';
      if (isOver) this.#forget();
    } catch (fault) {
      this.watchNoMore();
      this.element.classList.add('fault');
      say(this.#outcome, words.text(fault instanceof SwitchError ? fault.message : 'switch.failed'));
    }
    this.draw();
    if (hadFocus) [...this.#buttons.values()].find(({ hidden }) => !hidden)?.focus();
  }

  /** What comes now is another switch's doing. */
  watchNoMore() {
    this.#pressedAt = 0;
  }

  #forget() {
    this.watchNoMore();
    say(this.#outcome, '');
  }

  /** @param {string} to  the state of the connection */
  onState(to) {
    if (this.#pressedAt === 0) return;
    const now = performance.now();
    if (to === 'connected' && this.#downAt > 0) this.#tellBack(now);
    else if (to === 'disconnected') say(this.#outcome, words.text('switch.stopped', { time: words.seconds(now - this.#pressedAt) }));
    else if (to !== 'connected' && this.#downAt === 0) {
      this.#downAt = now;
      say(this.#outcome, words.text('switch.noticed', { time: words.seconds(now - this.#pressedAt) }));
    }
  }

  /** @param {number} now */
  #tellBack(now) {
    const way = words.text(`way.${this.#service.transport}`);
    const values = { noticed: words.seconds(this.#downAt - this.#pressedAt), time: words.seconds(now - this.#downAt), way };
    say(this.#outcome, words.text(this.#downAt === this.#pressedAt ? 'switch.returned' : 'switch.back', values));
    this.watchNoMore();
  }
}
