// @ts-check
/** Elements without markup in strings, so that nothing that anybody wrote becomes markup. */

/** @typedef {Node | string | null} Child */

/**
 * @param {string} name
 * @param {Record<string, string | boolean | ((event: any) => void)>} [attributes]  a function listens
 * @param {...Child} children
 * @returns {HTMLElement}
 */
export function make(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') made.addEventListener(key, value);
    else if (typeof value === 'boolean') made.toggleAttribute(key, value);
    else made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** @template {Element} T @param {string} selector @param {new () => T} kind @returns {T} */
export function find(selector, kind) {
  const found = document.querySelector(selector);
  if (!(found instanceof kind)) throw new TypeError(`expected ${kind.name} at ${selector}`);
  return found;
}

/** Write only what has changed, or screen readers repeat it. @param {Element} element @param {string} text */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A colour that stays with a name. @param {string} name */
export function hueOf(name) {
  let sum = 7;
  for (const letter of name) sum = (sum * 31 + letter.charCodeAt(0)) % 360;
  return sum;
}
