// @ts-check
/** Elements without markup in strings: nothing that came from a server can become HTML, and a strict CSP allows it. */

const SVG = 'http://www.w3.org/2000/svg';

/**
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {Record<string, string>} [attributes]
 * @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[Name]}
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** @param {string} className @param {string} part @param {string} [text] */
export function button(className, part, text = '') {
  return element('button', { type: 'button', class: className, part }, text);
}

/** One shape for each mood, so that none is told by its colour alone; 24 by 24, drawn in lines. */
const ICONS = {
  connected: 'M3 12a9 9 0 1 0 18 0a9 9 0 1 0-18 0M8 12.5l2.7 2.7L16 9.5',
  limited: 'M3 12a9 9 0 1 0 18 0a9 9 0 1 0-18 0M8 13c1.3-2 2.7-2 4-.5s2.7 1.5 4-.5',
  connecting: 'M12 3a9 9 0 1 0 9 9',
  trying: 'M12 3a9 9 0 1 0 9 9',
  waiting: 'M3 12a9 9 0 1 0 18 0a9 9 0 1 0-18 0M12 7v5l3.2 2',
  offline: 'M3 3l18 18M5 12.5a10 10 0 0 1 4.5-2.5M2 9a15 15 0 0 1 4.5-2.8M10.5 5.1A15 15 0 0 1 22 9M15 10.4a10 10 0 0 1 4 2.1M8.5 16a5 5 0 0 1 6.5-.3M12 20h.01',
  login: 'M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3M12 14.5v2',
  stopped: 'M8.3 3h7.4L21 8.3v7.4L15.7 21H8.3L3 15.7V8.3zM12 7.5v5.5M12 16.5h.01',
  idle: 'M3 12a9 9 0 1 0 18 0a9 9 0 1 0-18 0M8 12h8',
  warning: 'M12 3.5L22 20.5H2zM12 10v4.5M12 17.5h.01',
  more: 'M7 10l5 5 5-5',
  close: 'M6 6l12 12M18 6L6 18',
};

/** @typedef {keyof typeof ICONS} IconName */

/** @param {IconName} name @param {string} [className] */
export function icon(name, className = 'icon') {
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', ICONS[name]);
  const svg = document.createElementNS(SVG, 'svg');
  for (const [key, value] of [['viewBox', '0 0 24 24'], ['aria-hidden', 'true'], ['class', className]]) svg.setAttribute(key, value);
  svg.append(path);
  return svg;
}

/** Show another shape, and touch nothing if it is the same. @param {SVGElement} svg @param {IconName} name */
export function setIcon(svg, name) {
  const path = /** @type {SVGPathElement} */ (svg.firstChild);
  if (path.getAttribute('d') !== ICONS[name]) path.setAttribute('d', ICONS[name]);
}

/** Change a text only where it differs: a live region speaks of each change. @param {Node} node @param {string} text */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Style a shadow root, as a strict CSP allows it. @param {ShadowRoot} root @param {string} text */
export function adoptStyles(root, text) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(text);
  root.adoptedStyleSheets = [sheet];
}
