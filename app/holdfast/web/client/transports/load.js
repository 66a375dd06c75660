// @ts-check
/** The transports that a page with WebSocket never loads. */

import { errorOf } from '../errors.js';

/** @typedef {import('../types.js').TransportName} TransportName */
/** @typedef {import('../types.js').TransportMaker} TransportMaker */

/** Written out, so that bundlers find them. @type {Record<string, [file: string, maker: string, load: () => Promise<any>]>} */
const FALLBACKS = {
  http_stream: ['./http-stream.js', 'httpStreamTransport', () => import('./http-stream.js')],
  sse: ['./sse.js', 'sseTransport', () => import('./sse.js')],
  poll: ['./poll.js', 'pollTransport', () => import('./poll.js')],
};

/** @type {Map<TransportName, number>} */
const failures = new Map();

/**
 * @param {TransportName} name
 * @param {(file: string) => Promise<any>} [load]  imports a file of this folder
 * @returns {Promise<TransportMaker>} rejects with `import_failed`, which may pass
 */
export async function loadTransport(name, load) {
  const [file, maker, loadFirst] = FALLBACKS[name];
  const failed = failures.get(name) ?? 0;
  // Browsers keep a failed import for as long as the page lives, by its address.
  const address = failed === 0 ? file : `${new URL(file, import.meta.url)}?again=${failed}`;
  try {
    const module = await (load ? load(address) : failed === 0 ? loadFirst() : import(address));
    return module[maker];
  } catch (error) {
    failures.set(name, failed + 1);
    throw errorOf({ slug: 'import_failed', detail: `${name}: ${error}` });
  }
}

/**
 * @param {TransportName} name
 * @param {import('../types.js').Environment} environment
 * @returns {boolean} whether the browser has what it takes
 */
export function isSupported(name, environment) {
  if (name === 'websocket') return environment.WebSocket !== undefined;
  if (name === 'sse') return environment.EventSource !== undefined && environment.fetch !== undefined;
  return environment.fetch !== undefined;
}
