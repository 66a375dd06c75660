// @ts-check
/** The pieces of the status element, and how a view gets into them. */

import { button, element, icon, setIcon, setText } from './dom.js';

/** @typedef {import('../lang/language.js').Language} Language */
/** @typedef {import('./view.js').View} View */
/** @typedef {ReturnType<typeof makeParts>} Parts */

/** @type {Record<import('./view.js').Mood, string>} */
const TONES = {
  connected: 'good', limited: 'fair', connecting: 'muted', waiting: 'fair', trying: 'fair', offline: 'bad', login: 'bad',
  stopped: 'bad', idle: 'muted',
};

/** @param {Language} language */
export function makeParts(language) {
  const summary = makeSummary();
  const panel = makePanel(language);
  const main = button('action', 'button');
  const live = element('div', { role: 'status', 'aria-live': 'polite', class: 'hidden-text' });
  const box = element('div', { class: 'box', part: 'box', role: 'group', 'aria-label': language.text('group.name') }, summary.root, main);
  return { box, summary, panel, main, live };
}

function makeSummary() {
  const shape = icon('idle');
  const label = element('span', { part: 'label' });
  const reason = element('span');
  const countdown = element('span', { class: 'countdown', 'aria-hidden': 'true' });
  const note = element('span', { class: 'note', part: 'note' }, reason, ' ', countdown);
  const bars = element('span', { class: 'bars', part: 'quality', role: 'img' }, ...[1, 2, 3].map(() => element('i')));
  const words = element('span', { class: 'words' }, element('span', { class: 'label' }, label, icon('more', 'more')), note);
  const root = element('button', { type: 'button', class: 'summary', part: 'summary', popovertarget: 'panel' }, shape, words, bars);
  return { root, shape, label, reason, countdown, note, bars };
}

/** @param {Language} language */
function makePanel(language) {
  const title = element('p', { class: 'title' });
  const hint = element('p', { class: 'hint' });
  const countdown = element('p', { class: 'countdown' });
  const main = button('action main', 'button');
  const list = element('dl');
  const copy = button('action', 'button copy');
  const log = button('action', 'button log', language.text('action.log'));
  const tools = element('div', { class: 'tools' }, main, copy, log);
  const name = language.text('group.name');
  const root = element('div', { id: 'panel', class: 'panel', part: 'panel', popover: 'auto', role: 'dialog', 'aria-label': name });
  root.append(title, hint, countdown, list, tools);
  return { root, title, hint, countdown, main, list, copy, log };
}

/** @param {Parts} parts @param {View} view @param {Language} language */
export function show(parts, view, language) {
  const { summary, panel, main } = parts;
  setIcon(summary.shape, view.mood);
  const isTurning = view.mood === 'connecting' || view.mood === 'trying';
  summary.shape.setAttribute('class', `${TONES[view.mood]}${isTurning ? ' turning' : ''}`);
  setText(summary.label, view.label);
  setText(summary.reason, view.note);
  setText(summary.countdown, view.countdown);
  summary.note.hidden = !view.note && !view.countdown;
  showBars(summary.bars, view, language);
  for (const each of [main, panel.main]) showAction(each, view, language);
  setText(panel.title, view.note || view.label);
  setText(panel.hint, view.hint);
  setText(panel.countdown, view.countdown);
  panel.hint.hidden = !view.hint;
  panel.countdown.hidden = !view.countdown;
  showDetails(panel.list, view);
}

/** @param {HTMLElement} bars @param {View} view @param {Language} language */
function showBars(bars, { quality }, language) {
  bars.hidden = quality === null;
  if (quality === null) return;
  bars.className = `bars ${{ good: 'good', fair: 'fair' }[quality.grade] ?? 'bad'}`;
  bars.setAttribute('aria-label', `${language.text('detail.quality')}: ${quality.name}`);
  const count = { good: 3, fair: 2 }[quality.grade] ?? 1;
  [...bars.children].forEach((bar, place) => bar.classList.toggle('on', place < count));
}

/** @param {HTMLElement} target @param {View} view @param {Language} language */
function showAction(target, { action, isBusy }, language) {
  target.hidden = action === null;
  if (action === null) return;
  setText(target, language.text(`action.${action}`));
  target.setAttribute('aria-disabled', String(isBusy)); // `disabled` would take the focus away
}

/** @param {HTMLElement} list @param {View} view */
function showDetails(list, { details }) {
  const isSame = list.children.length === details.length * 2;
  if (!isSame) list.replaceChildren(...details.flatMap(() => [element('dt'), element('dd')]));
  details.forEach(({ key, label, value }, place) => {
    setText(list.children[place * 2], label);
    setText(list.children[place * 2 + 1], value);
    for (const offset of [0, 1]) list.children[place * 2 + offset].className = key;
  });
  list.hidden = details.length === 0;
}

/** Put the panel below its button, inside of the window. @param {HTMLElement} panel @param {HTMLElement} anchor */
export function place(panel, anchor) {
  const { left, right, top, bottom } = anchor.getBoundingClientRect();
  const { clientWidth, clientHeight } = document.documentElement;
  const { offsetWidth, offsetHeight } = panel;
  const isRight = getComputedStyle(anchor).direction === 'rtl' || left + offsetWidth > clientWidth;
  const x = Math.min(isRight ? right - offsetWidth : left, clientWidth - offsetWidth - 8);
  const below = bottom + 6;
  const y = below + offsetHeight <= clientHeight || top < offsetHeight ? below : top - 6 - offsetHeight;
  panel.style.setProperty('left', `${Math.max(8, x)}px`);
  panel.style.setProperty('top', `${Math.max(8, Math.min(y, clientHeight - offsetHeight - 8))}px`);
}
