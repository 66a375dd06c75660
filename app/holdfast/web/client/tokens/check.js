// @ts-check
/**
 * Whether a token is worth trying. It finds what needs no key: nothing there, no JWT, expired. Only the gateway
 * verifies; both give the same slugs.
 */

/** Seconds after its end for which a token is still tried, and before its beginning: clocks differ. */
const LEEWAY = { exp: 2, nbf: 60 };

/** @typedef {'missing' | 'empty' | 'malformed' | 'not_base64' | 'claims' | 'expired' | 'not_yet_valid'} What */
/** @typedef {{slug: `token_${What}`, detail: string}} TokenFault  slug and detail of an error */

/** @typedef {{sub?: unknown, exp?: number, nbf?: number, iat?: number}} Claims */

/**
 * @param {unknown} token
 * @param {number | null} now  seconds since 1970 by a clock that can be trusted; null where there is none
 * @returns {TokenFault | null}
 */
export function tokenFault(token, now) {
  if (token === undefined || token === null) return fault('missing', `expected a token, got ${token}`);
  if (typeof token !== 'string') return fault('malformed', `expected text, got ${typeof token}`);
  if (/^(\s*|null|undefined)$/.test(token)) return fault('empty', `got ${JSON.stringify(token)}`);
  if (/[^\0-\x7f]/.test(token)) return fault('not_base64', 'expected ASCII');
  const parts = token.split('.');
  if (parts.length !== 3) return fault('malformed', `expected three parts, got ${parts.length}`);
  if (!parts.every(isBase64Url)) return fault('not_base64', 'expected base64url');
  const [header, claims] = parts.map(objectOf);
  return header && claims ? claimsFault(claims, now) : fault('malformed', 'expected JSON objects');
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
  const { exp = Infinity, nbf = 0, iat = 0 } = claims;
  if ([exp, nbf, iat].some((moment) => typeof moment !== 'number')) return fault('claims', 'exp, nbf or iat is no number');
  if (now === null) return null;
  const [late, early] = [now - exp, Math.max(nbf, iat) - now];
  if (late >= LEEWAY.exp) return fault('expired', `${Math.round(late)} s ago`);
  return early > LEEWAY.nbf ? fault('not_yet_valid', `valid in ${Math.round(early)} s`) : null;
}

/** @param {What} what @param {string} detail @returns {TokenFault} */
function fault(what, detail) {
  return { slug: `token_${what}`, detail };
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
