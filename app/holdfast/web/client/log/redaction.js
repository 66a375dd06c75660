// @ts-check
/** Keeps secrets out of log lines: by the name they stand under, and by their looks anywhere else. As the gateway does. */

const HIDDEN = '********';
const NAME = /(token|secret|passwd|password|cookie|authorization|api_?key|api-key)$/i;
/** A JWT begins with the base64url of `{"`. */
const JWT = /eyJ[\w-]{5,}(\.[\w-]*){0,4}/g;
const QUERY = /((?:token|api_?key|secret|password|cf_connect)(?:=|"\s*:\s*"))[^&\s"'<>;]+/gi;
const SCHEME = /\b((?:bearer|apikey|basic)\s+)[\w.~+/=-]{6,}/gi;
const CREDENTIALS = /(:\/\/)[^/@\s]*@/g;

const LONGEST = 1000;
const MOST_FIELDS = 20;

/**
 * @param {Record<string, any>} fields
 * @returns {Record<string, string | number | boolean | null>} plain values without secrets, as /client/logs takes them
 */
export function plainFields(fields) {
  return Object.fromEntries(
    Object.entries(fields)
      .filter(([, value]) => value !== undefined && value !== '')
      .slice(0, MOST_FIELDS)
      .map(([name, value]) => [name, NAME.test(name) ? HIDDEN : plain(value)]),
  );
}

/** @param {string} text */
export function redact(text) {
  return text
    .replace(JWT, `eyJ${HIDDEN}`)
    .replace(QUERY, `$1${HIDDEN}`)
    .replace(SCHEME, `$1${HIDDEN}`)
    .replace(CREDENTIALS, `$1${HIDDEN}@`);
}

/** @param {any} value */
function plain(value) {
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Math.abs(value) < 2 ** 53 ? Math.round(value * 1000) / 1000 : String(value);
  // A cut must not leave the half of something that is known by its looks: first hide, then cut.
  const text = redact(textOf(value).slice(0, 8 * LONGEST));
  return copyOf(text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text);
}

/** A piece of a text keeps all of it in memory, and a server's texts can be of any length. @param {string} text */
function copyOf(text) {
  return [...text].join('');
}

/** @param {any} value */
function textOf(value) {
  if (typeof value !== 'object' || value instanceof Error) return String(value);
  try {
    return JSON.stringify(value, (name, inner) => (NAME.test(name) ? HIDDEN : inner)) ?? '';
  } catch {
    return '[object]'; // it contains itself
  }
}
