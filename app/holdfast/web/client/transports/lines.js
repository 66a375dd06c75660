// @ts-check
/** JSON objects, one a line: how commands and messages travel. */

/** Characters of one frame or chunk beyond which nothing is parsed: no honest server sends so much at once. */
export const LONGEST_TEXT = 33_554_432;

/**
 * @param {import('../types.js').Command[]} commands
 * @param {number} longest  characters at which another text begins
 * @returns {string[]} each with as many of the commands, in order, as fit, and at least one
 */
export function linesOf(commands, longest) {
  /** @type {string[]} */
  const texts = [];
  for (const line of commands.map((command) => JSON.stringify(command))) {
    const last = texts.length - 1;
    if (last >= 0 && texts[last].length + line.length < longest) texts[last] += `\n${line}`;
    else texts.push(line);
  }
  return texts;
}

/**
 * @param {unknown} data  what came
 * @returns {import('../types.js').Message[] | null} null where it is no text with one JSON object a line
 */
export function parseLines(data) {
  if (typeof data !== 'string' || data.length > LONGEST_TEXT) return null;
  try {
    const messages = data.split('\n').filter((line) => line.trim() !== '').map((line) => JSON.parse(line));
    return messages.every((message) => message instanceof Object && !Array.isArray(message)) ? messages : null;
  } catch {
    return null;
  }
}
