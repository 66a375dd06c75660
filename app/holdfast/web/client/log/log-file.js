// @ts-check
/** The log as a file for support: what kind of browser it is, then each line. */

/** @typedef {import('./log.js').Log} Log */
/** @typedef {import('../types.js').Environment} Environment */

/**
 * @param {Log} log
 * @param {Environment} environment
 * @returns {string} one JSON object a line
 */
export function textOf(log, environment) {
  return [factsOf(log, environment), ...log.lines].map((line) => `${JSON.stringify(line)}\n`).join('');
}

/**
 * Let the browser save it.
 * @param {Log} log
 * @param {Environment} environment
 */
export function download(log, environment) {
  const document = /** @type {Document} */ (environment.document);
  const address = URL.createObjectURL(new Blob([textOf(log, environment)], { type: 'application/x-ndjson' }));
  const moment = new Date(environment.wallClock()).toISOString().slice(0, 19).replaceAll(':', '-');
  const link = Object.assign(document.createElement('a'), { href: address, download: `holdfast-${moment}.ndjson` });
  document.body.append(link); // Firefox follows no link that is not in the page
  link.click();
  link.remove();
  environment.setTimer(() => URL.revokeObjectURL(address), 60_000);
}

/** @param {Log} log @param {Environment} environment */
function factsOf(log, environment) {
  const connection = /** @type {any} */ (environment.connection);
  return {
    event: 'environment',
    time: new Date(environment.wallClock()).toISOString(),
    page: new URL(environment.baseUrl).origin, // the rest of an address may hold secrets
    agent: environment.userAgent,
    language: environment.language,
    is_online: environment.isOnline(),
    is_hidden: environment.isHidden(),
    network: connection?.effectiveType,
    saves_data: connection?.saveData,
    lines_before: Math.max(0, log.count - log.lines.length),
  };
}
