// @ts-check
/** Which events of the client are lines of its log, under the names of docs/logs.md where the gateway has the same. */

/** @type {Record<string, string>} */
const EVENTS = {
  connecting: 'connecting',
  connected: 'connected',
  disconnected: 'connection_closed',
  error: 'connection_refused',
  login: 'login_needed',
  transport: 'transport_changed',
  quality: 'quality_changed',
  level: 'level_changed',
};

/** What the application, or the device, wanted is no trouble. */
const PLANNED = ['disconnect_called', 'page_frozen'];

/**
 * @param {import('./log.js').Log} log
 * @param {string} name  of an event
 * @param {any} detail
 * @param {number} [at]  by the user's clock
 */
export function record(log, name, { error, cid, attempt: number, ...rest }, at) {
  const event = EVENTS[name];
  if (!event) return;
  if (cid) log.attempt = cid;
  const isTrouble = error && !PLANNED.includes(error.slug);
  log.write(isTrouble ? 'warning' : 'info', event, { number, ...rest, ...factsOf(error) }, at);
}

/** @param {any} error  a HoldfastError, or none */
function factsOf(error) {
  if (!error) return {};
  const { slug, number: code, detail, attempt } = error;
  return { slug, code, detail, ...(attempt && { attempt }) };
}
