// @ts-check
/** How far an end speaks against the transport, rather than against the network, the server or the client. Pure. */

/** @typedef {import('../types.js').TransportName} TransportName */

/**
 * What /connection/explain said: why the server refused the attempt; that it saw none, or an end that it did not cause,
 * so HTTP gets through and the transport does not; nothing, since HTTP does not get through either.
 * @typedef {'cause' | 'nothing' | 'unreachable'} Heard
 */

/**
 * How an attempt, or the connection that came of it, went.
 * @typedef {object} Outcome
 * @property {boolean} wasOpen
 * @property {boolean} didConnect  the connect reply came
 * @property {number} lived  milliseconds from the connect reply to the end; 0 without one
 * @property {import('../types.js').Ending} ending
 * @property {Heard} [heard]  of an attempt that never opened
 * @property {boolean} [isExcused]  the client's doing, or the device's: offline, asleep, a planned end
 */

/** So much in a row, and the transport is passed over. */
export const ENOUGH = 3;
const GRAVE = 1.5;
const SLIGHT = 1;

/** Ends before this are soon, milliseconds; pings that stop need longer to be missed. */
const SOON = 30_000;
const SOON_SILENT = 120_000;

const NO_CLOSE_FRAME = 1006;
const GAVE_UP = 4000;

/** It can't work here, whatever the network does: the path is switched off, the browser does not have or allow it. */
const HOPELESS = new Set([
  'transport_unsupported',
  'url_too_long',
  'not_found',
  'path_not_found',
  'method_not_allowed',
  'stream_buffered',
]);
/** Every transport would meet the same. */
const COMMON = new Set([
  'captive_portal',
  'upgrade_no_gateway',
  'offline',
  'server_unreachable',
  'mixed_content',
  'tls_required',
  'tls_not_spoken',
]);
/** There is nothing at the address: a mistake of whoever wrote the page, or set up the server. */
const MISPLACED = new Set(['not_found', 'path_not_found']);
/** What the server says of an attempt that it did not refuse; a path that is switched off counts as one, too. */
const UNREFUSED = new Set(['unknown_attempt', 'client_gone', 'ack_timeout', 'client_closed', 'connection_cut']);
/** Something on the way that does not know this transport. */
const STRANGE = new Set(['upgrade_timeout', 'open_timeout', 'answer_malformed', 'connect_timeout']);

/**
 * @param {TransportName} name
 * @param {Outcome} outcome
 * @returns {number | 'works'} from 0 up to ENOUGH; `works` where the transport did what it is there for
 */
export function blameFor(name, { wasOpen, didConnect, lived, ending, heard, isExcused }) {
  const { code, slug = '' } = ending;
  if (isExcused || ending.isLocal || COMMON.has(slug)) return 0;
  if (HOPELESS.has(slug)) return ENOUGH;
  if (wasOpen && !didConnect && slug === 'connect_timeout') return isStream(name) ? ENOUGH : GRAVE;
  if (code !== NO_CLOSE_FRAME && code !== GAVE_UP) return wasOpen ? 'works' : 0; // the server's own word
  if (didConnect) return lived < (slug === 'pings_missing' ? SOON_SILENT : SOON) ? SLIGHT : 'works';
  if (heard === 'cause' || heard === 'unreachable') return 0;
  return wasOpen || heard === 'nothing' || STRANGE.has(slug) ? GRAVE : SLIGHT;
}

/** @param {string} slug  of the error that asking /connection/explain came to @returns {Heard | undefined} */
export function heardOf(slug) {
  if (slug === 'open_failed') return undefined; // it has no words for it
  if (COMMON.has(slug) || slug === 'answer_malformed') return 'unreachable';
  return UNREFUSED.has(slug) || HOPELESS.has(slug) ? 'nothing' : 'cause';
}

/** Whether the address is to blame, of which nothing is remembered: it says nothing of the user's network. @param {string} [slug] */
export function isOfAddress(slug = '') {
  return MISPLACED.has(slug);
}

/** Opened, and then nothing: a path that holds back what it should pass on. @param {TransportName} name */
function isStream(name) {
  return name === 'http_stream' || name === 'sse';
}
