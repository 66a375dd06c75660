// @ts-check
/** What each switch does. Those that break the server's side ask the gateway, which has them under `serve --dev` alone. */

import { tokens } from './breakable.js';
import { network, setOffline } from './network.js';

const BLOCKED_FOR = 180;
const SLOW = 1_200;
/** The client knows the server's clock: it has to be deceived, or it would not send a token that has expired. */
const DECEIT = 60;

/**
 * @typedef {object} Switch
 * @property {string} name
 * @property {Record<string, () => Promise<unknown> | void>} actions  by the name of the button
 * @property {() => boolean} [isOn]  it stays on, and its last action turns it off
 * @property {boolean} [isFelt]  the connection stays: what comes of it is that features step back
 * @property {boolean} [holds]  while it is on, nothing comes back
 * @property {number} [seconds]  after which it turns itself off
 */

/** What the gateway says to a switch, in words for users. */
export class SwitchError extends Error {}

/**
 * @param {any} service
 * @returns {Switch[]}
 */
export function switchesOf(service) {
  const own = () => ({ attempt: service.attempt });
  let blockedUntil = 0;
  const block = async (/** @type {string[]} */ transports) => {
    await ask('block', { transports, seconds: BLOCKED_FOR });
    blockedUntil = performance.now() + BLOCKED_FOR * 1000;
    if (service.state === 'connected') await ask('kill', own());
  };
  const unblock = async () => {
    blockedUntil = 0;
    await ask('block', {});
  };
  return [
    { name: 'kill', actions: { kill: () => ask('kill', own()) } },
    { name: 'restart', actions: { restart: () => ask('restart', {}) } },
    {
      name: 'offline',
      actions: { offline: () => setOffline(true), online: () => setOffline(false) },
      isOn: () => network.isOffline,
      holds: true,
    },
    { name: 'silence', actions: { silence: () => ask('silence', own()) } },
    {
      name: 'block',
      actions: { block: () => block(['websocket']), streams: () => block(['websocket', 'http_stream', 'sse']), unblock },
      isOn: () => performance.now() < blockedUntil,
      seconds: BLOCKED_FOR,
    },
    {
      name: 'slow',
      actions: { slow: () => void (network.delay = SLOW), fast: () => void (network.delay = 0) },
      isOn: () => network.delay > 0,
      isFelt: true,
    },
    { name: 'expire', actions: { expire: () => expire(own()) } },
    {
      name: 'empty',
      actions: { empty: () => empty(own()), filled: () => fill(service) },
      isOn: () => tokens.isEmpty,
    },
  ];
}

/** @param {{attempt: string}} own */
async function expire(own) {
  const { token, expired_ago: ago } = await ask('token', {});
  tokens.next = { token, server_time: Date.now() / 1000 - ago - DECEIT };
  await ask('expire', own);
}

/** @param {{attempt: string}} own */
async function empty(own) {
  tokens.isEmpty = true;
  await ask('expire', own).catch((fault) => {
    tokens.isEmpty = false;
    throw fault;
  });
}

/** @param {any} service */
function fill(service) {
  tokens.isEmpty = false;
  service.retryNow();
}

/** @param {string} name @param {object} body @returns {Promise<any>} */
async function ask(name, body) {
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  const response = await fetch(`/auth/dev/${name}`, init).catch(() => null);
  if (response === null) throw new SwitchError('switch.unreachable');
  if (response.ok) return response.json();
  throw new SwitchError(response.status === 404 ? 'switch.unconnected' : response.status === 401 ? 'switch.login' : 'switch.failed');
}
