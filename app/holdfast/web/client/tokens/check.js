// @ts-check
/**
 * Whether a token is worth trying. It finds what needs no key: nothing there, no JWT, expired. Only the gateway
 * verifies; both give the same slugs.
 */

/** Seconds after its end for which a token is still tried, and before its beginning: clocks differ. */
const LEEWAY = { exp: 2, nbf: 60 };

/** @typedef {'missing' | 'empty' | 'malformed' | 'not_base64' | 'claims' | 'expired' | 'not_yet_valid'} What */
/** @typedef {{slug: `token_${What}`, detail: string}} TokenFault */

/** @typedef {{sub?: unknown, exp?: number, nbf?: number, iat?: number}} Claims */

/**
 * @param {unknown} token
 * @param {number | null} now  seconds since 1970 by a clock that can be trusted; null where there is none
 * @returns {TokenFault | null}
 */
export function tokenFault(token, now) {
  if (token === undefined || token === null) return fault('token_missing', `expected a token, got ${token}`);
  if (typeof token !== 'string') return fault('token_malformed', `expected text, got ${typeof token}`);
  const empty = /^\s*$/.test(token) ? (token ? 'blanks' : 'an empty text') : /^(null|undefined)$/.exec(token)?.[0];
  if (empty) return fault('token_empty', `the token is ${empty}`);
  if (/[^\0-\x7f]/.test(token)) return fault('token_not_base64', 'characters outside ASCII');
  const parts = token.split('.');
  if (parts.length !== 3) return fault('token_malformed', `expected three parts, got ${parts.length}`);
  const odd = parts.findIndex((part) => !isBase64Url(part));
  if (odd >= 0) return fault('token_not_base64', `part ${odd + 1} is not base64url`);
  if (!objectOf(parts[0])) return fault('token_malformed', 'the header is no JSON object');
  const claims = objectOf(parts[1]);
  return claims ? claimsFault(claims, now) : fault('token_malformed', 'the payload is no JSON object');
}

/** The claims of a token that has no fault; else none. @param {unknown} token @returns {Claims} */
export function claimsOf(token) {
  return (typeof token === 'string' && objectOf(token.split('.')[1] ?? '')) || {};
}

/** Take everything out of a text of others that could be a token, and bound it. @param {string} text */
export function withoutTokens(text) {
  return text.slice(0, 2000).replace(/[\w-]{16,}(\.[\w-]+)+|[\w-]{32,}/g, '…').slice(0, 500);
}

/** @param {Claims} claims @param {number | null} now @returns {TokenFault | null} */
function claimsFault(claims, now) {
  for (const name of /** @type {const} */ (['exp', 'nbf', 'iat'])) {
    const isFit = claims[name] === undefined || typeof claims[name] === 'number';
    if (!isFit) return fault('token_claims', `${name} is no number`);
  }
  if (now === null) return null;
  const late = now - (claims.exp ?? Infinity);
  if (late >= LEEWAY.exp) return fault('token_expired', `expired ${Math.round(late)} s ago`);
  const early = Math.max(claims.nbf ?? 0, claims.iat ?? 0) - now;
  return early > LEEWAY.nbf ? fault('token_not_yet_valid', `valid only in ${Math.round(early)} s`) : null;
}

/** @param {TokenFault['slug']} slug @param {string} detail @returns {TokenFault} */
function fault(slug, detail) {
  return { slug, detail };
}

/** @param {string} part */
function isBase64Url(part) {
  return /^[\w-]*$/.test(part) && part.length % 4 !== 1;
}

/** @param {string} part @returns {Claims | null} */
function objectOf(part) {
  try {
    const value = JSON.parse(atob(part.replaceAll('-', '+').replaceAll('_', '/')));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}
