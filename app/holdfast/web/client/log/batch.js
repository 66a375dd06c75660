// @ts-check
/** Which lines go to the gateway in one request, and under which token. Pure. */

/** @typedef {import('./log.js').Line} Line */
/** @typedef {{body: string, count: number, attempt: string, token: string}} Batch */

export const MOST_LINES = 100;
/** Less than /client/logs takes, and sendBeacon. */
export const MOST_BYTES = 60_000;

/**
 * Take as many lines from the front as belong under one token. Those of an attempt without a token, for the gateway never
 * saw it, go under the newest one; they say themselves which attempt they are of.
 * @param {Line[]} lines  at least one
 * @param {Map<string, string>} tokens  by attempt, the newest last
 * @param {number} sent  the user's clock
 * @returns {Batch | null} nothing where there is no token
 */
export function batchOf(lines, tokens, sent) {
  const newest = [...tokens.keys()].pop();
  if (newest === undefined) return null;
  const ownerOf = (/** @type {Line} */ { attempt }) => (attempt !== undefined && tokens.has(attempt) ? attempt : newest);
  const attempt = ownerOf(lines[0]);
  const token = /** @type {string} */ (tokens.get(attempt));
  /** @type {string[]} */
  const texts = [];
  let bytes = JSON.stringify({ log_token: token, sent, lines: [] }).length;
  for (const line of lines.slice(0, MOST_LINES)) {
    if (ownerOf(line) !== attempt) break;
    const text = textOf(line);
    bytes += bytesOf(text) + 1;
    if (bytes > MOST_BYTES) break;
    texts.push(text);
  }
  const body = `{"log_token":${JSON.stringify(token)},"sent":${Math.round(sent)},"lines":[${texts.join()}]}`;
  return { body, count: texts.length, attempt, token };
}

/** @param {Line} line */
function textOf(line) {
  const text = JSON.stringify(line);
  if (bytesOf(text) < MOST_BYTES / 2) return text;
  const { t, level, event, attempt } = line;
  return JSON.stringify({ t, level, event, attempt, is_cut: true });
}

/** @param {string} text */
function bytesOf(text) {
  return new TextEncoder().encode(text).length;
}
