// @ts-check
/** The switches as one sees them: what each does, what to look for, and what came of it. */

import { make, say } from './dom.js';
import { SwitchError } from './switches.js';
import { words } from './words.js';

const AT_ONCE = 100;

export class Panel {
  /** @type {Row[]} */
  #rows = [];
  /** Whose doing it is, what comes now. @type {Row | null} */
  #watched = null;

  /** @param {any} service @param {HTMLElement} list @param {import('./switches.js').Switch[]} switches */
  constructor(service, list, switches) {
    const watch = (/** @type {Row | null} */ row) => {
      const before = this.#watched;
      this.#watched = row;
      return before;
    };
    this.#rows = switches.map((one) => new Row(one, service, watch));
    list.replaceChildren(...this.#rows.map(({ element }) => element));
    service.addEventListener('state', (/** @type {any} */ { detail }) => this.#watched?.onState(detail.to));
    service.addEventListener('level', (/** @type {any} */ { detail }) => this.#each((row) => row.onLevel(detail, row === this.#watched)));
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
  #left = make('p', { class: 'left' });
  #outcome = make('p', { class: 'outcome', role: 'status' });
  /** @type {Map<string, HTMLButtonElement>} */
  #buttons = new Map();
  #pressedAt = 0;
  #downAt = 0;
  #onSince = 0;
  /** So many features are turned down. */
  #level = 0;
  #watch;

  /** @param {import('./switches.js').Switch} one @param {any} service @param {(row: Row | null) => Row | null} watch  gives who was watched */
  constructor(one, service, watch) {
    this.#switch = one;
    this.#service = service;
    this.#watch = watch;
    for (const action of Object.keys(one.actions)) {
      const attributes = { type: 'button', id: `switch-${action}`, click: () => void this.#press(action) };
      this.#buttons.set(action, /** @type {HTMLButtonElement} */ (make('button', attributes)));
    }
    const buttons = make('div', { class: 'buttons' }, ...this.#buttons.values());
    const texts = make('div', { class: 'texts' }, this.#name, this.#does, this.#see);
    this.element = make('li', { id: `row-${one.name}` }, texts, buttons, this.#left, this.#outcome);
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
    if (seconds && this.#onSince > 0) {
      const left = seconds - (performance.now() - this.#onSince) / 1000;
      say(this.#left, words.text(`${name}.on`, { seconds: Math.max(0, Math.ceil(left / 10) * 10) }));
    } else say(this.#left, '');
  }

  /** @param {string} action */
  async #press(action) {
    const before = this.#watch(this);
    const hadFocus = document.activeElement === this.#buttons.get(action);
    this.#pressedAt = performance.now();
    this.#downAt = this.#service.state === 'connected' ? 0 : this.#pressedAt;
    say(this.#outcome, words.text('switch.done'));
    this.element.classList.remove('fault');
    try {
      await this.#switch.actions[action]();
      this.#onSince = performance.now();
      if (before !== this) before?.overtake();
      this.#begin();
    } catch (fault) {
      this.#watch(before === this ? null : before); // nothing was done: what came before goes on
      this.element.classList.add('fault');
      say(this.#outcome, words.text(fault instanceof SwitchError ? fault.message : 'switch.failed'));
    }
    this.draw();
    if (hadFocus) [...this.#buttons.values()].find(({ hidden }) => !hidden)?.focus();
  }

  /** What is to be seen from now on; nothing, if what was off again had come to nothing. */
  #begin() {
    const { isOn, isFelt, name } = this.#switch;
    const isOff = isOn?.() === false;
    if (isOff && (isFelt ? this.#level === 0 : this.#service.state === 'connected')) {
      this.#watch(null);
      say(this.#outcome, '');
    } else if (isFelt) say(this.#outcome, words.text(isOff ? `${name}.ending` : `${name}.begun`));
  }

  /** What comes now is another switch's doing. */
  overtake() {
    say(this.#outcome, words.text('switch.overtaken'));
  }

  /** @param {string} to  the state of the connection */
  onState(to) {
    if (this.#switch.isFelt) return;
    const now = performance.now();
    if (to === 'connected' && this.#downAt > 0) this.#tellBack(now);
    else if (to === 'disconnected') say(this.#outcome, words.text('switch.stopped', { after: after(now - this.#pressedAt) }));
    else if (to !== 'connected' && this.#downAt === 0) {
      this.#downAt = now;
      say(this.#outcome, words.text(this.#switch.holds ? 'switch.held' : 'switch.noticed', { after: after(now - this.#pressedAt) }));
    }
  }

  /** @param {{from: number, to: number, name: string}} change @param {boolean} isWatched */
  onLevel({ from, to, name }, isWatched) {
    this.#level = to;
    if (!this.#switch.isFelt || !isWatched) return;
    const values = { feature: words.text(`feature.${name}`), after: after(performance.now() - this.#pressedAt) };
    say(this.#outcome, words.text(to > from ? 'switch.less' : 'switch.more', values));
    if (to === 0) this.#watch(null);
  }

  /** @param {number} now */
  #tellBack(now) {
    const way = words.text(`way.${this.#service.transport}`);
    const took = now - this.#downAt;
    if (this.#downAt === this.#pressedAt) say(this.#outcome, words.text('switch.returned', { after: after(took), way }));
    else {
      const noticed = after(this.#downAt - this.#pressedAt);
      say(this.#outcome, words.text('switch.back', { noticed, later: after(took, 'switch.later'), way }));
    }
    this.#watch(null);
  }
}

/** How long something took, as a sentence has it: what nobody notices is at once. @param {number} milliseconds @param {string} [key] */
function after(milliseconds, key = 'switch.after') {
  return milliseconds < AT_ONCE ? words.text('switch.once') : words.text(key, { time: words.seconds(milliseconds) });
}
